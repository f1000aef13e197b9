#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does it help to say who may be whose neighbour? Prints the table that docs/neighbours.md quotes, of the sixty
# detectors of Los Angeles around the first one ($XLSTMD_DATA, by default ../shared/data beside the source).
#
#   candidates.sh XLSTMCTL
set -eu
xlstmctl=$1
data=${XLSTMD_DATA:-$(dirname "$0")/../../../shared/data}/traffic
[ -d "$data" ] || {
	echo "skipped: no data at $data"
	exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Positions, nearest ones and edges of those sixty: awk -v prints one of them, of k neighbours.
tables() {
	zcat "$data/los_speed.csv.gz" | head -1 | tr , '\n' >"$folder/names"
	zcat "$data/los_adj.csv.gz" | awk -F, -v what="$1" -v k="$2" \
		-v names="$folder/names" -v places="$data/los_locations.csv" '
		BEGIN {
			while ((getline line < places) > 0) {
				split(line, part, ",")
				north[part[2]] = part[3]; east[part[2]] = part[4]
			}
			while ((getline line < names) > 0)
				name[++n] = line
			for (i = 1; i <= n; i++) { rest[i] = i }
			for (m = 0; m < 60; m++) {
				best = 0
				for (i in rest)
					if (!best || away(1, i) < away(1, best) ||
						(away(1, i) == away(1, best) && i + 0 < best + 0)) best = i
				taken[best] = 1
				delete rest[best]
			}
		}
		function away(a, b,   x, y) {
			y = (north[name[a]] - north[name[b]]) * 111320
			x = (east[name[a]] - east[name[b]]) * 111320 * cos(north[name[a]] * 0.0174533)
			return sqrt(x * x + y * y)
		}
		NR in taken { for (i = 1; i <= n; i++) if (i in taken && i != NR && $i > 0)
			edges = edges name[NR] "," name[i] "," $i "\n" }
		function nearest(a,   b, i, m, left) {
			for (b in taken) if (b != a) left[b] = 1
			for (m = 0; m < k; m++) {
				best = 0
				for (b in left) if (!best || away(a, b) < away(a, best)) best = b
				delete left[best]
				print name[a] "," name[best] ",1"
			}
		}
		END {
			if (what == "columns") { for (i = 1; i <= n; i++) if (i in taken) printf "%d ", i; exit }
			print "from,to,weight"
			if (what == "edges") printf "%s", edges
			else for (i = 1; i <= n; i++) if (i in taken) nearest(i)
		}'
}

tables columns 0 >"$folder/columns"
zcat "$data/los_speed.csv.gz" | awk -F, -v columns="$(cat "$folder/columns")" '
	BEGIN { n = split(columns, column, " ") }
	{ for (i = 1; i <= n; i++) printf "%s%s", $column[i], i < n ? "," : "\n" }' | gzip >"$folder/speeds.csv.gz"

try() {
	what=$1
	shift
	"$xlstmctl" backtest "$folder/speeds.csv.gz" --wide --step 5m --horizons 3,6,12 \
		--score-from 504 --model none --json "$@" | awk -v what="$what" '
		BEGIN { RS = "{\"h\":" }
		NR > 1 { match($0, /"mae_at_h":[^,]*/); line = line " " substr($0, RSTART + 11, RLENGTH - 11) }
		END { printf "%-12s MAE%s\n", what, line }'
}

try alone
try all --group
for k in 6 12 20; do
	tables near "$k" >"$folder/near"
	try "$k closest" --group --adjacency "$folder/near"
done
tables edges 0 >"$folder/edges"
try adjacency --group --adjacency "$folder/edges"

# The same roads, each detector under the name of the one that stands 23 columns further.
zcat "$folder/speeds.csv.gz" | awk -F, '
	NR == FNR && FNR == 1 { for (i = 1; i <= NF; i++) other[$i] = $((i + 22) % NF + 1) }
	NR == FNR { next }
	{ print FNR == 1 ? $0 : other[$1] "," other[$2] "," $3 }' - "$folder/edges" >"$folder/shuffled"
try shuffled --group --adjacency "$folder/shuffled"
