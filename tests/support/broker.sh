# SPDX-License-Identifier: Apache-2.0
# A private mosquitto for system tests, on a free loopback port with a folder of its own:
#
#     . "$SUPPORT/broker.sh"
#     broker_start ["more lines of mosquitto.conf"]    exits 77 where there is no mosquitto
#     ... $BROKER_PORT $BROKER_URL $BROKER_FOLDER $BROKER_PID ...
#     broker_stop; broker_restart; broker_kill
#     broker_finish                                    stops it and removes the folder
#
# It ends with the test: broker_finish runs on exit, after on_exit if the test defines that.

broker_cleanup() {
	broker_status=$?
	trap - EXIT
	if command -v on_exit >/dev/null; then on_exit || :; fi
	broker_finish
	exit "$broker_status"
}

broker_spawn() {
	"$BROKER_PROGRAM" -c "$BROKER_FOLDER/mosquitto.conf" >>"$BROKER_FOLDER/log" 2>&1 &
	BROKER_PID=$!
	broker_waited=0
	while ! mosquitto_pub -h 127.0.0.1 -p "$BROKER_PORT" -t up -n 2>/dev/null; do
		kill -0 "$BROKER_PID" 2>/dev/null || return 1
		broker_waited=$((broker_waited + 1))
		[ "$broker_waited" -lt 200 ] || return 1
		sleep 0.05
	done
}

broker_start() {
	BROKER_PROGRAM=$(PATH=$PATH:/usr/sbin command -v mosquitto) || {
		echo "no mosquitto here"
		exit 77
	}
	BROKER_FOLDER=$(mktemp -d)
	trap broker_cleanup EXIT
	trap 'exit 1' HUP INT TERM
	for broker_trial in 1 2 3 4 5 6 7 8 9 10; do
		BROKER_PORT=$(awk -v seed="$$$broker_trial" \
			'BEGIN { srand(seed); print 20000 + int(rand() * 12000) }')
		{
			echo "listener $BROKER_PORT 127.0.0.1"
			echo "allow_anonymous true"
			# Or each side waits for the other's delayed acknowledgements.
			echo "set_tcp_nodelay true"
			[ "$(id -u)" != 0 ] || echo "user root"
			echo "${1-}"
		} >"$BROKER_FOLDER/mosquitto.conf"
		if broker_spawn; then
			BROKER_URL=tcp://127.0.0.1:$BROKER_PORT
			return
		fi
	done
	echo "mosquitto does not start"
	cat "$BROKER_FOLDER/log"
	exit 1
}

broker_end() {
	[ -n "${BROKER_PID-}" ] || return 0
	kill "-$1" "$BROKER_PID" 2>/dev/null || :
	wait "$BROKER_PID" 2>/dev/null || :
	BROKER_PID=
}

broker_stop() {
	broker_end TERM
}

broker_kill() {
	broker_end KILL
}

broker_restart() {
	broker_spawn || {
		echo "mosquitto does not start again"
		exit 1
	}
}

broker_finish() {
	broker_stop
	[ -z "${BROKER_FOLDER-}" ] || rm -rf "$BROKER_FOLDER"
	BROKER_FOLDER=
}
