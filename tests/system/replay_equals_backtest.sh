#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same file through broker and daemon and through xlstmctl backtest gives the same forecasts: what
# is measured on files holds for the service.
set -eu
: "${XLSTMCTL:?}" "${XLSTMD:?}" "${SUPPORT:?}"
. "$SUPPORT/broker.sh"
. "$SUPPORT/daemon.sh"

broker_start
cd "$BROKER_FOLDER"

# Three weeks of hours, two channels, a gap, a spike and missing values.
awk 'function noise() { seed = seed * 16807 % 2147483647; return seed / 2147483647 - 0.5 }
BEGIN {
	seed = 7
	print "time,speed,volume"
	for (i = 0; i < 504; i++) {
		if (i >= 200 && i < 205) continue
		wave = sin(i / 24 * 6.283185307)
		speed = 60 + 8 * wave + 3 * noise() + (i == 350 ? 30 : 0)
		volume = i % 37 == 5 ? "" : sprintf("%.6f", 200 - 90 * wave + 20 * noise())
		printf "%d,%.6f,%s\n", 1790006400 + i * 3600, speed, volume
	}
}' >road.csv

cat >xlstmd.conf <<CONF
[mqtt]
server = $BROKER_URL
[store]
path = $BROKER_FOLDER/xlstmd.db
commit_interval = 100ms
[source replay]
topic = replay/{detector}
format = json
time = time
step = 1h
horizon = 24
CONF
daemon_start

"$XLSTMCTL" replay --server "$BROKER_URL" --time time --lockstep road.csv || fail "replay"
"$XLSTMCTL" backtest road.csv --time time --step 1h --horizons 24 --forecasts backtest.csv >/dev/null ||
	fail "backtest"
# One for each row, series and lead. (backtest also writes what would have been said in the gap.)
expected=$((499 * 2 * 24))

stored() {
	sqlite3 -readonly xlstmd.db 'SELECT count(*) FROM forecast_history'
}
enough() {
	[ "$(stored)" -ge "$expected" ]
}
await 30 enough
[ "$(stored)" = "$expected" ] || fail "$(stored) forecasts stored instead of $expected"

# Every row of the one has its match in the other, to 1e-5 of its size.
sqlite3 -readonly -csv xlstmd.db "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', issued), series, lead,
	mean, q10, q20, q30, q40, q50, q60, q70, q80, q90 FROM forecast_history" >live.csv
awk -F, '
function far(a, b) { return (a > b ? a - b : b - a) > 1e-5 * (b < 0 ? -b : b) + 1e-9 }
FNR == NR { backtest[$1 "," $3 "," $4] = $0; next }
{
	key = $1 "," $2 "," $3
	if (!(key in backtest)) { print "backtest lacks " key; bad++; next }
	split(backtest[key], expected, ",")
	for (i = 4; i <= 13; i++)
		if (far($i, expected[i + 1])) { print key ": " $i " instead of " expected[i + 1]; bad++; break }
	rows++
}
END { print rows " rows alike"; exit bad > 0 }' backtest.csv live.csv >compared ||
	fail "$(head -n 5 compared)"
cat compared

daemon_stop
