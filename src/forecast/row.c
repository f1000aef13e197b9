/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

#include "period.h"

#include <math.h>
#include <string.h>

/* Weight of a new value in the smoothing expert's level. */
#define SMOOTH_RATE 0.3

static void *at(void *bytes, size_t offset) {
	return (unsigned char *)bytes + offset;
}

/* NULL for a part that the layout has not. */
static void *at_part(void *bytes, size_t offset) {
	return offset ? at(bytes, offset) : NULL;
}

static void row_look(struct row *row) {
	if (row_is_fresh(row))
		return;
	row->tick = row->head->history.ticks - 1;
	row->anchor = row->head->history.newest;
	row->scale = history_scale(&row->head->history);
}

/* In a lean row the tracking shares the history. */
static void row_open_network(struct row *row, void *bytes) {
	const struct row_layout *layout = row->layout;
	row->track = (struct track_view){
		.track = at(bytes, layout->track),
		.leads = track_leads(layout->horizon),
		.profile_room = layout->track_room,
		.visits = at(bytes, layout->track_visits),
	};
	if (row_layout_is_lean(layout)) {
		row->track.history = &row->head->history;
		row->track.past = row->values;
		row->track.length = layout->history_length;
		row->track.profile_brief = at(bytes, layout->track_profile);
	} else {
		row->track.filled = at(bytes, layout->track_filled);
		row->track.length = layout->track_length;
		row->track.profile = at(bytes, layout->track_profile);
	}
	row->network_state = at(bytes, layout->network_state);
	row->head_state = at(bytes, layout->head_state);
	row->head_inputs = at_part(bytes, layout->head_inputs);
}

struct row row_open(const struct row_layout *layout, void *bytes) {
	struct row row = {
		.layout = layout,
		.head = bytes,
		.values = at(bytes, layout->history),
		.origins = at_part(bytes, layout->origins),
		.pending = at(bytes, layout->pending),
		.mix = at(bytes, layout->mix),
		.centre = at_part(bytes, layout->centre),
		.calibrate = at(bytes, layout->calibrate),
		.tallies = at(bytes, layout->tallies),
	};
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		row.profiles[slot] = at_part(bytes, layout->profiles[slot]);
	for (int kind = 0; kind < LINEARS; kind++)
		if (row_layout_has(layout, linear_experts[kind]))
			row.linear[kind] = at(bytes, layout->linear_states[kind]);
	if (layout->has_network)
		row_open_network(&row, bytes);
	if (layout->has_near) {
		row.near_local = at(bytes, layout->near_local);
		row.near_weights = at(bytes, layout->near_weights);
		row.near_examples = at(bytes, layout->near_examples);
		row.near_tallies = at(bytes, layout->near_tallies);
		row.near_state = at(bytes, layout->near_state);
	}
	row_look(&row);
	return row;
}

bool row_waiting(
	const struct row *row, struct lead lead, uint64_t origin, struct pending *ret_pending) {
	uint32_t place;
	if (!row_place(row, lead, origin, &place))
		return false;
	const void *from = row->pending + (size_t)place * row->layout->pending_size;
	if (row_layout_is_lean(row->layout))
		brief_read(from, row->layout->experts, ret_pending);
	else
		memcpy(ret_pending, from, sizeof(*ret_pending));
	return true;
}

const struct mix *row_mix(const struct row *row, uint32_t h, struct mix *buffer) {
	const struct mix *lower = &row->mix[row->layout->lower[h - 1]];
	double share = (double)row->layout->share[h - 1];
	if (share == 0)
		return lower;
	*buffer = mix_between(lower, lower + 1, share);
	return buffer;
}

const struct calibrate *row_calibrate(const struct row *row, uint32_t h, struct calibrate *buffer) {
	const struct calibrate *lower = &row->calibrate[row->layout->lower[h - 1]];
	double share = (double)row->layout->share[h - 1];
	if (share == 0)
		return lower;
	*buffer = calibrate_between(lower, lower + 1, share);
	return buffer;
}

void row_forget_expert(const struct row *row, enum expert expert) {
	for (uint32_t i = 0; i < row->layout->leads_count; i++)
		mix_forget(&row->mix[i], expert);
}

