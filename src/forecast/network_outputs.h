/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NETWORK_OUTPUTS_H
#define FORECAST_NETWORK_OUTPUTS_H

#include "network_track.h"
#include "record.h"

/* What the network's outputs say: docs/network.md, "Forecast". For each lead of the grid gates of
 * the anchors, coefficients of the corrections, a shift, and the steps between the quantiles. */
#define NETWORK_ANCHORS     6
#define NETWORK_CORRECTIONS 5
#define NETWORK_STEPS       8
#define NETWORK_LEAD_ROW    (NETWORK_ANCHORS + NETWORK_CORRECTIONS + 1 + NETWORK_STEPS)
#define NETWORK_OUTPUTS     (NETWORK_LEADS * NETWORK_LEAD_ROW)

/* Where a lead lies on the grid: between `lower` and the next, which has this share. */
struct network_place {
	uint32_t lower;
	double share;
};

/* What the outputs are applied to at one lead: known of the past alone, in the unit of the readings,
 * relative to the last one. */
struct network_lead {
	struct network_place place;
	double anchors[NETWORK_ANCHORS];
	double weights[NETWORK_ANCHORS]; /* before the gates, not normalised; 0: does not exist */
	double corrections[NETWORK_CORRECTIONS];
	double unit; /* expected error of the anchors, weighted; above 0 */
};

void network_lead_init(struct network_lead *lead, const struct track_view *view, uint32_t h);

/* Nine ascending quantiles. */
void network_lead_quantiles(const struct network_lead *lead, const float outputs[NETWORK_OUTPUTS],
	double quantiles[QUANTILES]);

/* The way back: from the slopes of something for the quantiles, adds those for the outputs. */
void network_lead_slopes(const struct network_lead *lead, const float outputs[NETWORK_OUTPUTS],
	const double quantile_slopes[QUANTILES], float slopes[NETWORK_OUTPUTS]);

/* Nine ascending quantiles at lead h, in the unit of the readings, relative to the last one. */
void network_quantiles(const struct track_view *view, const float outputs[NETWORK_OUTPUTS],
	uint32_t h, double quantiles[QUANTILES]);

#endif
