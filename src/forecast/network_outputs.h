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

/* Nine ascending quantiles at lead h, in the unit of the readings, relative to the last one. */
void network_quantiles(const struct track_view *view, const float outputs[NETWORK_OUTPUTS],
	uint32_t h, double quantiles[QUANTILES]);

#endif
