/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_ROW_H
#define FORECAST_ROW_H

#include "row_layout.h"

/*
 * A row with its parts at hand. Opening one costs a few additions; it is valid as long as the row.
 */
struct row {
	const struct row_layout *layout;
	struct row_head *head;
	float *values; /* ring of the past, [history_length] */
	float *profiles[SEASONAL_SLOTS];
	struct origin *origins; /* ring, [horizon] */
	struct pending *pending; /* a ring for each lead */
	struct mix *mix; /* [horizon] */
	struct calibrate *calibrate; /* [horizon] */
	struct tally *tallies; /* [horizon] */
	void *linear[LINEARS]; /* NULL: expert not wanted */
	struct track_view track; /* track NULL: no network */
	void *network_state;
	void *head_state;
	double *near_local; /* fading mean of absolute errors over all leads, in scales; NULL: no group */
	double *near_weights; /* ring, [horizon]: what each tick counts for */
	struct near_tally *near_tallies; /* [horizon] */
	void *near_state;
	/* The newest tick; meaningless in a fresh row. */
	uint64_t tick; /* its index in the history */
	double anchor; /* its value, assumed if it was missing */
	double scale;
};

struct row row_open(const struct row_layout *layout, void *bytes);

/* Whether the network steps: there is one, and a first reading. */
static inline bool row_has_network(const struct row *row) {
	return row->track.track && row->track.track->ticks > 0;
}

static inline bool row_is_fresh(const struct row *row) {
	return row->head->history.ticks == 0;
}

/* The value k ticks ago. */
static inline double row_back(const struct row *row, uint64_t k) {
	return history_back(&row->head->history, row->values, row->layout->history_length, k);
}

static inline struct origin *row_origin(const struct row *row, uint64_t tick) {
	return row->origins + tick % row->layout->horizon;
}

/* Walks over leads: where the waiting forecasts of each lie. */
struct lead {
	uint32_t h;
	uint32_t base;
};

#define FIRST_LEAD ((struct lead){ .h = 1, .base = 0 })

static inline struct lead lead_next(struct lead lead) {
	return (struct lead){ .h = lead.h + 1, .base = lead.base + row_layout_waiting(lead.h) };
}

/* The waiting forecast of a lead made at tick `origin`, or NULL if that origin is not kept. */
static inline struct pending *row_pending(
	const struct row *row, struct lead lead, uint64_t origin) {
	uint32_t stride = row_layout_stride(lead.h);
	if (origin % stride)
		return NULL;
	return row->pending + lead.base + origin / stride % row_layout_waiting(lead.h);
}

/* The season that rls_season looks at: the long one once it is known, else the short one. */
static inline enum seasonal_slot row_season(const struct row *row) {
	return seasonal_is_awake(&row->head->seasonal[SLOT_LONG]) ? SLOT_LONG : SLOT_SLOW;
}

/* Accepts the value of the next tick (NAN: missing) into history, scale and profiles. number is
 * the tick's; ticks that were left out become missing ones. step_ms chooses the seasons. */
void row_accept(struct row *row, uint64_t number, double value, int64_t step_ms);

#endif
