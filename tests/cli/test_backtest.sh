#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xlstmctl backtest, from the outside. $XLSTMCTL is the program, $MODEL a file of weights.
set -eu
xlstmctl=$XLSTMCTL
model=$MODEL
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
	echo "$*"
	exit 1
}

# Two channels with a day of 24 hours, noise, a missing run and words for what is missing.
rows() {
	seed=1
	row=0
	echo time,flow,level
	while [ $row -lt "$1" ]; do
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		hour=$((row % 24))
		flow=$(((hour - 12) * (hour - 12) * 10 + seed / 65536 % 200))
		level=$((flow / 3 + seed / 1024 % 50))
		[ $((row % 97)) -lt 5 ] && flow=NA
		[ $((row % 61)) -eq 7 ] && level=
		echo "$((1700000000 + row * 3600)),$flow,$level"
		row=$((row + 1))
	done
}
rows 400 >all.csv
mkdir part

backtest() {
	file=$1
	shift
	"$xlstmctl" backtest "$file" --time time --step 1h --missing NA --horizons 1,5 "$@"
}

# Nothing later than a row may influence what is forecast at it: of a file that ends earlier, the
# forecasts are the same, byte for byte.
for network in none "$model"; do
	backtest all.csv --model "$network" --forecasts all.out >/dev/null
	for rows in 2 30 119 250; do
		head -n $rows all.csv >part/all.csv
		backtest part/all.csv --model "$network" --forecasts part.out >/dev/null
		size=$(wc -c <part.out)
		[ "$size" -gt 100 ] || fail "no forecasts of $rows rows"
		head -c "$size" all.out | cmp - part.out ||
			fail "$rows rows: other forecasts than from the whole file"
	done
done
head -n 1 all.out | grep -qx \
	'origin,target,series,lead,mean,q0.1,q0.2,q0.3,q0.4,q0.5,q0.6,q0.7,q0.8,q0.9' ||
	fail "heading of the forecasts"
grep -q '^2023-11-14T22:13:20Z,2023-11-14T23:13:20Z,all/level,1,' all.out ||
	fail "the first row has no forecast"

# Compressed, and from a pipe.
scores() {
	sed 's/"file":"[^"]*",//; s/"seconds":[^,]*,//; s/"peak_rss_mb":[^,]*,//'
}
backtest all.csv --model none --json | scores >plain
gzip -c all.csv >all.csv.gz
backtest all.csv.gz --model none --json | scores | cmp - plain || fail "gzip"
backtest - --model none --json <all.csv | scores | cmp - plain || fail "standard input"
grep -q '"h":5,"mse":[0-9.]*,"mae":[0-9.]*,' plain || fail "JSON: $(cat plain)"
grep -q '"without_network":{"mse":[0-9.]*,"mae":[0-9.]*},"experts":{"persistence":{"mse":' plain ||
	fail "JSON: $(cat plain)"

# Every Kth row, chosen experts, rows that count.
backtest all.csv --model none --forecasts every.out --forecast-every 10 >/dev/null
grep -c 'level,1,' every.out | grep -qx 40 || fail "every tenth row"
backtest all.csv --model none --experts persistence,seasonal --score-from 100 --score-to 200 \
	--json >out
grep -q '"scored_rows":100,' out || fail "scored rows: $(cat out)"
grep -q '"rls"' out && fail "an expert that was not wanted"

# Detectors in columns of their own, and named by a column: the same series, the same scores.
printf 'time,id,value\n' >long.csv
tail -n +2 all.csv | while IFS=, read -r time flow level; do
	echo "$time,flow,$flow"
	echo "$time,level,$level"
done >>long.csv
backtest all.csv --model none --wide --json | scores >wide
backtest long.csv --model none --detector-column id --channels value --json | scores |
	cmp - wide || fail "a long file is not what a wide one is"

