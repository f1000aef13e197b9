/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_ROW_LAYOUT_H
#define FORECAST_ROW_LAYOUT_H

#include "calibrate.h"
#include "centre.h"
#include "history.h"
#include "mix.h"
#include "network_track.h"
#include "options.h"
#include "pending.h"
#include "record.h"
#include "rls.h"
#include "seasonal.h"
#include "shift.h"
#include "tally.h"

/*
 * Everything learned about one series is one row of plain bytes without pointers. The layout says
 * where its parts lie; it follows from the options alone and is shared by all series with the same
 * options. A row of zeros is a fresh series.
 */

/*
 * Of a full row all leads are scored and calibrated, and the linear experts learn each; of a lean one
 * only LEADS_LEAN, between which weights, positions and what linear experts say are interpolated.
 * PENDING_ORIGINS (PENDING_LEAN) are the origins whose forecasts wait for the observation of one lead;
 * of longer leads only every second, third ... origin is kept and scored.
 */
#define LEADS_LEAN      7
#define PENDING_ORIGINS 64
#define PENDING_LEAN    4

/* Seasons that a lean row has room for: the longest profile (a week of half hours), and the longest
 * that the network's tracking has. */
#define SEASON_LEAN       336
#define SEASON_LEAN_TRACK 144

/* Values of the last season among the inputs at most. */
#define TAPS_MAX 20

/* What the seasonal experts keep: which season, how quick. */
enum seasonal_slot { SLOT_QUICK, SLOT_SLOW, SLOT_LONG, SEASONAL_SLOTS };

/* The linear experts. */
enum linear { LINEAR_SHORT, LINEAR_STIFF, LINEAR_SEASON, LINEAR_LONG, LINEAR_CROSS, LINEARS };

extern const struct seasonal_speed seasonal_speeds[SEASONAL_SLOTS];
extern const enum expert seasonal_experts[SEASONAL_SLOTS];
extern const enum expert linear_experts[LINEARS];

/* What neighbours have been good for at one lead: fading means of absolute errors in the unit of the
 * readings, over the same observations. */
struct near_tally {
	uint64_t n;
	double alone, together;
};

/* Head of a row. */
struct row_head {
	uint64_t number; /* of the last tick */
	uint64_t run; /* ticks since the last break; only these origins wait for observations */
	int64_t step_ms; /* what the seasons were chosen for */
	uint64_t season_check; /* tick at which the season is looked for again */
	struct history history;
	struct seasonal seasonal[SEASONAL_SLOTS];
	struct change change; /* what errors are scaled by */
	double unit; /* what losses of the experts are counted in */
	double smooth; /* level of the smoothing expert */
	double widening; /* of the predicted range, learned from what left it */
	struct shift_watch watch;
	uint64_t level_start; /* tick of the history since which the series is at its level */
};

struct row_layout {
	struct forecast_options options;
	uint32_t experts; /* those of the options that take part */
	uint32_t horizon;
	uint32_t leads_count; /* kept ones */
	uint16_t leads[HORIZON_MAX]; /* ascending, from 1 to the horizon */
	/* Where lead h lies among them: [h - 1] the last kept one before or at it, and how far from that
	 * to the next, in proportion. */
	uint16_t lower[HORIZON_MAX];
	float share[HORIZON_MAX];
	uint32_t origins_waiting; /* for one lead at most */
	uint32_t pending_size; /* bytes */
	uint32_t history_length;
	uint32_t season_room; /* longest profile */
	uint32_t track_room; /* the network's longest profile */
	uint32_t pending_count; /* entries of the pending rings of all leads */
	uint32_t taps_count;
	int32_t taps[TAPS_MAX]; /* leads whose value one season ago is an input */
	struct rls_shape linear[LINEARS];
	/* Offsets into a row, bytes. */
	size_t history, profiles[SEASONAL_SLOTS], origins, pending, mix, calibrate, tallies;
	size_t centre; /* not of lean rows */
	size_t linear_states[LINEARS];
	/* The network's parts; meaningless without one. */
	bool has_network;
	uint32_t track_length; /* a power of two */
	uint64_t network_layout; /* what the state's bytes mean */
	struct rls_shape head;
	/* The neighbours' parts; meaningless without a group. */
	bool has_near;
	struct rls_shape near;
	size_t near_local, near_weights, near_examples, near_tallies, near_state;
	size_t track, track_filled, track_profile, track_visits, network_state, head_state;
	size_t head_inputs; /* of lean rows */
	size_t size; /* of a row, a multiple of 64 */
};

/* The network whose states rows hold; NULL: none. */
struct xlstm_model;

void row_layout_init(struct row_layout *layout, const struct forecast_options *options,
	const struct xlstm_model *model);

/* A number that differs between layouts whose rows differ in meaning. */
uint32_t row_layout_identity(const struct row_layout *layout);

static inline bool row_layout_is_lean(const struct row_layout *layout) {
	return layout->options.rows == ROWS_LEAN;
}

static inline bool row_layout_has(const struct row_layout *layout, enum expert expert) {
	return layout->experts >> expert & 1;
}

/* Distance between the kept origins of lead h. */
static inline uint32_t row_layout_stride(const struct row_layout *layout, uint32_t h) {
	return (h + layout->origins_waiting - 1) / layout->origins_waiting;
}

/* Forecasts of lead h that wait for their observation at the most. */
static inline uint32_t row_layout_waiting(const struct row_layout *layout, uint32_t h) {
	uint32_t stride = row_layout_stride(layout, h);
	return (h + stride - 1) / stride;
}

#endif
