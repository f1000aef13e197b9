/* SPDX-License-Identifier: Apache-2.0 */
#include "mix.h"

#include <math.h>
#include <stdbool.h>

/* The mean of n scores gives way to the fading mean as n grows; early scores, when an expert has
 * hardly learned, fade faster than a plain mean would let them. */
#define EARLY 2.0

/* However few ticks are scored, a loss is a mean of a while. */
#define FASTEST 0.05

/* Ratio of losses that no weight is left at. */
#define NEVER 100.0

/* Scores that an expert's presumed loss counts for, at no lead and more for each step of it, and
 * that loss in terms of persistence's. */
#define DOUBTS         4.0
#define DOUBTS_OF_LEAD 0.5
#define DOUBTED        2.0

/* Before it has been scored on a series, the network's loss is taken for so many times that of the
 * closed mix. */
#define TRUSTED 0.7

void mix_fade(float *mean, uint16_t *scored, double loss, double slowest) {
	double rate = fmax(slowest, EARLY / (*scored + EARLY));
	*mean += (float)(rate * (loss - (double)*mean));
	*scored += *scored < MIX_SCORED_MAX;
}

void mix_score(struct mix *mix, const float forecasts[EXPERTS], double y, double unit, double limit,
	uint32_t stride) {
	double slowest = fmin(stride * (1 - MIX_FORGETTING), FASTEST);
	for (int e = 0; e < EXPERTS; e++) {
		if (isnan(forecasts[e]))
			continue;
		double error = fmin(fabs(y - (double)forecasts[e]) * unit, limit);
		double loss = e < EXPERT_ALONE ? error * error : error;
		mix_fade(&mix->loss[e], &mix->scored[e], loss, slowest);
	}
}

double mix_weighted(
	const double *losses, const float *forecasts, uint32_t count, double sharpness) {
	double least = INFINITY, sum = 0, total = 0;
	for (uint32_t e = 0; e < count; e++)
		least = losses[e] < least ? losses[e] : least;
	if (isinf(least))
		return 0;
	for (uint32_t e = 0; e < count; e++) {
		if (isnan(losses[e]))
			continue;
		double ratio = least > 0 ? losses[e] / least : losses[e] > 0 ? NEVER : 1;
		double weight = exp(-sharpness * (ratio - 1));
		sum += weight * (double)forecasts[e];
		total += weight;
	}
	return sum / total;
}

/* Of experts first to last - 1. */
static double mix_by_loss(const double losses[EXPERTS], const float forecasts[EXPERTS], int first,
	int last, double sharpness) {
	return mix_weighted(losses + first, forecasts + first, (uint32_t)(last - first), sharpness);
}

/* The loss of an expert that takes part, else NAN. Until it has been scored a while it is taken for
 * worse than persistence; scores of long leads overlap, so that takes longer there. */
static double loss_of(const struct mix *mix, const float forecasts[EXPERTS], int e, uint32_t h) {
	double n = mix->scored[e], doubts = DOUBTS + h * DOUBTS_OF_LEAD;
	if (isnan(forecasts[e]) || n < MIX_TRIALS)
		return NAN;
	if (e == EXPERT_PERSISTENCE || mix->scored[EXPERT_PERSISTENCE] < MIX_TRIALS)
		return (double)mix->loss[e];
	double doubted = DOUBTED * (double)mix->loss[EXPERT_PERSISTENCE];
	return mix_presume(n, (double)mix->loss[e], doubted, doubts);
}

double mix_forecast(
	const struct mix *mix, const float forecasts[EXPERTS], int first, int last, uint32_t h) {
	double losses[EXPERTS];
	for (int e = first; e < last; e++)
		losses[e] = loss_of(mix, forecasts, e, h);
	return mix_by_loss(losses, forecasts, first, last, MIX_SHARPNESS);
}

double mix_second(const struct mix *mix, const float forecasts[EXPERTS], uint32_t h) {
	double losses[EXPERTS];
	double n = mix->scored[EXPERT_NETWORK], trust = mix_trust(h);
	if (isnan(forecasts[EXPERT_NETWORK]))
		return (double)forecasts[EXPERT_CLOSED];
	if (n == 0)
		return (double)forecasts[EXPERT_NETWORK];
	double closed = losses[EXPERT_CLOSED] = (double)mix->loss[EXPERT_CLOSED];
	losses[EXPERT_NETWORK] =
		mix_presume(n, (double)mix->loss[EXPERT_NETWORK], TRUSTED * closed, trust);
	losses[EXPERT_HEAD] = loss_of(mix, forecasts, EXPERT_HEAD, h);
	return mix_by_loss(losses, forecasts, EXPERT_CLOSED, EXPERT_ALONE, MIX_SHARPNESS);
}

double mix_last(const struct mix *mix, const float forecasts[EXPERTS]) {
	double losses[EXPERTS], alone = (double)mix->loss[EXPERT_ALONE];
	losses[EXPERT_ALONE] = alone;
	for (int e = EXPERT_NEIGHBOURS; e < EXPERTS; e++) {
		double n = mix->scored[e];
		bool known = !isnan(forecasts[e]) && n >= MIX_TRIALS;
		losses[e] = known ? mix_presume(n, (double)mix->loss[e], MIX_STRANGE * alone,
					    MIX_STRANGENESS)
				  : NAN;
	}
	return mix_by_loss(losses, forecasts, EXPERT_ALONE, EXPERTS, LAST_SHARPNESS);
}

struct mix mix_between(const struct mix *first, const struct mix *second, double share) {
	struct mix between;
	for (int e = 0; e < EXPERTS; e++) {
		double a = (double)first->loss[e], b = (double)second->loss[e];
		between.loss[e] = (float)(a + share * (b - a));
		between.scored[e] =
			first->scored[e] < second->scored[e] ? first->scored[e] : second->scored[e];
	}
	return between;
}
