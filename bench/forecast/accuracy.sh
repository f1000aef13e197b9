#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How good are the forecasts of real series? Prints the tables that docs/forecasting.md quotes, of the
# files in $XLSTMD_DATA (by default ../shared/data beside the source), with and without the network, whose
# weights stay as they are.
#
#   accuracy.sh XLSTMCTL MODEL [NAME...]      names of files.sh
set -eu
xlstmctl=$1
model=$2
shift 2
. "$(dirname "$0")/files.sh"
find_data

both() {
	name=$1
	shift
	for network in none "$model"; do
		echo "== $name, network $(basename "$network")"
		"$xlstmctl" backtest "$@" --model "$network" --learn off 2>/dev/null
	done
}

# The rows scored are those that published results use for ETT, else the last three quarters.
for file in ${*:-etth1-online ettm1-online los i94 airquality parking taxi prsa}; do
	each_run both "$file"
done
