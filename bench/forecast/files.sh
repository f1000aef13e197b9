# SPDX-License-Identifier: Apache-2.0
# The real files that forecasts are measured on, and what backtest is to be told of each. To be read
# by the scripts beside it; needs $data. $1 is what to run, with a name and backtest's arguments.

file_names="etth1 ettm1 los i94 airquality parking taxi prsa"

# Others, to choose settings on: no figure of those above may be used for that.
tuning_names="exchange ambient asg tweets ec2 elb rds travel occupancy speed wsn"

# The first quarter of the rows is for warming up and gives the deviations that errors are divided by.
each_run() {
	file_run=$1
	file_name=$2
	case $file_name in
	etth1) "$file_run" "$file_name" "$data/ett/ETTh1.csv.gz" --time date --step 1h --horizons 1,24,48,96 \
		--zscore-rows 4355 --score-from 4355 ;;
	ettm1) "$file_run" "$file_name" "$data/ett/ETTm1.csv.gz" --time date --step 15m --horizons 1,24,48,96 \
		--zscore-rows 17420 --score-from 17420 ;;
	# The rows that published online results use.
	etth1-online) "$file_run" "$file_name" "$data/ett/ETTh1.csv.gz" --time date --step 1h \
		--horizons 1,24,48 --zscore-rows 2880 --score-from 3600 --score-to 14400 ;;
	ettm1-online) "$file_run" "$file_name" "$data/ett/ETTm1.csv.gz" --time date --step 15m \
		--horizons 1,24,48 --zscore-rows 11520 --score-from 14400 --score-to 57600 ;;
	los) "$file_run" "$file_name" "$data/traffic/los_speed.csv.gz" --wide --step 5m --horizons 1,3,6,12 \
		--zscore-rows 504 --score-from 504 ;;
	i94) "$file_run" "$file_name" "$data/traffic/i94_metro_volume.csv.gz" --time date_time \
		--channels traffic_volume --step 1h --horizons 1,6,12,24 \
		--zscore-rows 13137 --score-from 13137 ;;
	airquality) "$file_run" "$file_name" "$data/iot/AirQualityUCI.csv.gz" --time date --step 1h --missing -200 \
		--channels "CO(GT),PT08.S1(CO),C6H6(GT),PT08.S2(NMHC),NOx(GT),PT08.S3(NOx),NO2(GT),PT08.S4(NO2),PT08.S5(O3),T,RH,OT" \
		--horizons 1,6,12,24 --zscore-rows 2339 --score-from 2339 ;;
	parking) "$file_run" "$file_name" "$data/iot/aarhus_parking.csv.gz" --time updatetime \
		--detector-column garagecode --channels vehiclecount --step 30m --horizons 1,4,12,48 \
		--zscore-rows 1994 --score-from 1994 ;;
	taxi) "$file_run" "$file_name" "$data/nab/realKnownCause/nyc_taxi.csv.gz" --time timestamp --step 30m \
		--horizons 1,12,24,48 --zscore-rows 2580 --score-from 2580 ;;
	prsa)
		for station in Aotizhongxin Dongsi Guanyuan Tiantan Wanliu Gucheng; do
			"$file_run" "$file_name-$station" "$data/iot/prsa/$station.csv.gz" --step 1h --missing NA \
				--channels PM2.5,NO2,O3,TEMP --horizons 1,6,12,24 \
				--zscore-rows 8766 --score-from 8766
		done
		;;
	exchange) each_step realAdExchange/exchange-2_cpc_results ;;
	ambient) each_step realKnownCause/ambient_temperature_system_failure ;;
	asg) each_step realKnownCause/cpu_utilization_asg_misconfiguration 5m ;;
	tweets) each_step realTweets/Twitter_volume_AAPL 5m ;;
	ec2) each_step realAWSCloudwatch/ec2_network_in_257a54 5m ;;
	elb) each_step realAWSCloudwatch/elb_request_count_8c0756 5m ;;
	rds) each_step realAWSCloudwatch/rds_cpu_utilization_cc0c53 5m ;;
	travel) each_step realTraffic/TravelTime_387 15m ;;
	occupancy) each_step realTraffic/occupancy_6005 5m ;;
	speed) each_step realTraffic/speed_6005 10m ;;
	wsn) "$file_run" "$file_name" "$data/iot/wsn_library1.csv.gz" --time ts_ms --detector-column node \
		--channels temp_internal,humidity,temperature,par --step 10m --horizons 1,6,24 ;;
	*)
		echo "no file $file_name"
		exit 2
		;;
	esac
}

# A file of the Numenta benchmark hour by hour, and by its own step.
each_step() {
	"$file_run" "$file_name" "$data/nab/$1.csv.gz" --time timestamp --step 1h --horizons 1,6,24
	[ $# = 1 ] || "$file_run" "$file_name" "$data/nab/$1.csv.gz" --time timestamp --step "$2" \
		--horizons 1,12,48
}

find_data() {
	data=${XLSTMD_DATA:-$(dirname "$0")/../../../shared/data}
	[ -d "$data/ett" ] || {
		echo "skipped: no data at $data"
		exit 77
	}
}
