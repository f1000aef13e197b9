# SPDX-License-Identifier: Apache-2.0
# Forecasts as the daemon publishes them, one JSON each line, of a greenhouse that never was: a day
# with a wave in it, noise that dies away, one spike. The same every time.
#
#     gawk -v count=110 -v horizon=36 -f forecasts.awk

function wave(hour) {
	return 20 + 5 * sin(hour / 24 * 2 * PI) + 1.2 * sin(hour / 12 * 2 * PI + 1)
}

# Park and Miller's generator, so that every awk draws the same numbers.
function draw() {
	seed = seed * 16807 % 2147483647
	return seed / 2147483647
}

function quantile(q, hour, lead) {
	spread = 0.45 * sqrt(1 + lead * 0.35) * (NORMAL[q] > 0 ? 1.25 : 0.9)
	return wave(hour + lead) + noise * 0.7 ^ lead + NORMAL[q] * spread
}

BEGIN {
	PI = 3.14159265358979
	seed = 20261122
	if (!count) count = 110
	if (!horizon) horizon = 36
	split("-1.2816 -0.8416 -0.5244 -0.2533 0 0.2533 0.5244 0.8416 1.2816", NORMAL, " ")
	for (i = 0; i < count; i++) {
		hour = i - count
		noise = 0.7 * noise + (draw() - 0.5) * 0.9
		spike = i == count - 28
		printf "{\"series\":\"greenhouse/temperature\",\"issued\":%d,\"step\":3600," \
			"\"horizon\":%d,\"unit\":\"°C\",\"status\":\"%s\",\"seen\":%d,\"observed\":%.3f",
			1790006400 + hour * 3600, horizon, i < 24 ? "warming" : "ok", i + 1,
			wave(hour) + noise + spike * 3.6
		printf ",\"mean\":["
		for (lead = 1; lead <= horizon; lead++)
			printf "%s%.3f", (lead > 1 ? "," : ""), quantile(5, hour, lead)
		printf "],\"quantiles\":{"
		for (q = 1; q <= 9; q++) {
			printf "%s\"0.%d\":[", (q > 1 ? "," : ""), q
			for (lead = 1; lead <= horizon; lead++)
				printf "%s%.3f", (lead > 1 ? "," : ""), quantile(q, hour, lead)
			printf "]"
		}
		printf "},\"anomaly\":%.2f,\"skill\":%s,\"model\":\"base-3\"}\n",
			spike ? 1.7 : 0.2, i < 24 ? "null" : "0.42"
	}
}
