/* SPDX-License-Identifier: Apache-2.0 */
#include "seasonal.h"

#include <math.h>

void seasonal_start(struct seasonal *seasonal, uint32_t period) {
	*seasonal = (struct seasonal){ .period = period, .phase = period ? period - 1 : 0 };
}

void seasonal_observe(struct seasonal *seasonal, float *profile, const struct seasonal_speed *speed,
	double x, bool present) {
	if (!seasonal->period)
		return;
	seasonal->phase = (seasonal->phase + 1) % seasonal->period;
	if (!profile)
		return;
	if (seasonal->filled == 0)
		seasonal->base = x;
	float *at = profile + seasonal->phase;
	double before = seasonal->base + (double)*at;
	seasonal->before = seasonal->filled < seasonal->period ? x : before;
	if (seasonal->filled < seasonal->period) {
		*at = (float)(x - seasonal->base);
		seasonal->filled++;
		return;
	}
	seasonal->seasons += seasonal->phase == 0;
	if (!present)
		return;
	double deviation = x - before;
	seasonal->level += speed->level * (deviation - seasonal->level);
	double rate = fmax(speed->profile, 1.0 / (seasonal->seasons + 1));
	*at += (float)(rate * (deviation - seasonal->level));
}

void seasonal_rebase(struct seasonal *seasonal, float *profile, double base) {
	for (uint32_t i = 0; i < seasonal->period; i++)
		profile[i] = (float)((double)profile[i] + (seasonal->base - base));
	seasonal->base = base;
}

void seasonal_move(struct seasonal *seasonal, const struct seasonal_speed *speed, uint64_t ticks,
	double jump) {
	if (!seasonal_is_awake(seasonal))
		return;
	seasonal->base += jump;
	seasonal->before += jump;
	seasonal->level -= jump * (1 - pow(1 - speed->level, (double)ticks));
}

void seasonal_skip(struct seasonal *seasonal, uint64_t ticks) {
	if (seasonal->period)
		seasonal->phase = (uint32_t)((seasonal->phase + ticks) % seasonal->period);
}
