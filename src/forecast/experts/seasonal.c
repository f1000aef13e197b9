/* SPDX-License-Identifier: Apache-2.0 */
#include "seasonal.h"

#include <math.h>

void seasonal_start(struct seasonal *seasonal, uint32_t period) {
	*seasonal = (struct seasonal){ .period = period, .phase = period ? period - 1 : 0 };
}

void seasonal_observe(struct seasonal *seasonal, double *profile,
	const struct seasonal_speed *speed, double x, bool present) {
	if (!seasonal->period)
		return;
	seasonal->phase = (seasonal->phase + 1) % seasonal->period;
	double *at = profile + seasonal->phase;
	seasonal->before = seasonal->filled < seasonal->period ? x : *at;
	if (seasonal->filled < seasonal->period) {
		*at = x;
		seasonal->filled++;
		return;
	}
	seasonal->seasons += seasonal->phase == 0;
	if (!present)
		return;
	double deviation = x - *at;
	seasonal->level += speed->level * (deviation - seasonal->level);
	double rate = fmax(speed->profile, 1.0 / (seasonal->seasons + 1));
	*at += rate * (deviation - seasonal->level);
}

void seasonal_skip(struct seasonal *seasonal, uint64_t ticks) {
	if (seasonal->period)
		seasonal->phase = (uint32_t)((seasonal->phase + ticks) % seasonal->period);
}
