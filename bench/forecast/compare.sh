#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What does an option do? Backtests with one set of options and with another, on the files in $XLSTMD_DATA
# (by default ../shared/data beside the source): errors of both at each number of steps (means up to it), and the
# second's over the first's as geometric means over steps and files.
#
#   compare.sh XLSTMCTL "OPTION..." "OPTION..." [NAME...]      names of files.sh
#
# For example what learning is good for: compare.sh xlstmctl "--learn off" "--learn on" taxi parking
set -eu
xlstmctl=$1
first=$2
second=$3
shift 3
. "$(dirname "$0")/files.sh"
find_data
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The options are words without blanks in them.
both() {
	name=$1
	shift
	[ ! -e "$folder/$name.first" ] || name="$name, own step"
	"$xlstmctl" backtest "$@" $first --json 2>/dev/null >"$folder/$name.first"
	"$xlstmctl" backtest "$@" $second --json 2>/dev/null >"$folder/$name.second"
}

for file in ${*:-$file_names}; do each_run both "$file"; done

{
	echo "CREATE TABLE run(which, file, h INTEGER, mse, mae, pinball, attempts, adopted, undone);"
	for made in "$folder"/*.first "$folder"/*.second; do
		file=$(basename "${made%.*}")
		cat <<-EOF
			INSERT INTO run SELECT '${made##*.}', '${file%%-[A-Z]*}', h.value ->> '\$.h', h.value ->> '\$.mse',
			  h.value ->> '\$.mae', h.value ->> '\$.pinball', l ->> '\$.adopted' + l ->> '\$.refused',
			  l ->> '\$.adopted', l ->> '\$.undone'
			FROM (SELECT json_extract(j, '\$.horizons') AS hs, json_extract(j, '\$.learning') AS l
			  FROM (SELECT CAST(readfile('$made') AS TEXT) AS j)), json_each(hs) h;
		EOF
	done
	cat <<-'EOF'
		CREATE VIEW mean AS SELECT which, file, h, avg(mse) AS mse, avg(mae) AS mae, avg(pinball) AS pinball,
		  sum(attempts) AS attempts, sum(adopted) AS adopted, sum(undone) AS undone
		FROM run GROUP BY which, file, h;
		CREATE VIEW pair AS SELECT a.file AS file, a.h AS h, a.mse AS a_mse, b.mse AS b_mse, a.mae AS a_mae,
		  b.mae AS b_mae, a.pinball AS a_pinball, b.pinball AS b_pinball, b.attempts AS attempts,
		  b.adopted AS adopted, b.undone AS undone
		FROM mean a JOIN mean b ON a.which='first' AND b.which='second' AND a.file=b.file AND a.h=b.h;
		.print Errors with the first options and with the second, and what the second learned:
		SELECT file, h AS steps, printf('%.4g %.4g', a_mse, b_mse) AS MSE, printf('%.4g %.4g', a_mae, b_mae) AS MAE,
		  printf('%.4g %.4g', a_pinball, b_pinball) AS pinball, attempts, adopted, undone
		FROM pair ORDER BY file, h;
		CREATE VIEW ratio AS SELECT file, avg(ln(b_mse/a_mse)) AS mse, avg(ln(b_mae/a_mae)) AS mae,
		  avg(ln(b_pinball/a_pinball)) AS pinball, max(b_mse/a_mse) AS most, min(b_mse/a_mse) AS least
		FROM pair GROUP BY file;
		.print The second over the first:
		SELECT file, round(exp(mse),4) AS MSE, round(exp(mae),4) AS MAE, round(exp(pinball),4) AS pinball,
		  round(least,4) AS 'MSE, least', round(most,4) AS 'MSE, most'
		FROM (SELECT * FROM ratio UNION ALL
		  SELECT 'all', avg(mse), avg(mae), avg(pinball), max(most), min(least) FROM ratio);
	EOF
} | sqlite3 -box
