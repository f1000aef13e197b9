#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xlstmctl replay against a real broker: what arrives is what the file says, in its order.
set -eu
: "${XLSTMCTL:?}" "${SUPPORT:?}"
. "$SUPPORT/broker.sh"
. "$SUPPORT/check.sh"
broker_start "max_queued_messages 0"
cd "$BROKER_FOLDER"

await_listener() {
	tries=0
	until grep -q ready everything; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || fail "nobody listens"
		mosquitto_pub -h 127.0.0.1 -p "$BROKER_PORT" -t replay/ready -m x
		sleep 0.05
	done
}

# Collects in `received` what is published while the command runs, until `count` messages have come.
collect() {
	count=$1
	shift
	: >everything
	mosquitto_sub -h 127.0.0.1 -p "$BROKER_PORT" -t 'replay/#' -t 'plant/#' -q 1 -v >everything &
	listener=$!
	await_listener
	"$XLSTMCTL" replay --server "$BROKER_URL" "$@" || fail "replay $* ended with $?"
	tries=0
	while grep -v replay/ready everything >received || :; [ "$(wc -l <received)" -lt "$count" ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || fail "replay $*: only $(wc -l <received) of $count messages came"
		sleep 0.05
	done
	kill $listener
	wait $listener || :
}

cat >pump.csv <<'CSV'
date,pressure,flow,note
2026-09-21 16:00:00,4.25,10.5,-200
2026-09-21 16:01:00,4.2500000000000009,,-200
2026-09-21 16:02:00,-1e-7,12,3
CSV

collect 3 --time date --channels pressure,flow --fast pump.csv
cat >expected <<'EXPECTED'
replay/pump {"time":1790006400,"pressure":4.25,"flow":10.5}
replay/pump {"time":1790006460,"pressure":4.250000000000001,"flow":null}
replay/pump {"time":1790006520,"pressure":-1e-07,"flow":12}
EXPECTED
diff received expected || fail "rows of one detector"

collect 9 --time date --missing -200 --fast --topic 'plant/{detector}/{channel}' pump.csv
grep -c 'plant/pump/note {"time":[0-9]*,"value":null}' received | grep -q 2 || fail "missing values"
grep -q 'plant/pump/note {"time":1790006520,"value":3}' received || fail "a value by itself"

collect 3 --time date --channels pressure --fast --wide pump.csv
[ "$(grep -c '^replay/pressure {"time":[0-9]*,"value":' received)" = 3 ] || fail "wide"

printf 'who,t,x\na,10,1\nb,10,2\na,20,3\n' | gzip >many.csv.gz
collect 3 --time t --detector-column who --fast many.csv.gz
cat >expected <<'EXPECTED'
replay/a {"time":10,"x":1}
replay/b {"time":10,"x":2}
replay/a {"time":20,"x":3}
EXPECTED
diff received expected || fail "detectors from a column, compressed"

collect 1 --time date --detector boiler --channels flow --limit 1 --skip 2 --fast pump.csv
grep -q '^replay/boiler {"time":1790006520,"flow":12}$' received || fail "--skip, --limit, --detector"

# Thousands of rows arrive whole and in order.
awk 'BEGIN { print "t,n"; for (i = 1; i <= 5000; i++) print i "," i }' >long.csv
collect 5000 --time t --fast --json long.csv >summary
grep -q '"rows":5000,"messages":5000' summary || fail "summary: $(cat summary)"
awk -F'[:}]' '{ if ($3 != NR) exit 1 }' received || fail "order"

# Two minutes of file time at sixty times the pace take two seconds.
start=$(date +%s%N)
collect 3 --time date --channels flow --speed 60 pump.csv
took=$((($(date +%s%N) - start) / 1000000))
[ $took -ge 2000 ] || fail "faster than --speed 60: $took ms"

# What is wrong is said, with the status that goes with it.
[ "$(status_of "$XLSTMCTL" replay pump.csv)" = 2 ] || fail "no --time"
[ "$(status_of "$XLSTMCTL" replay --time date --wide --detector d pump.csv)" = 2 ] || fail "two ways"
[ "$(status_of "$XLSTMCTL" replay --time date --speed -1 pump.csv)" = 2 ] || fail "a negative speed"
[ "$(status_of "$XLSTMCTL" replay --server "$BROKER_URL" --time when pump.csv)" = 2 ] || fail "no such column"
grep -q when errors || fail "the column is not named"
[ "$(status_of "$XLSTMCTL" replay --server "$BROKER_URL" --time date --fast pump.csv --topic 'a/#')" = 1 ] ||
	fail "a wildcard to publish on"
[ "$(status_of "$XLSTMCTL" replay --server "$BROKER_URL" --time date nowhere.csv)" = 1 ] || fail "no file"
printf 't,x\n1,one\n' >words.csv
[ "$(status_of "$XLSTMCTL" replay --server "$BROKER_URL" --time t words.csv)" = 1 ] || fail "a word for a value"
grep -q 'row 2.*"one"' errors || fail "the cell is not named: $(cat errors)"

# A broker that dies on the way: it says how far it got.
awk 'BEGIN { print "t,n"; for (i = 1; i <= 2000000; i++) print i "," i }' >endless.csv
"$XLSTMCTL" replay --server "$BROKER_URL" --time t --fast endless.csv 2>errors &
player=$!
mosquitto_sub -h 127.0.0.1 -p "$BROKER_PORT" -t 'replay/#' -q 1 -C 20000 >/dev/null
broker_kill
set +e
wait $player
status=$?
set -e
[ $status = 1 ] || fail "a broker that died: status $status"
grep -q 'go on with --skip [0-9]*000$' errors || fail "a broker that died: $(cat errors)"
