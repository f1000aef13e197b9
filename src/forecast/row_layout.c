/* SPDX-License-Identifier: Apache-2.0 */
#include "row_layout.h"

#include "crc32c.h"
#include "inputs.h"
#include "neighbourhood.h"
#include "xlstm/model.h"

#include <math.h>
#include <string.h>

const struct seasonal_speed seasonal_speeds[SEASONAL_SLOTS] = {
	[SLOT_QUICK] = { .level = 0.5, .profile = 0.3 },
	[SLOT_SLOW] = { .level = 0.2, .profile = 0.1 },
	[SLOT_LONG] = { .level = 0.2, .profile = 0.1 },
};

const enum expert seasonal_experts[SEASONAL_SLOTS] = {
	[SLOT_QUICK] = EXPERT_SEASONAL,
	[SLOT_SLOW] = EXPERT_SEASONAL_SLOW,
	[SLOT_LONG] = EXPERT_SEASONAL_LONG,
};

const enum expert linear_experts[LINEARS] = {
	[LINEAR_SHORT] = EXPERT_RLS,
	[LINEAR_STIFF] = EXPERT_RLS_STIFF,
	[LINEAR_LONG] = EXPERT_RLS_LONG,
	[LINEAR_CROSS] = EXPERT_RLS_CROSS,
	[LINEAR_SEASON] = EXPERT_RLS_SEASON,
};

/* Forgetting: half after 0.7 / (1 - f) ticks. Prior: variance of the weights before any label, in
 * units of the variance of the labels' noise; the stiff expert's keeps it near persistence. */
static const struct {
	double forgetting, prior;
} linear_character[LINEARS] = {
	[LINEAR_SHORT] = { 0.9998, 0.01 },
	[LINEAR_STIFF] = { 0.9999, 0.0005 },
	[LINEAR_LONG] = { 0.9999, 0.01 },
	[LINEAR_CROSS] = { 0.9999, 0.01 },
	[LINEAR_SEASON] = { 0.9999, 0.01 },
};

/* The head on the network's features. */
#define HEAD_FORGETTING 0.9999
#define HEAD_PRIOR      0.05

/* The series' own correction of what the neighbours say. */
#define NEAR_FORGETTING 0.9999
#define NEAR_PRIOR      0.0005

/* Inputs of the head of a lean row: features in random directions, and 1. */
#define HEAD_LEAN 16

#define CACHE_LINE 64

/* Innovations of the linear experts are limited to this many scales. */
#define INNOVATION_MAX 10.0

static uint32_t power_of_two(uint32_t at_least) {
	uint32_t n = 1;
	while (n < at_least)
		n *= 2;
	return n;
}

static size_t rounded_up(size_t bytes, size_t unit) {
	return (bytes + unit - 1) / unit * unit;
}

/* Parts of full rows begin at cache lines, those of lean ones waste nothing. */
static size_t reserve(struct row_layout *layout, size_t bytes) {
	size_t at = layout->size;
	layout->size += rounded_up(bytes, row_layout_is_lean(layout) ? sizeof(double) : CACHE_LINE);
	return at;
}

static void reserve_linear(struct row_layout *layout, enum linear kind) {
	struct rls_shape *shape = &layout->linear[kind];
	*shape = (struct rls_shape){
		.inputs = inputs_count(layout, kind),
		.horizon = layout->leads_count,
		.forgetting = linear_character[kind].forgetting,
		.prior = linear_character[kind].prior,
		.clip = INNOVATION_MAX,
		.brief = row_layout_is_lean(layout),
	};
	if (row_layout_has(layout, linear_experts[kind]))
		layout->linear_states[kind] = reserve(layout, rls_size(shape));
}

