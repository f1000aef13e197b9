# SPDX-License-Identifier: Apache-2.0
# Forty days of a greenhouse that never was, every twenty minutes: the sun by day, cooling by night,
# weather that drifts, a sensor's noise. The same every time.

BEGIN {
	PI = 3.14159265358979
	srand(7)
	print "time,temperature"
	for (i = 0; i < 40 * 72 - 22; i++) {
		time = 1786544000 + i * 1200
		weather = 0.985 * weather + 0.25 * (rand() + rand() + rand() - 1.5)
		sun = sin(2 * PI * ((time % 86400) / 86400 - 0.3))
		printf "%d,%.2f\n", time, 15.5 + weather + (sun > 0 ? 7.5 : 1.9) * sun + \
			0.25 * (rand() - 0.5)
	}
}
