#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How soon are forecasts as good as before after a level shift or a change of period? Hours until those made
# in the last 24 hours (1 to 24 hours ahead) have a mean absolute error within 10% of that before: of the mix,
# of the mix that does not follow shifts, and of the linear expert alone, which does not either. Series
# made here, and the oil temperature of ETTh1 shifted by twice its deviation. 24 is the least there can be.
#
#   recovery.sh XLSTMCTL MODEL
#
# SEEDS: so many series of each kind (3), and their means.
set -eu
xlstmctl=$1
model=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$(dirname "$0")/files.sh"
find_data
event=3000

# A period, correlated noise and what changes at the event, over 4000 hours.
make() {
	awk -v event=$event -v shift="$1" -v period="$2" -v seed="$3" 'BEGIN {
		srand(seed)
		print "time,value"
		for (t = 0; t < 4000; t++) {
			phase += 6.283185307 / (t < event ? 24 : period)
			noise = 0.7 * noise + (rand() + rand() + rand() - 1.5)
			print 1700000000 + t * 3600 "," 4 * sin(phase) + noise + (t < event ? 0 : shift)
		}
	}'
}

shifted() {
	gzip -dc "$data/ett/ETTh1.csv.gz" | awk -F, -v event=$event 'NR == 1 { print "time,value" }
		NR > 1 && NR <= 4001 { print $1 "," $8 + (NR - 2 < event ? 0 : 17) }'
}

# Hours until the errors in a CSV of forecasts are back; "-" if they never are.
hours() {
	"$xlstmctl" backtest "$folder/in.csv" --time time --step 1h --horizons 24 --learn off "$@" \
		--forecasts "$folder/out.csv" >/dev/null 2>&1
	awk -F, -v event=$event '
		NR == FNR { if (FNR > 1) value[FNR - 2] = $2; next }
		FNR > 1 {
			origin = int((FNR - 2) / 24)
			target = origin + $4
			if (!(target in value)) next
			error = $10 - value[target]
			sum[origin] += error < 0 ? -error : error
		}
		END {
			for (t = event - 1024; t < event - 24; t++) before += sum[t] / 1000
			for (t = event; t < 4000 - 24; t++) {
				window += sum[t]
				if (t - 24 >= event) window -= sum[t - 24]
				if (t - event >= 23 && window / 24 <= 1.1 * before) {
					print t - event + 1
					exit
				}
			}
			print "-"
		}' "$folder/in.csv" "$folder/out.csv"
}

compare() {
	printf '%-34s %6s %6s %6s\n' "$1" "$(hours --model "$model")" \
		"$(hours --model "$model" --shifts off)" \
		"$(hours --model none --experts rls --shifts off)"
}

# Series of one kind: what it is called, shift, period.
compare_all() {
	for seed in $(seq "${SEEDS:-3}"); do
		make "$2" "$3" "$seed" >"$folder/in.csv"
		compare "$1, seed $seed"
	done | tee "$folder/lines"
	# Who never comes back counts for the thousand hours that were looked at.
	awk -v kind="$1" '
		function hours(cell) { return cell == "-" ? 1000 : cell }
		{
			mix += hours($(NF - 2))
			still += hours($(NF - 1))
			rls += hours($NF)
		}
		END { printf "%-34s %6.0f %6.0f %6.0f\n", kind ", mean", mix / NR, still / NR, rls / NR }
	' "$folder/lines"
}

printf '%-34s %6s %6s %6s\n' '' mix still rls
compare_all "level + 8" 8 24
compare_all "level - 3" -3 24
compare_all "period 24 to 30" 0 30
shifted >"$folder/in.csv"
compare "ETTh1 oil temperature + 17"