/* All leads, or some whose distances grow evenly in proportion. */
static void choose_leads(struct row_layout *layout) {
	bool lean = row_layout_is_lean(layout);
	uint32_t wanted = lean && layout->horizon > LEADS_LEAN ? LEADS_LEAN : layout->horizon;
	double growth = lean && wanted > 1 ? pow(layout->horizon, 1.0 / (wanted - 1)) : 1;
	double next = 1;
	uint32_t lead = 0;
	while (lead < layout->horizon) {
		uint32_t rounded = (uint32_t)lround(next);
		lead = lean && rounded > lead ? rounded : lead + 1;
		layout->leads[layout->leads_count++] = (uint16_t)lead;
		next *= growth;
	}
	layout->origins_waiting = lean ? PENDING_LEAN : PENDING_ORIGINS;
}

static void place_leads(struct row_layout *layout) {
	uint16_t lower = 0;
	for (uint32_t h = 1; h <= layout->horizon; h++) {
		if (lower + 1U < layout->leads_count && layout->leads[lower + 1] <= h)
			lower++;
		double from = layout->leads[lower], to = layout->leads[lower + 1];
		layout->lower[h - 1] = lower;
		layout->share[h - 1] = h > from ? (float)(log(h / from) / log(to / from)) : 0;
	}
}

static uint32_t pending_count(const struct row_layout *layout) {
	uint32_t count = 0;
	for (uint32_t i = 0; i < layout->leads_count; i++)
		count += row_layout_waiting(layout, layout->leads[i]);
	return count;
}

static uint32_t season_room(const struct forecast_options *options) {
	uint32_t room = 0;
	for (int i = 0; i < SEASONS_MAX; i++) {
		uint32_t season = options->seasons[i] ? options->seasons[i] : options->season_max;
		room = season > room ? season : room;
	}
	return options->rows == ROWS_LEAN && room > SEASON_LEAN ? SEASON_LEAN : room;
}

/* Past that the network's tracking looks at. */
static uint32_t track_reach(const struct row_layout *layout) {
	uint32_t reach = network_leads[track_leads(layout->horizon) - 1];
	return reach > layout->season_room ? reach : layout->season_room;
}

/* A ring of the tracking's own, in doubles; its profile, too. */
static void reserve_track_full(struct row_layout *layout) {
	layout->track_length = power_of_two(track_reach(layout) + 1);
	layout->track_room = layout->season_room;
	layout->track_filled = reserve(layout, layout->track_length * sizeof(double));
	layout->track_profile = reserve(layout, layout->season_room * sizeof(double));
}

/* The tracking looks at the history. */
static void reserve_track_lean(struct row_layout *layout) {
	layout->track_room =
		layout->season_room < SEASON_LEAN_TRACK ? layout->season_room : SEASON_LEAN_TRACK;
	layout->track_profile = reserve(layout, layout->track_room * sizeof(float));
}

static void reserve_head(struct row_layout *layout, uint32_t width) {
	bool lean = row_layout_is_lean(layout);
	layout->head = (struct rls_shape){
		.inputs = lean ? HEAD_LEAN : width + 1,
		.horizon = layout->leads_count,
		.forgetting = HEAD_FORGETTING,
		.prior = HEAD_PRIOR,
		.clip = INNOVATION_MAX,
		.brief = lean,
	};
	layout->head_state = reserve(layout, rls_size(&layout->head));
	if (lean)
		layout->head_inputs = reserve(layout,
			layout->pending_count * rls_stride(&layout->head) * sizeof(uint16_t));
}

/* State, track and head of a series' own. */
static void reserve_network(struct row_layout *layout, const struct xlstm_model *model) {
	layout->has_network = true;
	layout->network_layout = xlstm_state_layout(model);
	layout->size = rounded_up(layout->size, CACHE_LINE);
	layout->network_state = reserve(layout, xlstm_state_size(model));
	layout->track = reserve(layout, sizeof(struct track));
	if (row_layout_is_lean(layout))
		reserve_track_lean(layout);
	else
		reserve_track_full(layout);
	layout->track_visits = reserve(layout, layout->track_room);
	reserve_head(layout, xlstm_model_shape(model)->width);
}

/* A power of two in full rows; in lean ones what inputs and the tracking reach back to, from the
 * origin of the longest lead. */
