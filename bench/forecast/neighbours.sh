#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What are neighbours good for? Prints the table that docs/neighbours.md quotes, of the files in
# $XLSTMD_DATA (by default ../shared/data beside the source): mean absolute errors of the median and squared
# errors of the mean, at single leads, of every detector alone; of the same detectors in a group whose members
# learn together and see nobody (--blind); and in a group as it is. Weights of the network stay as they
# are, as in accuracy.sh.
#
#   neighbours.sh XLSTMCTL MODEL [NAME...]      names as below; all of them by default
set -eu
xlstmctl=$1
model=$2
shift 2
data=${XLSTMD_DATA:-$(dirname "$0")/../../../shared/data}
[ -d "$data/traffic" ] || {
	echo "skipped: no data at $data"
	exit 77
}
data=$(cd "$data" && pwd)
names=${*:-los congested prsa strangers stuck reversed}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
speeds=$data/traffic/los_speed.csv.gz
stations="Aotizhongxin Dongsi Guanyuan Tiantan Wanliu Gucheng"

# errors FILE LEADS OPTION... : MAE and MSE at each lead
errors() {
	file=$1
	leads=$2
	shift 2
	"$xlstmctl" backtest "$file" --wide --horizons "$leads" "$@" --json 2>/dev/null | awk '
		BEGIN { RS = "{\"h\":" }
		NR > 1 {
			match($0, /"mae_at_h":[^,]*/); mae = substr($0, RSTART + 11, RLENGTH - 11)
			match($0, /"mse_at_h":[^,]*/); mse = substr($0, RSTART + 11, RLENGTH - 11)
			print $0 + 0, mae, mse
		}'
}

# three OPTION... : alone, blind and grouped, added to files of these names
three() {
	errors "$@" >>"$folder/alone"
	errors "$@" --group --blind >>"$folder/blind"
	errors "$@" --group >>"$folder/grouped"
}

# compare WHAT FILE LEADS OPTION... : all three, and what seeing is good for
compare() {
	what=$1
	shift
	rm -f "$folder/alone" "$folder/blind" "$folder/grouped"
	three "$@"
	report "$what"
}

# The means of each file over its runs; ratios of the group over alone, and over blind.
report() {
	for kind in alone blind grouped; do
		awk '{ n[$1]++; a[$1] += $2; s[$1] += $3 }
			END { for (h in n) print h, a[h] / n[h], s[h] / n[h] }' \
			"$folder/$kind" | sort -n >"$folder/$kind.mean"
	done
	paste -d ' ' "$folder/alone.mean" "$folder/blind.mean" "$folder/grouped.mean" |
		awk -v what="$1" '{
		printf "%-26s lead %3d  MAE %.4g, blind %.4g, group %.4g (%.4f, %.4f)  ",
			what, $1, $2, $5, $8, $8 / $2, $8 / $5
		printf "MSE %.4g, %.4g, %.4g (%.4f, %.4f)\n", $3, $6, $9, $9 / $3, $9 / $6 }'
}

# How far the runs agree: the mean over them of what seeing takes off the error, and its standard error.
scatter() {
	paste -d ' ' "$folder/blind" "$folder/grouped" | awk -v what="$1" '
		{ d = 100 * (1 - $5 / $2); n[$1]++; sum[$1] += d; square[$1] += d * d }
		END { for (h in n) {
			mean = sum[h] / n[h]
			printf "%-26s lead %3d  %.2f%% less than blind, standard error %.2f%% (%d runs)\n",
				what, h, mean, sqrt((square[h] / n[h] - mean * mean) / (n[h] - 1)), n[h]
		} }' | sort -k 4n
}

# columns FILE AWK-PROGRAM : a file made from the speeds; h holds the heading, x[row, column] the values
columns() {
	zcat "$speeds" | awk -F, '
		NR == 1 { n = NF; for (i = 1; i <= NF; i++) h[i] = $i; next }
		{ rows = NR - 1; for (i = 1; i <= NF; i++) x[rows, i] = $i }
		END { '"$2"' }' | gzip >"$1"
}