void row_keep(const struct row *row, struct lead lead, const struct pending *pending) {
	uint32_t place;
	if (!row_place(row, lead, row->tick, &place))
		return;
	void *to = row->pending + (size_t)place * row->layout->pending_size;
	if (row_layout_is_lean(row->layout))
		brief_write(pending, row->layout->experts, to);
	else
		memcpy(to, pending, sizeof(*pending));
}

/* What was forecast one tick ago for now; the last value if nothing was, or if the sensor has been
 * silent for so long that forecasts of forecasts mean nothing. */
static double row_assume(const struct row *row) {
	if (row_is_fresh(row))
		return 0;
	if (!row->head->run || row->head->history.missing >= row->layout->horizon)
		return row->anchor;
	struct pending pending;
	row_waiting(row, FIRST_LEAD, row->tick, &pending);
	return pending.origin.anchor + pending.origin.scale * (double)pending.mean;
}

/* Floats that hold the past are relative to a value that must not lie too far away. */
static void row_rebase(struct row *row) {
	struct row_head *head = row->head;
	if (!history_is_far(&head->history, head->history.newest))
		return;
	double before = head->history.base;
	history_rebase(&head->history, row->values, row->layout->history_length);
	track_rebase(&row->track, before);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		if (row->profiles[slot])
			seasonal_rebase(
				&head->seasonal[slot], row->profiles[slot], head->history.base);
}

/* In a lean row rls_season has looked at deviations from the mean until there is a profile. */
static void row_restart_deviations(const struct row *row) {
	void *state = row->linear[LINEAR_SEASON];
	if (!row_layout_is_lean(row->layout) || !state)
		return;
	memset(state, 0, rls_size(&row->layout->linear[LINEAR_SEASON]));
	row_forget_expert(row, EXPERT_RLS_SEASON);
}

/* What has been kept of the series moves to its new level. */
static void row_move(struct row *row, const struct shift *shift) {
	struct row_head *head = row->head;
	uint64_t ticks = shift->ticks;
	history_move(&head->history, row->values, row->layout->history_length, ticks, shift->jump);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		seasonal_move(&head->seasonal[slot], &seasonal_speeds[slot], ticks, shift->jump);
	if (row->track.track)
		track_move(&row->track, ticks, shift->jump);
	head->level_start = row->tick + 1 - ticks;
}

/* How far the newest value lies from that of a season ago, and of a long one: what both agree on, since a
 * weekend is off one, and what was off itself a week ago off the other. */
static double row_deviation(const struct row *row, uint32_t day, uint32_t week) {
	double a = row->anchor - row_back(row, day);
	double b = week ? row->anchor - row_back(row, week) : a;
	return a * b <= 0 ? 0 : fabs(a) < fabs(b) ? a : b;
}

/* Looks whether the newest value, `passed` ticks after the one before, completes a new level. */
static void row_watch(struct row *row, uint64_t passed) {
	struct row_head *head = row->head;
	uint32_t day = head->seasonal[SLOT_SLOW].period, week = head->seasonal[SLOT_LONG].period;
	uint32_t season = week > day ? week : day;
	struct shift shift;
	if (!season || row->tick < season || season >= row->layout->history_length)
		return;
	if (shift_look(&head->watch, season, day, passed, row_deviation(row, day, week), &shift))
		row_move(row, &shift);
}

/* Moves history and profiles on by one tick. */
static void row_push(struct row *row, double value) {
	struct row_head *head = row->head;
	bool present = !isnan(value);
	double filled = present ? value : row_assume(row);
	uint64_t missing = head->history.missing;
	history_push(&head->history, row->values, row->layout->history_length, value, filled);
	bool slept = !seasonal_is_awake(&head->seasonal[SLOT_LONG]);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		seasonal_observe(&head->seasonal[slot], row->profiles[slot], &seasonal_speeds[slot],
			filled, present);
	if (slept && seasonal_is_awake(&head->seasonal[SLOT_LONG]))
		row_restart_deviations(row);
	if (present)
		head->smooth +=
			(head->history.seen == 1 ? 1 : SMOOTH_RATE) * (value - head->smooth);
	row_rebase(row);
	row_look(row);
	if (row->track.track) {
		uint32_t m1 = head->seasonal[SLOT_SLOW].period,
			 m2 = head->seasonal[SLOT_LONG].period;
		track_set_seasons(&row->track, m1, m2 == m1 ? 0 : m2);
		track_step(&row->track, value);
	}
	if (present && row->layout->options.shifts)
		row_watch(row, missing + 1);
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
