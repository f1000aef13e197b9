#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How soon are errors what they were, after a level shift or a change of period? Hours until the mean
# absolute error of the last two days (1 to 24 hours ahead) is within 10% of that before, of the mix
# and of the linear expert alone: series made here, and the oil temperature of ETTh1 shifted by twice its
# deviation.
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
			sum[target] += error < 0 ? -error : error
		}
		END {
			for (t = event - 1000; t < event; t++) before += sum[t] / 1000
			for (t = event; t < 4000; t++) {
				window += sum[t]
				if (t - 48 >= event) window -= sum[t - 48]
				if (t - event >= 47 && window / 48 <= 1.1 * before) {
					print t - event + 1
					exit
				}
			}
			print "-"
		}' "$folder/in.csv" "$folder/out.csv"
}

compare() {
	printf '%-34s %6s %6s\n' "$1" "$(hours --model "$model")" \
		"$(hours --model none --experts rls)"
}

# Series of one kind: what it is called, shift, period.
compare_all() {
	for seed in $(seq "${SEEDS:-3}"); do
		make "$2" "$3" "$seed" >"$folder/in.csv"
		compare "$1, seed $seed"
	done | tee "$folder/lines"
	# Who never comes back counts for the thousand hours that were looked at.
	awk -v kind="$1" '{
		mix += $(NF - 1) == "-" ? 1000 : $(NF - 1)
		rls += $NF == "-" ? 1000 : $NF
	} END { printf "%-34s %6.0f %6.0f\n", kind ", mean", mix / NR, rls / NR }' "$folder/lines"
}

printf '%-34s %6s %6s\n' '' mix rls
compare_all "level + 8" 8 24
compare_all "level - 3" -3 24
compare_all "period 24 to 30" 0 30
shifted >"$folder/in.csv"
compare "ETTh1 oil temperature + 17"
