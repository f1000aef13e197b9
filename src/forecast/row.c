/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

#include "period.h"

#include <math.h>

/* Weight of a new value in the smoothing expert's level. */
#define SMOOTH_RATE 0.3

static void *at(void *bytes, size_t offset) {
	return (unsigned char *)bytes + offset;
}

static void row_look(struct row *row) {
	if (row_is_fresh(row))
		return;
	row->tick = row->head->history.ticks - 1;
	row->anchor = row->head->history.newest;
	row->scale = history_scale(&row->head->history);
}

struct row row_open(const struct row_layout *layout, void *bytes) {
	struct row row = {
		.layout = layout,
		.head = bytes,
		.values = at(bytes, layout->history),
		.origins = at(bytes, layout->origins),
		.pending = at(bytes, layout->pending),
		.mix = at(bytes, layout->mix),
		.calibrate = at(bytes, layout->calibrate),
		.tallies = at(bytes, layout->tallies),
	};
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		row.profiles[slot] = at(bytes, layout->profiles[slot]);
	for (int kind = 0; kind < LINEARS; kind++)
		if (row_layout_has(layout, linear_experts[kind]))
			row.linear[kind] = at(bytes, layout->linear_states[kind]);
	if (layout->has_network) {
		row.track = (struct track_view){ .track = at(bytes, layout->track),
			.filled = at(bytes, layout->track_filled),
			.length = layout->track_length,
			.leads = track_leads(layout->horizon),
			.profile = at(bytes, layout->track_profile),
			.visits = at(bytes, layout->track_visits) };
		row.network_state = at(bytes, layout->network_state);
		row.head_state = at(bytes, layout->head_state);
	}
	if (layout->has_near) {
		row.near_local = at(bytes, layout->near_local);
		row.near_weights = at(bytes, layout->near_weights);
		row.near_tallies = at(bytes, layout->near_tallies);
		row.near_state = at(bytes, layout->near_state);
	}
	row_look(&row);
	return row;
}

/* What was forecast one tick ago for now; the last value if nothing was, or if the sensor has been
 * silent for so long that forecasts of forecasts mean nothing. */
static double row_assume(const struct row *row) {
	if (row_is_fresh(row))
		return 0;
	if (!row->head->run || row->head->history.missing >= row->layout->horizon)
		return row->anchor;
	const struct origin *origin = row_origin(row, row->tick);
	return origin->anchor + origin->scale * (double)row->pending[0].mean;
}

/* Floats that hold the past are relative to a value that must not lie too far away. */
static void row_rebase(struct row *row) {
	struct row_head *head = row->head;
	if (!history_is_far(&head->history, head->history.newest))
		return;
	history_rebase(&head->history, row->values, row->layout->history_length);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		seasonal_rebase(&head->seasonal[slot], row->profiles[slot], head->history.base);
}

/* Moves history and profiles on by one tick. */
static void row_push(struct row *row, double value) {
	struct row_head *head = row->head;
	bool present = !isnan(value);
	double filled = present ? value : row_assume(row);
	history_push(&head->history, row->values, row->layout->history_length, value, filled);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		seasonal_observe(&head->seasonal[slot], row->profiles[slot], &seasonal_speeds[slot],
			filled, present);
	if (present)
		head->smooth +=
			(head->history.seen == 1 ? 1 : SMOOTH_RATE) * (value - head->smooth);
	row_rebase(row);
	row_look(row);
	if (row->track.track) {
		track_set_seasons(&row->track, head->seasonal[SLOT_SLOW].period,
			head->seasonal[SLOT_LONG].period);
		track_step(&row->track, value);
	}
}

/* Ticks that never came: the past gets as many assumed values as it can hold, and the forecasts
 * that were waiting are given up. */
static void row_bridge(struct row *row, uint64_t ticks) {
	uint64_t pushed = ticks < row->layout->history_length ? ticks : row->layout->history_length;
	row->head->run = 0;
	for (uint64_t i = 0; i < pushed; i++)
		row_push(row, NAN);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		seasonal_skip(&row->head->seasonal[slot], ticks - pushed);
	for (int kind = 0; kind < LINEARS; kind++)
		if (row->linear[kind])
			rls_forget_pending(&row->layout->linear[kind], row->linear[kind]);
	if (row->head_state)
		rls_forget_pending(&row->layout->head, row->head_state);
	if (row->near_state)
		rls_forget_pending(&row->layout->near, row->near_state);
	if (row->track.track && row->track.track->ticks > 0)
		row->track.track->ticks += ticks - pushed;
}

/* What is too large to be a measurement is none: squares must stay finite. */
static double measurement(double value) {
	return fabs(value) <= HISTORY_VALUE_MAX ? value : NAN;
}

void row_accept(struct row *row, uint64_t number, double value, int64_t step_ms) {
	if (!row_is_fresh(row) && number > row->head->number + 1)
		row_bridge(row, number - row->head->number - 1);
	if (row->head->step_ms != step_ms)
		period_from_calendar(row, step_ms);
	row_push(row, measurement(value));
	row->head->number = number;
	if (row->tick >= row->head->season_check)
		period_from_data(row);
}
