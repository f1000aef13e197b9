# SPDX-License-Identifier: Apache-2.0
# The daemon beside the broker of broker.sh, which is to be read before:
#
#     . "$SUPPORT/daemon.sh"
#     daemon_start                 with xlstmd.conf in the working folder and no standard input; returns
#                                  when it answers
#     daemon_stop                  it must end without an error
#     await SECONDS COMMAND...     until the command succeeds
#     fail MESSAGE                 ends the test, with the daemon's log
#
# It ends with the test.

daemon=
on_exit() {
	[ -n "$daemon" ] || return 0
	kill "$daemon" 2>/dev/null || :
	wait "$daemon" || :
}

fail() {
	echo "FAILED: $*"
	cat xlstmd.log
	exit 1
}

await() {
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || fail "waited in vain for: $*"
		sleep 0.1
	done
}

daemon_start() {
	env -u NOTIFY_SOCKET "$XLSTMD" -c xlstmd.conf <&- >xlstmd.log 2>&1 &
	daemon=$!
	await 30 grep -q connected xlstmd.log
	mosquitto_sub -h 127.0.0.1 -p "$BROKER_PORT" -t 'xlstm/+/info' -C 1 -W 30 >/dev/null ||
		fail "the daemon says nothing of itself"
}

daemon_stop() {
	kill "$daemon"
	wait "$daemon" || fail "the daemon ended with status $?"
	daemon=
}
