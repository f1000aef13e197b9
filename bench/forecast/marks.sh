#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The mix against what it should beat, on the files in $XLSTMD_DATA (by default ../shared/data beside the
# source): as ratios for each file, geometric means over its horizons, and their mean over the files.
#
#   marks.sh XLSTMCTL MODEL RESULTS [NAME...]      names of files.sh; all of them by default
#
# Results of backtests are kept as JSON in the folder RESULTS and not made again. Columns:
#   combo     MAE over that of the best combination of simple models in BASELINES.md, its protocol: first
#             quarter z-scores and warms up, the same grid, origins and steps. PRSA is the mean of six
#             stations with four channels each. Readings of one period of the parking file are
#             gridded by our clock, those of its hours in I-94 by the first of each.
#   network   MSE over that without the network
#   best      MSE over that of the one closed-form expert that turns out best, per file and horizon
#   coverage  of the 80% interval at the step where it is furthest off
#   series    least share of series that have theirs between 75% and 85%
#   lean      MSE of lean rows over that of full ones
#   in 16 kB  MSE of lean rows over that of lean rows without the network
#   one       MSE of lean rows over that of lean rows with a single closed-form expert, whichever turns out best
set -eu
xlstmctl=$1
model=$2
results=$3
shift 3
here=$(dirname "$0")
. "$here/files.sh"
find_data

keep() {
	[ -s "$results/$kind/$1.json" ] && return
	made=$results/$kind/$1.json
	shift
	"$xlstmctl" backtest "$@" --learn off $options --json >"$made.part" 2>/dev/null
	mv "$made.part" "$made"
}

run_all() {
	kind=$1
	options=$2
	mkdir -p "$results/$kind"
	for file in $names; do each_run keep "$file"; done
}

names=${*:-$file_names}
run_all full "--model $model"
run_all lean "--model $model --lean"
run_all small "--model none --lean"
for expert in persistence smooth seasonal_long rls_season; do
	run_all $expert "--model none --lean --experts $expert"
done

# name,h,mae of "combo", from the tables of BASELINES.md.
combo() {
	awk '
		BEGIN {
			name["ETTh1"] = "etth1"; name["ETTm1"] = "ettm1"; name["los"] = "los"
			name["i94"] = "i94"; name["prsa6"] = "prsa"; name["airuci"] = "airquality"
			name["parking"] = "parking"; name["nyc_taxi"] = "taxi"
		}
		/^### / { file = name[$2] }
		/^\| model/ { n = split($0, heads, "|") }
		/^\| combo/ && file {
			split($0, cells, "|")
			for (i = 3; i < n - 1; i++) {
				h = heads[i]; sub(/.*H=/, "", h); sub(/ .*/, "", h)
				mae = cells[i]; gsub(/\*/, "", mae); sub(/ *\/.*/, "", mae)
				print file "," h "," mae + 0
			}
		}
	' "$data/BASELINES.md"
}

{
	cat <<-'EOF'
		CREATE TABLE combo(file, h INTEGER, mae REAL);
		CREATE TABLE run(kind, file, h INTEGER, mae, mse, without, best, coverage, series);
	EOF
	combo | sed "s/\([^,]*\),\(.*\)/INSERT INTO combo VALUES('\1',\2);/"
	for made in "$results"/*/*.json; do
		kind=$(basename "$(dirname "$made")")
		file=$(basename "$made" .json)
		cat <<-EOF
			INSERT INTO run SELECT '$kind', '${file%%-*}', h ->> '\$.h', h ->> '\$.mae', h ->> '\$.mse',
			  h ->> '\$.without_network.mse',
			  (SELECT min(e.value ->> '\$.mse') FROM json_each(h, '\$.experts') e
			   WHERE e.key NOT IN ('closed', 'network', 'head', 'alone', 'neighbours')),
			  h ->> '\$.coverage80_at_h', h ->> '\$.calibrated_at_h'
			FROM (SELECT value AS h FROM json_each(readfile('$made'), '\$.horizons'));
		EOF
	done
	cat <<-'EOF'
		CREATE VIEW mean AS SELECT kind, file, h, avg(mae) AS mae, avg(mse) AS mse,
		  avg(without) AS without, avg(best) AS best, min(coverage) AS low, max(coverage) AS high,
		  avg(series) AS series FROM run GROUP BY kind, file, h;
		CREATE VIEW ratio AS SELECT f.file AS file,
		  avg(ln(f.mae/c.mae)) AS combo, avg(ln(f.mse/f.without)) AS network,
		  avg(ln(f.mse/f.best)) AS best,
		  iif(max(f.high)-0.8>0.8-min(f.low), max(f.high), min(f.low)) AS coverage,
		  min(f.series) AS series, avg(ln(l.mse/f.mse)) AS lean, avg(ln(l.mse/s.mse)) AS small, 
		  avg(ln(l.mse/(SELECT min(o.mse) FROM mean o WHERE o.file=f.file AND o.h=f.h
		    AND o.kind IN ('persistence', 'smooth', 'seasonal_long', 'rls_season')))) AS one
		FROM mean f LEFT JOIN combo c ON c.file=f.file AND c.h=f.h
		  LEFT JOIN mean l ON l.kind='lean' AND l.file=f.file AND l.h=f.h
		  LEFT JOIN mean s ON s.kind='small' AND s.file=f.file AND s.h=f.h
		WHERE f.kind='full' GROUP BY f.file;
		SELECT file, round(exp(combo),3) AS combo, round(exp(network),3) AS network,
		  round(exp(best),3) AS best, round(coverage,3) AS coverage, round(series,2) AS series,
		  round(exp(lean),3) AS lean, round(exp(small),3) AS 'in 16 kB',
		  round(exp(one),3) AS one
		FROM (SELECT * FROM ratio UNION ALL SELECT 'all', avg(combo), avg(network), avg(best),
		  NULL, min(series), avg(lean), avg(small), avg(one) FROM ratio);
	EOF
} | sqlite3 -box