static uint32_t history_length(const struct row_layout *layout) {
	if (!row_layout_is_lean(layout)) {
		uint32_t past = layout->season_room > LAGS_LONG ? layout->season_room : LAGS_LONG;
		return power_of_two(past + 2);
	}
	uint32_t lags = layout->horizon + LAGS_LEAN, past = track_reach(layout);
	return (past > lags ? past : lags) + 2;
}

static void reserve_profiles(struct row_layout *layout) {
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		if (!row_layout_is_lean(layout) || slot == SLOT_LONG)
			layout->profiles[slot] =
				reserve(layout, layout->season_room * sizeof(float));
}

/* What is kept of the forecasts that have been made, and of what became of them. */
static void reserve_leads(struct row_layout *layout) {
	size_t leads = layout->leads_count;
	bool lean = row_layout_is_lean(layout);
	layout->pending_size =
		(uint32_t)(lean ? brief_size(layout->experts) : sizeof(struct pending));
	if (!lean)
		layout->origins = reserve(layout, layout->horizon * sizeof(struct origin));
	layout->pending = reserve(layout, (size_t)layout->pending_count * layout->pending_size);
	layout->mix = reserve(layout, leads * sizeof(struct mix));
	if (!lean)
		layout->centre = reserve(layout, leads * sizeof(struct centre));
	layout->calibrate = reserve(layout, leads * sizeof(struct calibrate));
	layout->tallies = reserve(layout, leads * sizeof(struct tally));
}

/* What a series in a group needs; the name of the group does not matter to it. */
static void reserve_near(struct row_layout *layout) {
	layout->has_near = true;
	layout->near = (struct rls_shape){
		.inputs = NEAR_INPUTS,
		.horizon = layout->horizon,
		.forgetting = NEAR_FORGETTING,
		.prior = NEAR_PRIOR,
		.clip = INNOVATION_MAX,
	};
	layout->near_local = reserve(layout, sizeof(double));
	layout->near_weights = reserve(layout, layout->horizon * sizeof(double));
	layout->near_examples = reserve(layout, layout->horizon * sizeof(uint32_t));
	layout->near_tallies = reserve(layout, layout->horizon * sizeof(struct near_tally));
	layout->near_state = reserve(layout, rls_size(&layout->near));
}

void row_layout_init(struct row_layout *layout, const struct forecast_options *options,
	const struct xlstm_model *model) {
	memset(layout, 0, sizeof(*layout)); /* padding too: the bytes are the identity */
	layout->options = *options;
	memset(layout->options.group, 0, sizeof(layout->options.group));
	memset(&layout->options.guards, 0, sizeof(layout->options.guards));
	layout->experts = options->experts | 1u << EXPERT_CLOSED;
	if (row_layout_is_lean(layout))
		layout->experts &= EXPERTS_LEAN;
	layout->horizon = options->horizon;
	layout->season_room = season_room(options);
	choose_leads(layout);
	place_leads(layout);
	layout->history_length = history_length(layout);
	layout->pending_count = pending_count(layout);
	inputs_choose_taps(layout);

	reserve(layout, sizeof(struct row_head));
	layout->history = reserve(layout, layout->history_length * sizeof(float));
	reserve_profiles(layout);
	reserve_leads(layout);
	if (model && row_layout_has(layout, EXPERT_NETWORK))
		reserve_network(layout, model);
	for (int kind = 0; kind < LINEARS; kind++)
		reserve_linear(layout, kind);
	if (options->group[0] && !row_layout_is_lean(layout) &&
		row_layout_has(layout, EXPERT_NEIGHBOURS))
		reserve_near(layout);
	layout->size = rounded_up(layout->size, CACHE_LINE);
}

uint32_t row_layout_identity(const struct row_layout *layout) {
	struct row_layout meaning;
	memcpy(&meaning, layout, sizeof(meaning)); /* padding too */
	/* Whether shifts are followed changes nothing in what rows hold. */
	meaning.options.shifts = false;
	return crc32c(0, &meaning, sizeof(meaning));
}
