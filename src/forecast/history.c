/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <math.h>

/* A series that has not moved yet counts as moving by this part of its value. */
#define STILL 1e-9

/* Scales that floats may lie from their base: the last bit is then a few thousandths of a scale. */
#define FAR 50000.0

static void history_observe(struct history *history, double x) {
	history->seen++;
	history->missing = 0;
	double rate = fmax(1 / (double)history->seen, 1 / HISTORY_SCALE_WINDOW);
	double deviation = x - history->mean;
	history->mean += rate * deviation;
	history->variance = (1 - rate) * (history->variance + rate * deviation * deviation);
}

void history_push(
	struct history *history, float *values, uint32_t length, double x, double filled) {
	if (isnan(x)) {
		x = filled;
		history->missing++;
	} else {
		history_observe(history, x);
	}
	if (history->ticks == 0)
		history->base = x;
	history->newest = x;
	values[history->next] = (float)(x - history->base);
	history->next = history->next + 1 < length ? history->next + 1 : 0;
	history->ticks++;
}

bool history_is_far(const struct history *history, double x) {
	return fabs(x - history->base) > FAR * history_scale(history);
}

void history_rebase(struct history *history, float *values, uint32_t length) {
	double shift = history->base - history->newest;
	for (uint32_t i = 0; i < length; i++)
		values[i] = (float)((double)values[i] + shift);
	history->base = history->newest;
}

void history_move(
	struct history *history, float *values, uint32_t length, uint64_t ticks, double jump) {
	uint64_t kept = history->ticks < length ? history->ticks : length;
	for (uint64_t k = ticks; k < kept; k++)
		values[history_place(history, length, k)] += (float)jump;
	history->mean += jump;
}

double history_scale(const struct history *history) {
	double scale = fmax(sqrt(history->variance), STILL * fabs(history->mean));
	return scale > 0 ? scale : 1;
}
