#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How good are the forecasts of real series? Prints the tables that docs/forecasting.md quotes, of the
# files in $XLSTMD_DATA (by default ../shared/data beside the source), with and without the network.
#
#   accuracy.sh XLSTMCTL MODEL [NAME...]      names as below; all of them by default
set -eu
xlstmctl=$1
model=$2
shift 2
data=${XLSTMD_DATA:-$(dirname "$0")/../../../shared/data}
[ -d "$data/ett" ] || {
	echo "skipped: no data at $data"
	exit 77
}
names=${*:-etth1 ettm1 los i94 airquality parking taxi prsa}

run() {
	file=$1
	shift
	for network in none "$model"; do
		echo "== $name, network $(basename "$network")"
		"$xlstmctl" backtest "$data/$file" --model "$network" "$@" 2>/dev/null
	done
}

# The rows scored are those that published results use for ETT, else the last three quarters.
for name in $names; do
	case $name in
	etth1) run ett/ETTh1.csv.gz --time date --step 1h --horizons 1,24,48 \
		--zscore-rows 2880 --score-from 3600 --score-to 14400 ;;
	ettm1) run ett/ETTm1.csv.gz --time date --step 15m --horizons 1,24,48 \
		--zscore-rows 11520 --score-from 14400 --score-to 57600 ;;
	los) run traffic/los_speed.csv.gz --wide --step 5m --horizons 1,3,6,12 \
		--zscore-rows 504 --score-from 504 ;;
	i94) run traffic/i94_metro_volume.csv.gz --time date_time --channels traffic_volume \
		--step 1h --horizons 1,6,12,24 --zscore-rows 13137 --score-from 13137 ;;
	airquality) run iot/AirQualityUCI.csv.gz --time date --step 1h --missing -200 \
		--channels "CO(GT),PT08.S1(CO),C6H6(GT),PT08.S2(NMHC),NOx(GT),PT08.S3(NOx),NO2(GT),PT08.S4(NO2),PT08.S5(O3),T,RH,OT" \
		--horizons 1,6,12,24 --zscore-rows 2339 --score-from 2339 ;;
	parking) run iot/aarhus_parking.csv.gz --time updatetime --detector-column garagecode \
		--channels vehiclecount --step 30m --horizons 1,4,12,48 \
		--zscore-rows 1994 --score-from 1994 ;;
	taxi) run nab/realKnownCause/nyc_taxi.csv.gz --time timestamp --step 30m \
		--horizons 1,12,24,48 --zscore-rows 2580 --score-from 2580 ;;
	prsa)
		for station in Aotizhongxin Dongsi Guanyuan Tiantan Wanliu Gucheng; do
			run "iot/prsa/$station.csv.gz" --step 1h --missing NA \
				--channels PM2.5,NO2,O3,TEMP --horizons 1,6,12,24 \
				--zscore-rows 8766 --score-from 8766
		done
		;;
	*)
		echo "no file $name"
		exit 2
		;;
	esac
done
