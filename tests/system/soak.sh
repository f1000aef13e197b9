#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# soak.sh SECONDS ROWS: a real daemon at work for SECONDS, with ROWS rows of twenty channels each second.
# Nothing may be lost or refused, in an hour or more memory may not grow after the first half, and
# the daemon has to end well. A daemon built with the address sanitizer ends otherwise if it has leaked; $RUNNER may
# name a program to run it under ("valgrind -q --error-exitcode=9").
set -eu
seconds=${1:?seconds} rows=${2:?rows a second}
. "$SUPPORT/broker.sh"

# Memory of the daemon's own, the inbox's file apart: the least in the last quarter over the least in the second,
# percent. In between bursts come and go.
GROWTH_MAX=103
# And the most at any time, kB: 64 MB of lessons, 16 MB of pages in SQLite's cache, two journals and two outboxes of
# 16 MB each in a burst, 9 MB of states, 15 MB for all else.
MEMORY_MAX=172032

daemon=
on_exit() {
	[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || :
}

broker_start "max_queued_messages 100000"
cd "$BROKER_FOLDER"
cat >soak.conf <<EOF
[mqtt]
server = $BROKER_URL
[store]
path = $BROKER_FOLDER/soak.db
keep_readings = forever
[forecast]
model = $MODEL
[source soak]
topic = soak/{detector}
format = json
step = 60s
EOF

# A day's wave of twenty channels, with noise; a tenth of the last channel is missing.
total=$((seconds * rows))
gawk -v total="$total" 'BEGIN {
	srand(1)
	printf "time"
	for (c = 0; c < 20; c++) printf ",c%d", c
	print ""
	for (t = 0; t < total; t++) {
		printf "%d", 1600000020 + 60 * t
		for (c = 0; c < 19; c++)
			printf ",%.3f", c + 5 * sin(t * 6.28318 / 1440 + c) + rand()
		printf rand() < 0.1 ? ",\n" : ",%.3f\n", rand()
	}
}' >soak.csv

# Every ten seconds, while the daemon lives: seconds and kB.
watch_memory() {
	elapsed=0
	while own=$(awk '/^RssAnon/ { print $2 }' "/proc/$daemon/status" 2>/dev/null) && [ -n "$own" ]; do
		echo "$elapsed $own" >>memory
		sleep 10
		elapsed=$((elapsed + 10))
	done
}

# The least of a quarter.
least() {
	awk -v from=$((seconds * ($1 - 1) / 4)) -v to=$((seconds * $1 / 4)) '$1 >= from && $1 <= to && (!n++ || $2 < least) { least = $2 }
		END { print least }' memory
}

${RUNNER-} "$XLSTMD" -c soak.conf >daemon.log 2>&1 &
daemon=$!
waited=0
until grep -q 'broker: connected' daemon.log; do
	kill -0 "$daemon" && [ "$waited" -lt 600 ] || { cat daemon.log; exit 1; }
	waited=$((waited + 1))
	sleep 0.1
done
sleep 1

"$XLSTMCTL" replay --server "$BROKER_URL" --time time --topic 'soak/{detector}' --rate "$rows" \
	soak.csv >replay.log 2>&1 &
replay=$!
watch_memory &
wait "$replay" || { cat replay.log; exit 1; }

readings=$(gawk -F, 'NR > 1 { for (c = 2; c <= NF; c++) n += $c != "" } END { print n }' soak.csv)

# On a busy machine the daemon is behind, and the rest waits in the broker.
stored() {
	sqlite3 -readonly soak.db 'SELECT count(*) FROM reading WHERE value IS NOT NULL'
}
waited=0
while [ "$(stored)" -lt "$readings" ] && [ "$waited" -lt 600 ]; do
	waited=$((waited + 1))
	sleep 1
done

stats() {
	mosquitto_sub -p "$BROKER_PORT" -t xlstm/main/response/stats -C 1 -W 600 >stats.json &
	asker=$!
	sleep 0.5
	mosquitto_pub -p "$BROKER_PORT" -t xlstm/main/request/stats -n
	wait "$asker"
}
stats
kill "$daemon"
status=0
wait "$daemon" || status=$?
daemon=

early=$(least 2) late=$(least 4) most=$(awk '$2 > most { most = $2 } END { print most }' memory)
stored=$(stored)
refused=$(sed 's/.*"refused":\({[^}]*}\).*/\1/' stats.json)
echo "$seconds s, $rows rows a second: $readings readings sent, $stored stored, refused $refused," \
	"at least $early kB in the second quarter, $late kB in the last, $most kB at the most, exit status $status"

failed=0
fail() {
	echo "MISSED: $*"
	failed=1
}
[ "$status" = 0 ] || fail "the daemon ends well: $(tail -20 daemon.log)"
[ "$stored" = "$readings" ] || fail "every reading is stored"
[ "$refused" = '{}' ] || fail "nothing is refused"
# Caches fill first; the sanitizer keeps what was freed for a while, and valgrind keeps its books.
if [ "$seconds" -ge 3600 ] && [ -z "${RUNNER-}" ] && ! nm -D "$XLSTMD" | grep -q __asan_init; then
	[ $((late * 100)) -le $((early * GROWTH_MAX)) ] || fail "memory stays"
	[ "$most" -le "$MEMORY_MAX" ] || fail "memory is bounded"
fi
exit $failed
