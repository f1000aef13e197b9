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
	float *profiles[SEASONAL_SLOTS]; /* NULL: the slot only keeps time */
	struct origin *origins; /* ring, [horizon]; NULL in a lean row */
	unsigned char *pending; /* a ring for each kept lead */
	/* Of the kept leads. */
	struct mix *mix;
	struct centre *centre; /* NULL in a lean row: quantiles lie around the mean */
	struct calibrate *calibrate;
	struct tally *tallies;
	void *linear[LINEARS]; /* NULL: expert not wanted */
	struct track_view track; /* track NULL: no network */
	void *network_state;
	void *head_state;
	double *near_local; /* fading mean of absolute errors over all leads, in scales; NULL: no group */
	double *near_weights; /* ring, [horizon]: what each tick counts for */
	uint32_t *near_examples; /* ring, [horizon]: the replay example that each tick became */
	struct near_tally *near_tallies; /* [horizon] */
	void *near_state;
	uint16_t *head_inputs; /* of lean rows, for each waiting forecast [rls_stride], in brief */
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

/* Walks over kept leads: where the waiting forecasts of each lie. Behind the last, h is above any. */
struct lead {
	uint32_t index; /* among the kept leads */
	uint32_t h;
	uint32_t base;
};

#define FIRST_LEAD ((struct lead){ .index = 0, .h = 1, .base = 0 })

static inline struct lead lead_next(const struct row_layout *layout, struct lead lead) {
	uint32_t index = lead.index + 1;
	return (struct lead){
		.index = index,
		.h = index < layout->leads_count ? layout->leads[index] : UINT32_MAX,
		.base = lead.base + row_layout_waiting(layout, lead.h),
	};
}

/* Which of the waiting forecasts is that of a lead made at tick `origin`; false if it is not kept. */
static inline bool row_place(
	const struct row *row, struct lead lead, uint64_t origin, uint32_t *ret_place) {
	uint32_t stride = row_layout_stride(row->layout, lead.h);
	if (origin % stride)
		return false;
	*ret_place =
		lead.base + (uint32_t)(origin / stride % row_layout_waiting(row->layout, lead.h));
	return true;
}

/* The waiting forecast of a lead made at tick `origin`; false if that origin is not kept. */
bool row_waiting(
	const struct row *row, struct lead lead, uint64_t origin, struct pending *ret_pending);

/* Weights and positions at any lead; those between kept ones are made in the buffer. */
const struct mix *row_mix(const struct row *row, uint32_t h, struct mix *buffer);
const struct calibrate *row_calibrate(const struct row *row, uint32_t h, struct calibrate *buffer);

/* What was learned about one expert's errors says nothing any more. */
void row_forget_expert(const struct row *row, enum expert expert);

/* Lets a forecast of the newest tick wait, if that is a kept origin. */
void row_keep(const struct row *row, struct lead lead, const struct pending *pending);

/* The season that rls_season looks at: the long one once it is known, else the short one. */
static inline enum seasonal_slot row_season(const struct row *row) {
	return seasonal_is_awake(&row->head->seasonal[SLOT_LONG]) ? SLOT_LONG : SLOT_SLOW;
}

/* Accepts the value of the next tick (NAN: missing) into history, scale and profiles. number is
 * the tick's; ticks that were left out become missing ones. step_ms chooses the seasons. */
void row_accept(struct row *row, uint64_t number, double value, int64_t step_ms);

#endif
