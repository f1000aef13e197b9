#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Draws docs/watch.svg, the picture in the README: what the real daemon forecasts for the greenhouse
# of greenhouse.awk, its readings played to it through a real broker, as `xlstmctl watch` shows it.
#
#   draw.sh SOURCE_ROOT BUILD_ROOT >docs/watch.svg

set -eu
source=$(realpath "$1") build=$(realpath "$2")
here=$source/docs/picture
daemon='' listener=''

on_exit() {
	for process in $listener $daemon; do
		kill "$process" 2>/dev/null || :
		wait "$process" 2>/dev/null || :
	done
}

. "$source/tests/support/broker.sh"
broker_start
cd "$BROKER_FOLDER"

cat >xlstmd.conf <<END
[mqtt]
server = $BROKER_URL

[store]
path = $BROKER_FOLDER/xlstmd.db

[forecast]
model = $source/config/models/base-2.safetensors

[source greenhouse]
topic   = garden/{detector}
step    = 20m
horizon = 108
unit    = °C
END
gawk -f "$here/greenhouse.awk" >greenhouse.csv
mosquitto_sub -h 127.0.0.1 -p "$BROKER_PORT" -t 'xlstm/forecast/#' >forecasts &
listener=$!
"$build/src/daemon/xlstmd" -c xlstmd.conf 2>log &
daemon=$!
mosquitto_sub -h 127.0.0.1 -p "$BROKER_PORT" -t 'xlstm/+/state' -C 1 -W 10 >/dev/null
"$build/src/cli/xlstmctl" replay greenhouse.csv --time time --detector greenhouse \
	--topic 'garden/{detector}' --server "$BROKER_URL" --lockstep >&2
sleep 1

tail -n 400 forecasts |
	TZ=UTC LC_ALL=C.UTF-8 "$build/src/cli/xlstmctl" watch --read - --frame 110x30 |
	gawk -f "$here/ansi2svg.awk"
