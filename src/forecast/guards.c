/* SPDX-License-Identifier: Apache-2.0 */
#include "guards.h"

#include <math.h>
#include <string.h>

#define IMPOSSIBLE 2.0

void guards_init(struct guards *guards) {
	memset(guards, 0, sizeof(*guards)); /* padding too: options are compared as bytes */
	guards->low = -INFINITY;
	guards->high = INFINITY;
}

bool guards_check(const struct guards *guards) {
	return guards->side <= GUARD_BELOW && guards->least_absolute >= 0 &&
	       guards->least_relative >= 0 && guards->low < guards->high;
}

bool guards_allow(const struct guards *guards, double value) {
	return !(value < guards->low || value > guards->high);
}

static bool matters(const struct guards *guards, double deviation, double expected) {
	if (guards->side == GUARD_ABOVE && deviation < 0)
		return false;
	if (guards->side == GUARD_BELOW && deviation > 0)
		return false;
	return fabs(deviation) >= guards->least_absolute &&
	       fabs(deviation) >= guards->least_relative * fabs(expected);
}

double guards_judge(const struct guards *guards, double anomaly, double observed, double expected) {
	return matters(guards, observed - expected, expected) ? anomaly : fmin(anomaly, 1);
}

double guards_judge_impossible(const struct guards *guards, double value) {
	double beyond = fmax(guards->low - value, value - guards->high);
	double width = guards->high - guards->low;
	return IMPOSSIBLE + (isinf(width) ? 0 : beyond / width);
}

void guards_clip(const struct guards *guards, float *numbers, uint32_t count) {
	for (uint32_t i = 0; i < count && guards->clip; i++)
		numbers[i] = (float)fmax(fmin((double)numbers[i], guards->high), guards->low);
}
