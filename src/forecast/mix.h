/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_MIX_H
#define FORECAST_MIX_H

#include "options.h"

#include <stdint.h>

/*
 * Weights of the experts at one lead, from the squared errors that have arrived: exponential
 * weights w ~ exp(-MIX_SHARPNESS L / L_min) on fading means L. An expert asleep, or that has not
 * been scored a few times, has no weight.
 */
#define MIX_SHARPNESS  5.0
#define MIX_FORGETTING 0.998
#define LAST_SHARPNESS 20.0

/* Scores before an expert takes part. */
#define MIX_TRIALS 8

#define MIX_SCORED_MAX UINT16_MAX

/* One lead. */
struct mix {
	/* Fading mean of squared errors, from EXPERT_ALONE on of absolute ones. */
	float loss[EXPERTS];
	uint16_t scored[EXPERTS]; /* up to MIX_SCORED_MAX, which is as good as any more */
};

/* An observation y arrived for the forecasts made of it; errors are counted times `unit`, up to
 * limit. The unit must not depend on the origin, and must keep squares in the range of floats. stride:
 * ticks that the observation stands for, where only some are scored. */
void mix_score(struct mix *mix, const float forecasts[EXPERTS], double y, double unit, double limit,
	uint32_t stride);

/* Takes a loss into its fading mean of `scored` ones; early ones fade faster. slowest: part of the mean that
 * a loss replaces in the end. */
void mix_fade(float *mean, uint16_t *scored, double loss, double slowest);

/* Weighted mean of `count` forecasts whose loss is not NAN; 0 if there is none. */
double mix_weighted(const double *losses, const float *forecasts, uint32_t count, double sharpness);

/* At lead h, the weighted mean of the forecasts of experts first to last - 1 that are awake (not NAN); 0, which
 * is persistence, if there is none. */
double mix_forecast(
	const struct mix *mix, const float forecasts[EXPERTS], int first, int last, uint32_t h);

/* The second level: the closed mix, the network and its head. As long as the network has hardly been
 * scored on this series, it is trusted to be what it was elsewhere. */
double mix_second(const struct mix *mix, const float forecasts[EXPERTS], uint32_t h);

/* Scores at lead h that outweigh that trust; scores of long leads overlap, so that it takes more of
 * them there. */
static inline double mix_trust(uint32_t h) {
	return 100 + 8.0 * h;
}

/* The mean loss of n scores and of what was presumed before them, which counts for so many. */
static inline double mix_presume(double n, double loss, double presumed, double count) {
	return (n * loss + count * presumed) / (n + count);
}

/* Neighbours are taken for MIX_STRANGE times as bad as no neighbours, which MIX_STRANGENESS scores
 * outweigh. */
#define MIX_STRANGE     1.2
#define MIX_STRANGENESS 20.0

/* The last level, of a series in a group: what it knows alone, and what its neighbours add. Sharp, and by
 * absolute errors. */
double mix_last(const struct mix *mix, const float forecasts[EXPERTS]);

/* Between two leads: share of the second. */
struct mix mix_between(const struct mix *first, const struct mix *second, double share);

/* The expert starts over: its past errors say nothing of its next forecasts. */
static inline void mix_forget(struct mix *mix, enum expert expert) {
	mix->loss[expert] = 0;
	mix->scored[expert] = 0;
}

#endif