# Whom a detector may see changes what it forecasts; where it is does not, among so few.
{
	echo time,a,b,c
	awk 'BEGIN { for (i = 0; i < 300; i++) printf "%d,%.3f,%.3f,%.3f\n", 1700000000 + 3600 * i,
		sin(i / 3) + i % 7 / 9, sin((i - 1) / 3) + i % 5 / 9, sin((i - 2) / 3) + i % 3 / 9 }'
} >trio.csv
printf 'detector,x,y\na,0,0\nb,10,0\nc,20,0\n' >places.csv
printf 'from,to,weight\nc,a,1\nb,b,1\n' >next.csv
trio() {
	backtest trio.csv --wide --group --model none --json "$@" | scores
}
trio >grouped
trio --positions places.csv | cmp - grouped || fail "positions"
trio --adjacency next.csv >linked
cmp -s linked grouped && fail "candidates change nothing"

# Real positions and edges, where they are.
data=${XLSTMD_DATA:-$(dirname "$0")/../../../shared/data}/traffic
if [ -d "$data" ]; then
	zcat "$data/los_speed.csv.gz" | head -200 | cut -d, -f1-20 >road.csv
	sed 's/^index,sensor_id/index,detector/' "$data/los_locations.csv" >road-places.csv
	zcat "$data/los_adj.csv.gz" | awk -F, -v heading="$(head -1 road.csv)" '
		BEGIN { n = split(heading, name, ","); print "from,to,weight" }
		NR <= n { for (i = 1; i <= n; i++) print name[NR] "," name[i] "," $i }' >road-edges.csv
	"$xlstmctl" backtest road.csv --wide --step 5m --group --model none --horizons 3 \
		--positions road-places.csv --adjacency road-edges.csv >out ||
		fail "the road: $(cat out)"
else
	echo "skipped: no data at $data"
fi

# What can't be.
expect() {
	wanted=$1
	pattern=$2
	shift 2
	status=0
	"$xlstmctl" backtest "$@" >out 2>&1 || status=$?
	[ $status = "$wanted" ] || fail "backtest $*: exit status $status: $(cat out)"
	grep -q "$pattern" out || fail "backtest $*: $(cat out)"
}
expect 0 '^Usage' --help
expect 2 'expected one file'
expect 2 'wrong --horizons "0"' all.csv --horizons 0
expect 2 'no column "flood"' all.csv --time time --channels flood
expect 2 'the --step must be known' all.csv
expect 2 'exclude each other' all.csv --time time --wide --detector-column flow
expect 1 'row 2, column "flow": "NA" is not a number' all.csv --time time --step 1h
expect 1 'No such file' none.csv --time time
printf 'detector,x,y\na,0,far\n' >wrong.csv
expect 2 'wrong.csv:2: column 3 (y): found "far"' trio.csv --time time --wide --group --positions wrong.csv
expect 2 'are of a --group' trio.csv --time time --wide --positions places.csv
expect 2 'nothing.safetensors' all.csv --time time --model nothing.safetensors
printf 'time,a\n1700000000,1,2\n' >ragged.csv
expect 1 'ragged.csv' ragged.csv --time time
printf 'time,a\nsoon,1\n' >late.csv
expect 1 'row 2: "soon" is not a time' late.csv --time time

# In a group, detectors see each other, and still nothing that is later; what is in no group is forecast as
# before.
awk 'BEGIN { srand(3); print "a,b,c"; for (t = 0; t < 300; t++) {
	w[t] = 0.9 * w[t - 1] + rand() - 0.5
	printf "%.4f,%.4f,%.4f\n", w[t] + 0.1 * rand(), w[t - 1] + 0.1 * rand(), w[t - 2] + 0.1 * rand() } }' >wide.csv
wide() {
	"$xlstmctl" backtest "$1" --wide --step 1h --horizons 1,2 --model none --forecasts "$2" $3 --json
}
wide wide.csv grouped.out --group >grouped.json
wide wide.csv alone.out "" >alone.json
head -n 200 wide.csv >part/wide.csv
wide part/wide.csv part.out --group >/dev/null
head -c "$(wc -c <part.out)" grouped.out | cmp - part.out || fail "neighbours told of the future"
cmp -s grouped.out alone.out && fail "a group changes nothing"
grep -q '"neighbours_own":{"mse"' grouped.json || fail "neighbours are not reported"
grep -q '"neighbours' alone.json && fail "neighbours without a group"
true
