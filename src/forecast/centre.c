/* SPDX-License-Identifier: Apache-2.0 */
#include "centre.h"

#include "mix.h"

#include <math.h>

/* Before it has been scored on a series, the absolute error of the network's median is taken for so many
 * times that of the mean. */
#define TRUSTED 0.9

/* The last value is taken for so many times as bad as the mean, for as long: few series stand still. */
#define STILL 1.3

void centre_candidates(const struct pending *pending, float candidates[CENTRES]) {
	const float *experts = pending->experts;
	candidates[CENTRE_MEAN] = pending->mean;
	candidates[CENTRE_LAST] = 0;
	candidates[CENTRE_MEDIAN] = pending->median;
	candidates[CENTRE_NEIGHBOURS] = pending->near_median;
	candidates[CENTRE_NEIGHBOURS_OWN] =
		pending->near_median + experts[EXPERT_NEIGHBOURS_OWN] - experts[EXPERT_NEIGHBOURS];
	candidates[CENTRE_NEIGHBOURS_PERCEPTRON] = experts[EXPERT_NEIGHBOURS_PERCEPTRON];
}

void centre_score(struct centre *centre, const float candidates[CENTRES], double y, double unit,
	double limit) {
	for (int c = 0; c < CENTRES; c++) {
		if (isnan(candidates[c]))
			continue;
		double error = fmin(fabs(y - (double)candidates[c]) * unit, limit);
		mix_fade(&centre->loss[c], &centre->scored[c], error, 1 - MIX_FORGETTING);
	}
}

double centre_mix(const struct centre *centre, const float candidates[CENTRES], uint32_t h) {
	double losses[CENTRES];
	if (isnan(candidates[CENTRE_MEDIAN]))
		return (double)candidates[CENTRE_MEAN];
	if (centre->scored[CENTRE_MEDIAN] == 0)
		return (double)candidates[CENTRE_MEDIAN];
	for (int c = 0; c < CENTRES; c++) {
		double n = centre->scored[c], loss = (double)centre->loss[c];
		if (isnan(candidates[c]) || n == 0)
			losses[c] = NAN;
		else if (c == CENTRE_MEAN)
			losses[c] = loss;
		else if (c == CENTRE_LAST)
			losses[c] =
				mix_presume(n, loss, STILL * losses[CENTRE_MEAN], mix_trust(h) / 3);
		else if (c == CENTRE_MEDIAN)
			losses[c] =
				mix_presume(n, loss, TRUSTED * losses[CENTRE_MEAN], mix_trust(h));
		else
			losses[c] = mix_presume(
				n, loss, MIX_STRANGE * losses[CENTRE_MEDIAN], MIX_STRANGENESS);
	}
	return mix_weighted(losses, candidates, CENTRES, LAST_SHARPNESS);
}