# One column of an air quality file.
quantity() {
	zcat "$data/iot/prsa/$1.csv.gz" | awk -F, -v name="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) { gsub(/"/, "", $i); if ($i == name) at = i } }
		NR > 1 { print $at }'
}

for name in $names; do
	case $name in
	los)
		compare "speeds" "$speeds" 3,6,12 --step 5m --score-from 504 --model "$model" \
			--learn off
		;;
	congested)
		compare "speeds below 45 mph" "$speeds" 3,6,12 --step 5m --score-from 504 \
			--score-below 45 --model "$model" --learn off
		;;
	prsa)
		for what in PM2.5 NO2 O3; do
			for station in $stations; do
				{ echo "$station"; quantity "$station" "$what"; } >"$folder/$station"
			done
			(cd "$folder" && paste -d , $stations) | gzip >"$folder/prsa.csv.gz"
			compare "air, $what" "$folder/prsa.csv.gz" 1,3,6 --step 1h --missing NA \
				--score-from 8766 --model none
		done
		;;
	strangers)
		# Nothing in common: oil temperature, taxis, particles, a road, gas; 4000 rows of each.
		(cd "$folder" && {
			zcat "$data/ett/ETTh1.csv.gz" | awk -F, '{ print NR == 1 ? "oil" : $8 }' >1
			zcat "$data/nab/realKnownCause/nyc_taxi.csv.gz" |
				awk -F, '{ print NR == 1 ? "taxi" : $2 }' >2
			{ echo particles; quantity Dongsi PM2.5; } >3
			zcat "$data/traffic/i94_metro_volume.csv.gz" |
				awk -F, '{ print NR == 1 ? "road" : $9 }' >4
			zcat "$data/iot/AirQualityUCI.csv.gz" |
				awk -F, '{ print NR == 1 ? "gas" : $2 == -200 ? "NA" : $2 }' >5
			paste -d , 1 2 3 4 5 | head -n 4001 | gzip >strangers.csv.gz
		})
		compare "strangers" "$folder/strangers.csv.gz" 1,6,12 --step 1h --missing NA \
			--zscore-rows 1000 --score-from 1000 --model none
		;;
	stuck)
		# Every third detector; the last 28 of these 69 stick at row 504, scored are the others.
		for last in 2016 504; do
			columns "$folder/stuck$last.csv.gz" '
				for (t = 0; t <= rows; t++) for (i = 1; i <= n; i += 3) {
					at = i > 121 && t > '$last' ? '$last' : t
					printf "%s%s", t == 0 ? h[i] : x[at, i], (i + 3 <= n ? "," : "\n") }'
		done
		set -- 3,6,12 --step 5m --score-from 504 --score-first 41 --model none
		compare "41 of 69 speeds" "$folder/stuck2016.csv.gz" "$@"
		errors "$folder/stuck504.csv.gz" "$@" --group >"$folder/grouped"
		report "the same, 28 others stuck"
		;;
	reversed)
		# A detector among twenty others whose time runs backwards; 31 such, since single ones gain
		# and lose some per cent by chance.
		rm -f "$folder/alone" "$folder/blind" "$folder/grouped"
		for first in $(seq 4 6 184); do
			columns "$folder/reversed.csv.gz" '
				for (t = 0; t <= rows; t++) for (i = 0; i <= 20; i++) {
					at = '$first' + i
					v = t == 0 ? h[at] : x[i == 0 ? t : rows + 1 - t, at]
					printf "%s%s", v, (i < 20 ? "," : "\n") }'
			three "$folder/reversed.csv.gz" 3,6,12 --step 5m --score-from 504 \
				--score-first 1 --model none
		done
		report "among reversed"
		scatter "among reversed"
		;;
	*)
		echo "no control $name"
		exit 2
		;;
	esac
done
