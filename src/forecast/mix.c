/* SPDX-License-Identifier: Apache-2.0 */
#include "mix.h"

#include <math.h>
#include <stdbool.h>

/* The mean of n scores gives way to the fading mean as n grows; early scores, when an expert has
 * hardly learned, fade faster than a plain mean would let them. */
#define EARLY 2.0

void mix_score(
	struct mix *mix, const float forecasts[EXPERTS], double y, double unit, double limit) {
	for (int e = 0; e < EXPERTS; e++) {
		if (isnan(forecasts[e]))
			continue;
		double error = fmin(fabs(y - (double)forecasts[e]) * unit, limit);
		double rate = fmax(1 - MIX_FORGETTING, EARLY / (mix->scored[e] + EARLY));
		mix->loss[e] += rate * (error * error - mix->loss[e]);
		mix->scored[e] += mix->scored[e] < UINT32_MAX;
	}
}

static bool mix_takes(const struct mix *mix, const float forecasts[EXPERTS], int e) {
	return !isnan(forecasts[e]) && mix->scored[e] >= MIX_TRIALS;
}

double mix_forecast(const struct mix *mix, const float forecasts[EXPERTS]) {
	double least = INFINITY;
	for (int e = 0; e < EXPERTS; e++)
		if (mix_takes(mix, forecasts, e))
			least = fmin(least, mix->loss[e]);
	if (isinf(least))
		return 0;
	double sum = 0, total = 0;
	for (int e = 0; e < EXPERTS; e++) {
		if (!mix_takes(mix, forecasts, e))
			continue;
		double ratio = least > 0 ? mix->loss[e] / least : mix->loss[e] > 0 ? 100 : 1;
		double weight = exp(-MIX_SHARPNESS * (ratio - 1));
		sum += weight * (double)forecasts[e];
		total += weight;
	}
	return sum / total;
}
