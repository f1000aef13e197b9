#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Forecasts this machine's own sensors for a minute: a broker of its own on a free loopback port,
# the daemon with a database in a temporary folder, the sensors four times a second over MQTT, and
# the forecasts live: as a chart on a terminal, as a table in a pipe. Then what was learned.
#
#   demo.sh BUILD_FOLDER
#
# DEMO_SECONDS (60) is how long it runs; Ctrl-C ends it sooner. DEMO_FOLDER, if set, is where the
# database stays; otherwise it goes to a new folder below the temporary one.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-build}
seconds=${DEMO_SECONDS:-60}
folder=${DEMO_FOLDER:-$(mktemp -d "${TMPDIR:-/tmp}/xlstmd-demo.XXXXXX")}
database=$folder/xlstmd.db
broker='' daemon='' sensors=''

stop() {
	[ -z "$1" ] || kill "$1" 2>/dev/null || true
	[ -z "$1" ] || wait "$1" 2>/dev/null || true
}

stop_all() {
	stop "$sensors"
	stop "$daemon"
	stop "$broker"
	sensors='' daemon='' broker=''
}

fail() {
	echo "demo: $1" >&2
	[ -z "${2:-}" ] || cat "$2" >&2
	exit 1
}

# Waits up to ten seconds until the command succeeds.
wait_for() {
	for _ in $(seq 100); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	return 1
}

# A port that nobody uses is only known once the broker has it, so ports are tried.
start_broker() {
	mkdir -p "$folder"
	for port in $(shuf -i 20000-59999 -n 20); do
		printf 'listener %s 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser %s\n' \
			"$port" "$(id -un)" > "$folder/mosquitto.conf"
		PATH=$PATH:/usr/sbin mosquitto -c "$folder/mosquitto.conf" \
			> "$folder/mosquitto.log" 2>&1 &
		broker=$!
		wait_for mosquitto_pub -h 127.0.0.1 -p "$port" -t demo -n && return
		stop "$broker"
	done
	fail "no broker could be started" "$folder/mosquitto.log"
}

write_configuration() {
	cat > "$folder/xlstmd.conf" <<-END
	[daemon]
	instance = demo

	[mqtt]
	server = tcp://127.0.0.1:$port

	[store]
	path = $database

	[forecast]
	model = $here/../../config/models/base-2.safetensors

	[source machine]
	topic   = demo/{detector}
	format  = json
	step    = 250ms
	horizon = 40
	END
}

start_daemon() {
	write_configuration
	"$build/src/daemon/xlstmd" -c "$folder/xlstmd.conf" > "$folder/xlstmd.log" 2>&1 &
	daemon=$!
	wait_for test -s "$database" || fail "xlstmd did not start" "$folder/xlstmd.log"
}

start_sensors() {
	gawk -v port="$port" -v topic=demo -v period=0.25 -v duration="$seconds" \
		-f "$here/sensors.awk" > "$folder/sensors.log" 2>&1 &
	sensors=$!
}

query() {
	sqlite3 -readonly -cmd '.timeout 2000' "$@" || true
}

print_table() {
	query -box "$database" "
		SELECT series,
		       printf('%.1f', (SELECT value FROM reading r JOIN series s ON s.id = r.series
		                       WHERE s.name = f.series ORDER BY r.time_ms DESC LIMIT 1)) AS now,
		       max(CASE lead WHEN 4 THEN printf('%.1f (%.1f to %.1f)', q50, q10, q90) END) AS 'in 1 s (80 %)',
		       max(CASE lead WHEN 40 THEN printf('%.1f (%.1f to %.1f)', q50, q10, q90) END) AS 'in 10 s (80 %)'
		FROM forecast_latest f WHERE lead IN (4, 40) GROUP BY series"
}

show_tables() {
	while kill -0 "$sensors" 2>/dev/null; do
		sleep 5
		printf '\n%s\n' "$(date '+%H:%M:%S')"
		print_table
	done
}

show_forecasts() {
	if [ -t 0 ] && [ -t 1 ]; then
		timeout --foreground "$seconds" "$build/src/cli/xlstmctl" watch \
			--server "tcp://127.0.0.1:$port" || true
	else
		show_tables
	fi
}

# Scores weigh every step ahead alike; skill is the part of persistence's error that is gone.
print_what_was_learned() {
	printf '\nWhat was learned: the mean error of all forecasts up to 10 s ahead\n'
	query -box "$database" "
		SELECT series, sum(n) AS forecasts,
		       printf('%.3g', avg(mae)) AS 'mean error',
		       printf('%.3g', avg(mae / (1 - skill))) AS 'of persistence',
		       printf('%+.0f %%', 100 * (1 - sum(mae) / sum(mae / (1 - skill)))) AS skill,
		       printf('%.0f %%', 100 * avg(coverage80)) AS 'in the 80 % range'
		FROM accuracy WHERE n > 0 AND skill < 1 GROUP BY series"
	cat <<-END

	The database stays. To look further:

	  sqlite3 -readonly $database "SELECT * FROM forecast_vs_actual WHERE series = 'cpu/cpu0' LIMIT 20"
	END
}

trap 'stop_all; exit 1' TERM HUP
trap stop_all EXIT
start_broker
start_daemon
start_sensors
echo "Forecasting this machine's own sensors for $seconds s (Ctrl-C ends it sooner)."
trap ':' INT
show_forecasts
stop_all
print_what_was_learned
