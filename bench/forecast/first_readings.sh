#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How good are the first forecasts of a series? Prints pinball losses over the first two days of the
# series of each file, and ratios as geometric means over files and horizons.
#
#   first_readings.sh BUILD MODEL [NAME...]     names of files.sh
#
# LATER=1: the network alone, also in the last three quarters of 6000 ticks, and with its state
# emptied before every tick.
set -eu
program=$1/bench/forecast/first_readings
model=$2
shift 2
. "$(dirname "$0")/files.sh"
find_data

first() {
	name=$1
	shift
	"$program" "$model" "${LATER:-0}" "$@" | sed "s/^/${name%%-*} /"
}

for file in ${*:-$file_names}; do
	each_run first "$file"
done | awk -v later="${LATER:-0}" '
	# Files that come in parts (stations) are means over those.
	{
		key = $1 " " $2
		if (!(key in known)) { known[key] = 1; order[++lines] = key }
		spans = $3 == "later" ? "later" : $3 == "1-7" ? "1" : "1 8"
		count = split(spans, in_spans, " ")
		for (i = 1; i <= count; i++) {
			at = key " " in_spans[i] " " $4
			loss[at] += $5 * $7
			inside[at] += $6 * $7
			number[at] += $7
		}
	}
	function value(key, span, method) {
		return loss[key " " span " " method] / number[key " " span " " method]
	}
	function ratio(what, value) {
		sums[what] += log(value)
		counts[what]++
		if (value > worst[what]) worst[what] = value
		if (!(what in seen)) { seen[what] = 1; whats[++kinds] = what }
	}
	function better_of(key, span, first, second) {
		first = value(key, span, first)
		second = value(key, span, second)
		return first < second ? first : second
	}
	function table(span, heading, methods, count,   i, m, key, line, better, naive) {
		print heading
		for (i = 1; i <= lines; i++) {
			key = order[i]
			line = sprintf("%-10s %3d", substr(key, 1, index(key, " ") - 1),
				substr(key, index(key, " ") + 1))
			for (m = 1; m <= count; m++)
				line = line sprintf(" %s %.4f", methods[m], value(key, span, methods[m]))
			m = methods[count]
			line = line sprintf("  inside 80%% %.2f",
				inside[key " " span " " m] / number[key " " span " " m])
			print line
			better = better_of(key, span, "persistence", "season")
			naive = better_of(key, span, "naive", "naive_season")
			ratio(heading ": network over the better of persistence and season",
				value(key, span, "network") / better)
			ratio(heading ": network over closed",
				value(key, span, "network") / value(key, span, "closed"))
			ratio(heading ": state reset over kept",
				value(key, span, "reset") / value(key, span, "network"))
			if (later == 0) {
				ratio(heading ": with the network over without",
					value(key, span, "with") / value(key, span, "without"))
				ratio(heading ": with over the better of persistence and season",
					value(key, span, "with") / better)
				ratio(heading ": with over the better of naive and naive_season",
					value(key, span, "with") / naive)
			}
		}
	}
	END {
		if (later == 0) {
			count = split("persistence season naive naive_season closed network without with", methods, " ")
			table("1", "from reading 1", methods, count)
			table("8", "from reading 8", methods, count)
		} else {
			count = split("persistence season naive naive_season closed reset network", methods, " ")
			table("1", "first two days", methods, count)
			table("later", "later", methods, count)
		}
		for (i = 1; i <= kinds; i++)
			printf "%-65s geometric mean %.4f, worst %.3f\n", whats[i],
				exp(sums[whats[i]] / counts[whats[i]]), worst[whats[i]]
	}'
