# SPDX-License-Identifier: Apache-2.0
#
# Publishes this machine's own sensors over MQTT, one flat JSON message per detector and period:
# processor load per core (%), memory in use (MiB), disk and network rates (KiB/s), temperatures
# (degrees Celsius) where there are any.
#
#   gawk -v port=1883 -v topic=demo -v period=0.25 -v duration=60 -f sensors.awk
#
# Files of /proc and /sys are read again every period; each detector has one mosquitto_pub that
# publishes a message per line.

BEGIN {
	KIB = 1024
	SECTOR = 512
	start = now()
	sample(0)
	for (count = 1; count * period <= duration; count++) {
		sleep_until(start + count * period)
		sample(1)
	}
}

# Seconds since boot, to a hundredth.
function now(    line, fields) {
	getline line < "/proc/uptime"
	close("/proc/uptime")
	split(line, fields)
	return fields[1]
}

function sleep_until(time,    left) {
	left = time - now()
	if (left > 0)
		system("sleep " left)
}

# Reads every sensor; rates need a first call before the one that is published.
function sample(publish_it,    time) {
	time = now()
	elapsed = time > last_time ? time - last_time : period
	last_time = time

	publish("cpu", cpu(), publish_it)
	publish("memory", memory(), publish_it)
	publish("disk", disk(), publish_it)
	publish("network", network(), publish_it)
	publish("temperature", temperature(), publish_it)
}

function publish(detector, fields, publish_it,    command) {
	if (!publish_it || fields == "")
		return
	command = "mosquitto_pub -h 127.0.0.1 -p " port " -l -t " topic "/" detector
	print "{" substr(fields, 3) "}" | command
	fflush(command)
}

function field(name, value) {
	return sprintf(", \"%s\": %.6g", name, value)
}

# What a counter grew by since the last call, per second.
function rate(name, value,    grown) {
	grown = name in counters ? (value - counters[name]) / elapsed : 0
	counters[name] = value
	return grown > 0 ? grown : 0
}

# Share of the time since the last call in which each core was not idle.
function cpu(    line, f, i, total, idle, busy, list) {
	while ((getline line < "/proc/stat") > 0) {
		if (line !~ /^cpu[0-9]/)
			continue
		split(line, f)
		total = 0
		for (i = 2; i <= 9; i++)
			total += f[i]
		idle = rate(f[1] "/idle", f[5] + f[6])
		total = rate(f[1] "/total", total)
		busy = total > idle ? 100 * (1 - idle / total) : 0
		list = list field(f[1], busy)
	}
	close("/proc/stat")
	return list
}

function memory(    line, f, kib) {
	while ((getline line < "/proc/meminfo") > 0) {
		split(line, f)
		kib[f[1]] = f[2]
	}
	close("/proc/meminfo")
	return field("used", (kib["MemTotal:"] - kib["MemAvailable:"]) / KIB)
}

# All disks together; partitions, loops and RAM disks would count twice or mean nothing.
function disk(    line, f, read, written) {
	while ((getline line < "/proc/diskstats") > 0) {
		split(line, f)
		if (f[3] ~ /^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme[0-9]+n[0-9]+|mmcblk[0-9]+)$/) {
			read += f[6]
			written += f[10]
		}
	}
	close("/proc/diskstats")
	return field("read", rate("read", read * SECTOR / KIB)) \
	       field("written", rate("written", written * SECTOR / KIB))
}

function network(    line, f, name, list) {
	while ((getline line < "/proc/net/dev") > 0) {
		if (line !~ /:/)
			continue
		sub(/:/, " ", line)
		split(line, f)
		name = f[1]
		if (f[2] + f[10] == 0)
			continue
		list = list field(name "_received", rate(name "/in", f[2] / KIB)) \
		       field(name "_sent", rate(name "/out", f[10] / KIB))
	}
	close("/proc/net/dev")
	return list
}

function temperature(    line, path, list) {
	find_thermometers()
	for (path in thermometers) {
		if ((getline line < path) > 0)
			list = list field(thermometers[path], line / 1000)
		close(path)
	}
	return list
}

function find_thermometers(    command, path, parts) {
	if (searched++)
		return
	command = "ls /sys/class/thermal/thermal_zone*/temp 2>/dev/null"
	while ((command | getline path) > 0) {
		split(path, parts, "/")
		thermometers[path] = parts[5]
	}
	close(command)
}
