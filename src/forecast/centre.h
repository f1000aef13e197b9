/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_CENTRE_H
#define FORECAST_CENTRE_H

#include "pending.h"

#include <stdint.h>

/*
 * What the quantiles of one lead lie around. The mean is mixed for squared errors; half of the values
 * lie below a median, which is what absolute errors ask for. So the centre is a sharp mix of its own,
 * weighed by absolute errors, of the mean, of the last value (where a series stands still nothing mixed can be
 * as near), and of medians: the network's, and that with what neighbours add to a series of a group.
 */
enum centre_kind {
	CENTRE_MEAN, /* as it was forecast */
	CENTRE_LAST, /* the last value: forecasts are relative to it */
	CENTRE_MEDIAN, /* the network's */
	CENTRE_NEIGHBOURS, /* that and what the neighbourhood has learned that it leaves over */
	CENTRE_NEIGHBOURS_OWN, /* that and what `neighbours_own` adds to `neighbours` */
	CENTRE_NEIGHBOURS_PERCEPTRON, /* the expert of this name */
	CENTRES
};

/* One lead. */
struct centre {
	float loss[CENTRES]; /* fading means of absolute errors */
	uint16_t scored[CENTRES]; /* up to MIX_SCORED_MAX */
};

/* The candidates of a forecast, NAN: asleep. */
void centre_candidates(const struct pending *pending, float candidates[CENTRES]);

/* An observation y arrived; as mix_score, of every forecast. */
void centre_score(struct centre *centre, const float candidates[CENTRES], double y, double unit,
	double limit);

/* At lead h. As long as the medians have hardly been scored, they are trusted to be what they were
 * elsewhere. */
double centre_mix(const struct centre *centre, const float candidates[CENTRES], uint32_t h);

#endif
