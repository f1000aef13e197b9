#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Detectors in a group, through broker and daemon: they find each other, people can see it, and a restart
# forgets nothing.
set -eu
: "${XLSTMCTL:?}" "${XLSTMD:?}" "${SUPPORT:?}"
. "$SUPPORT/broker.sh"
. "$SUPPORT/daemon.sh"

ask() {
	sqlite3 -readonly xlstmd.db "$1"
}

# Whether so many readings are in the database.
arrived() {
	[ "$(ask 'SELECT count(*) FROM reading')" -ge "$1" ]
}

broker_start
cd "$BROKER_FOLDER"

# A wave that passes four detectors, one an hour; a fifth that has nothing to do with them.
road() {
	awk -v from="$1" -v to="$2" '
	function noise() { seed = seed * 16807 % 2147483647; return seed / 2147483647 - 0.5 }
	BEGIN {
		seed = 7
		print "time,d0,d1,d2,d3,d4"
		for (i = 0; i < to; i++) {
			wave[i] = 0.8 * wave[i - 1] + 10 * noise()
			row = 1790006400 + i * 3600
			for (d = 0; d < 5; d++)
				row = row "," (d < 4 ? 60 + wave[i - d] + noise() : 20 + 10 * noise())
			if (i >= from)
				print row
		}
	}'
}
road 0 200 >first.csv
road 200 260 >second.csv

cat >xlstmd.conf <<CONF
[mqtt]
server = $BROKER_URL
[store]
path = $BROKER_FOLDER/xlstmd.db
commit_interval = 100ms
[forecast]
model = none
[source replay]
topic = replay/{detector}
format = json
time = time
step = 1h
horizon = 4
group = road
CONF

daemon_start
"$XLSTMCTL" replay --server "$BROKER_URL" --time time --wide --rate 50 first.csv ||
	fail "replay"
await 60 arrived 1000
daemon_stop

[ "$(ask 'SELECT count(*) FROM neighbourhood')" = 1 ] || fail "the neighbourhood is not saved"
[ "$(ask "SELECT neighbour FROM neighbours WHERE series='d3/value' AND rank=1")" = d2/value ] ||
	fail "d3 does not see d2"
[ "$(ask "SELECT count(*) FROM neighbour_gains WHERE series='d3/value' AND gain>0.1")" -ge 1 ] ||
	fail "d3 gains nothing: $(ask 'SELECT * FROM neighbour_gains')"
"$XLSTMCTL" neighbours --database xlstmd.db d3 >told
grep -q 'sees *d2/value' told || fail "xlstmctl does not tell that d3 sees d2: $(cat told)"
"$XLSTMCTL" neighbours --database xlstmd.db d0 | grep -q 'is seen by' || fail "nobody sees d0"

before=$(ask "SELECT alone FROM neighbour_gain JOIN series s ON s.id=series
	WHERE s.name='d3/value' AND lead=1")
daemon_start
grep -q "can't be used" xlstmd.log && fail "something saved can't be used"
"$XLSTMCTL" replay --server "$BROKER_URL" --time time --wide --rate 50 second.csv ||
	fail "second replay"
await 60 arrived 1300
daemon_stop
after=$(ask "SELECT alone FROM neighbour_gain JOIN series s ON s.id=series
	WHERE s.name='d3/value' AND lead=1")
[ "$before" != "$after" ] || fail "nothing was learned after the restart"
[ "$(ask "SELECT neighbour FROM neighbours WHERE series='d3/value' AND rank=1")" = d2/value ] ||
	fail "d3 has forgotten d2"
[ "$(ask 'SELECT count(*) FROM neighbourhood')" = 1 ] || fail "a second neighbourhood has begun"
