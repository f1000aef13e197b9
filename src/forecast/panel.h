/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PANEL_H
#define FORECAST_PANEL_H

#include "inputs.h"
#include "linear_kernels.h"

#include <math.h>

/* The experts, run one after the other over one row. */
struct panel {
	float forecasts[EXPERTS][HORIZON_MAX]; /* (value - anchor) / scale; NAN: asleep */
	double labels[HORIZON_MAX]; /* the observation as each origin sees it */
	double scales[HORIZON_MAX]; /* of the origins */
	double deviations[HORIZON_MAX]; /* the same without what the profile had said */
	float inputs[KERNEL_STRIDE_MAX];
	double network[HORIZON_MAX][QUANTILES]; /* the network's quantiles, as the forecasts */
	bool network_awake;
	/* The network's median and what the neighbourhood has learned that it leaves over; NAN: asleep. */
	float near_median[HORIZON_MAX];
};

/* What the network said of one series. */
struct network_voice {
	const float *features; /* [width] */
	const float *outputs; /* [NETWORK_OUTPUTS] */
	uint32_t width;
};

/* Teaches the experts that learn from labels, and lets all of them forecast from the newest tick.
 * waiting: origins before this one that wait for this observation, at most the horizon. */
void panel_run(struct panel *panel, const struct row *row, const struct siblings *siblings,
	uint32_t waiting);

/* The same for network and head, after panel_run; they stay asleep where voice is NULL. Of a series in
 * a group also what it knows alone. */
void panel_run_network(struct panel *panel, const struct row *row,
	const struct network_voice *voice, uint32_t waiting);

/* What a series in a group knows by itself is kept, while the others forecast too, in so many bytes. */
size_t panel_kept_size(const struct row_layout *layout);
void panel_keep(const struct panel *panel, const struct row_layout *layout, void *to);
void panel_resume(struct panel *panel, const struct row_layout *layout, const void *from);

/* Labels: how far the newest observation lies from each origin that waits for it, in the origin's scale. */
void panel_label(struct panel *panel, const struct row *row, uint32_t waiting);

/* Forecasts reach this many scales from the last value at the most. */
#define FORECAST_MAX 20.0

static inline float within_reach(double value) {
	return (float)fmax(fmin(value, FORECAST_MAX), -FORECAST_MAX);
}

#endif
