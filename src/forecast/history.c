/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <math.h>

/* A series that has not moved yet counts as moving by this part of its value. */
#define STILL 1e-9

static void history_observe(struct history *history, double x) {
	history->seen++;
	history->missing = 0;
	history->observed = x;
	double rate = fmax(1 / (double)history->seen, 1 / HISTORY_SCALE_WINDOW);
	double deviation = x - history->mean;
	history->mean += rate * deviation;
	history->variance = (1 - rate) * (history->variance + rate * deviation * deviation);
}

void history_push(
	struct history *history, double *values, uint32_t length, double x, double filled) {
	if (isnan(x)) {
		x = filled;
		history->missing++;
	} else {
		history_observe(history, x);
	}
	values[history->ticks & (length - 1)] = x;
	history->ticks++;
}

double history_scale(const struct history *history) {
	double scale = fmax(sqrt(history->variance), STILL * fabs(history->mean));
	return scale > 0 ? scale : 1;
}
