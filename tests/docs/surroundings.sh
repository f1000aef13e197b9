# SPDX-License-Identifier: Apache-2.0
#
# What the documentation takes for granted: a Debian machine with a broker, xlstmd installed, and a
# plant whose pumps send readings. Read by the bash that then runs a page's commands.

# Where we are.
place=''
block() {
	place=$1:$2
	echo "== $place"
}
trap 'code=$?; [ $code = 0 ] || { echo "FAILED in the block at $place"; \
	tail -n 20 "$scratch/xlstmd.log" 2>/dev/null; }; kill_all; exit $code' EXIT

processes=''
kill_all() {
	for process in $processes; do
		kill "$process" 2>/dev/null || true
	done
	wait
}

# A machine of our own: network, configuration, databases.
ip link set lo up
cp -a /etc "$scratch/etc" 2>/dev/null || true
mount --bind "$scratch/etc" /etc
mount -t tmpfs tmpfs /var/lib
mkdir -p /etc/xlstmd /var/lib/xlstmd
cp "$source_root/config/xlstmd.conf" /etc/xlstmd/xlstmd.conf
export PATH=$build_root/src/daemon:$build_root/src/cli:$PATH:/usr/sbin
ln -s "$source_root" xlstmd

# A broker and a plant.
printf 'listener 1883 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser root\n' > mosquitto.conf
mosquitto -c mosquitto.conf > mosquitto.log 2>&1 &
processes="$processes $!"
for _ in $(seq 50); do
	mosquitto_pub -t test -n 2>/dev/null && break
	sleep 0.1
done

plant() {
	for i in $(seq 1 2000); do
		awk -v i="$1$i" 'BEGIN { srand(i); printf "%.3f\n", 4 + sin(i / 10) + rand() / 5 }'
		sleep 0.2
	done
}
plant 1 | mosquitto_pub -l -t plant/hall1/pump7/pressure &
processes="$processes $!"
plant 2 | mosquitto_pub -l -t plant/hall1/pump7/temperature &
processes="$processes $!"

# systemd is not here: its commands start, reload and stop the daemon itself.
daemon=''
has_forecasts() {
	[ "$(sqlite3 -readonly /var/lib/xlstmd/xlstmd.db 'SELECT count(*) > 9 FROM forecast' \
		2>/dev/null)" = 1 ]
}
start_daemon() {
	[ -z "$daemon" ] || return 0
	xlstmd -c /etc/xlstmd/xlstmd.conf >> "$scratch/xlstmd.log" 2>&1 &
	daemon=$!
	processes="$processes $daemon"
	for _ in $(seq 100); do
		has_forecasts && return 0
		kill -0 "$daemon"
		sleep 0.2
	done
}
stop_daemon() {
	[ -z "$daemon" ] || { kill "$daemon"; wait "$daemon" || true; }
	daemon=''
}
systemctl() {
	case $1 in
	enable|start|restart) stop_daemon; start_daemon ;;
	stop|disable) stop_daemon ;;
	reload) kill -HUP "$daemon"; sleep 0.3 ;;
	status) kill -0 "$daemon" ;;
	daemon-reload|edit) ;;
	*) echo "systemctl $1: the documentation's tests do not know it"; return 1 ;;
	esac
}

# What manual pages take for granted: a daemon that follows the plant, and a file to play.
daemon_at_work() {
	cat >> /etc/xlstmd/xlstmd.conf <<-END

	[source plant]
	topic = plant/{site}/{detector}/{channel}

	[source replay]
	topic = replay/{detector}
	END
	awk 'BEGIN { print "date,load"; for (i = 0; i < 200; i++)
		printf "%d,%.2f\n", 1790000000 + 3600 * i, 5 + sin(i / 4) }' > year.csv
	start_daemon
}
journalctl() {
	cat "$scratch/xlstmd.log"
}

# Commands that would change the machine or take long: that they exist is all we can ask.
sudo() { "$@"; }
git() { [ "$1" = clone ]; }
apt-get() { :; }
make() {
	for target; do
		case $target in
		*=*|-*) ;;
		*) command make -n -C "$source_root" "$target" > /dev/null ;;
		esac
	done
}

# A chart needs a terminal and never ends: a moment of it, in a pipe, will do.
xlstmctl() {
	case $1 in
	watch) timeout 5 "$build_root/src/cli/xlstmctl" "$@" | head -n 2 ;;
	*) command xlstmctl "$@" ;;
	esac
}

# Tests are not run inside of tests; that there are some of this name is asked.
meson() {
	[ "$1 $2 $3" = "test -C build" ]
	shift 3
	set -- "${@/--verbose/}"
	set -- "${@/--gdb/}"
	command meson test -C "$build_root" --no-rebuild --list $* | grep -q ' / '
}
