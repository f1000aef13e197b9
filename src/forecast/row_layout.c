/* SPDX-License-Identifier: Apache-2.0 */
#include "row_layout.h"

#include "crc32c.h"
#include "inputs.h"
#include "neighbourhood.h"
#include "xlstm/model.h"

#include <string.h>

const struct seasonal_speed seasonal_speeds[SEASONAL_SLOTS] = {
	[SLOT_QUICK] = {.level = 0.5,  .profile = 0.3},
	[SLOT_SLOW] = { .level = 0.2, .profile = 0.1},
	[SLOT_LONG] = { .level = 0.2, .profile = 0.1},
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
	[LINEAR_SHORT] = {0.9998,  0.01  },
	[LINEAR_STIFF] = { 0.9999, 0.0005},
	[LINEAR_LONG] = { 0.9999, 0.01  },
	[LINEAR_CROSS] = { 0.9999, 0.01  },
	[LINEAR_SEASON] = { 0.9999, 0.01  },
};

/* The head on the network's features. */
#define HEAD_FORGETTING 0.9999
#define HEAD_PRIOR      0.05

/* The series' own correction of what the neighbours say. */
#define NEAR_FORGETTING 0.9999
#define NEAR_PRIOR      0.0005

/* Innovations of the linear experts are limited to this many scales. */
#define INNOVATION_MAX 10.0

static uint32_t power_of_two(uint32_t at_least) {
	uint32_t n = 1;
	while (n < at_least)
		n *= 2;
	return n;
}

static size_t reserve(struct row_layout *layout, size_t bytes) {
	size_t at = layout->size;
	layout->size += (bytes + 63) & ~(size_t)63;
	return at;
}

static void reserve_linear(struct row_layout *layout, enum linear kind) {
	struct rls_shape *shape = &layout->linear[kind];
	*shape = (struct rls_shape){
		.inputs = inputs_count(layout, kind),
		.horizon = layout->horizon,
		.forgetting = linear_character[kind].forgetting,
		.prior = linear_character[kind].prior,
		.clip = INNOVATION_MAX,
	};
	if (row_layout_has(layout, linear_experts[kind]))
		layout->linear_states[kind] = reserve(layout, rls_size(shape));
}

static uint32_t pending_count(uint32_t horizon) {
	uint32_t count = 0;
	for (uint32_t h = 1; h <= horizon; h++)
		count += row_layout_waiting(h);
	return count;
}

static uint32_t season_room(const struct forecast_options *options) {
	uint32_t room = 0;
	for (int i = 0; i < SEASONS_MAX; i++) {
		uint32_t season = options->seasons[i] ? options->seasons[i] : options->season_max;
		room = season > room ? season : room;
	}
	return room;
}

/* State, track and head of a series' own. */
static void reserve_network(struct row_layout *layout, const struct xlstm_model *model) {
	uint32_t reach = network_leads[track_leads(layout->horizon) - 1];
	uint32_t past = reach > layout->season_room ? reach : layout->season_room;
	layout->has_network = true;
	layout->network_layout = xlstm_state_layout(model);
	layout->track_length = power_of_two(past + 1);
	layout->track = reserve(layout, sizeof(struct track));
	layout->track_filled = reserve(layout, layout->track_length * sizeof(double));
	layout->track_profile = reserve(layout, layout->season_room * sizeof(double));
	layout->track_visits = reserve(layout, layout->season_room);
	layout->network_state = reserve(layout, xlstm_state_size(model));
	layout->head = (struct rls_shape){
		.inputs = xlstm_model_shape(model)->width + 1,
		.horizon = layout->horizon,
		.forgetting = HEAD_FORGETTING,
		.prior = HEAD_PRIOR,
		.clip = INNOVATION_MAX,
	};
	layout->head_state = reserve(layout, rls_size(&layout->head));
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
	layout->near_tallies = reserve(layout, layout->horizon * sizeof(struct near_tally));
	layout->near_state = reserve(layout, rls_size(&layout->near));
}

void row_layout_init(struct row_layout *layout, const struct forecast_options *options,
	const struct xlstm_model *model) {
	memset(layout, 0, sizeof(*layout)); /* padding too: the bytes are the identity */
	layout->options = *options;
	memset(layout->options.group, 0, sizeof(layout->options.group));
	layout->horizon = options->horizon;
	layout->season_room = season_room(options);
	uint32_t past = layout->season_room > LAGS_LONG ? layout->season_room : LAGS_LONG;
	layout->history_length = power_of_two(past + 2);
	layout->pending_count = pending_count(layout->horizon);
	inputs_choose_taps(layout);

	reserve(layout, sizeof(struct row_head));
	layout->history = reserve(layout, layout->history_length * sizeof(float));
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		layout->profiles[slot] = reserve(layout, layout->season_room * sizeof(float));
	layout->origins = reserve(layout, layout->horizon * sizeof(struct origin));
	layout->pending = reserve(layout, layout->pending_count * sizeof(struct pending));
	layout->mix = reserve(layout, layout->horizon * sizeof(struct mix));
	layout->calibrate = reserve(layout, layout->horizon * sizeof(struct calibrate));
	layout->tallies = reserve(layout, layout->horizon * sizeof(struct tally));
	if (model && row_layout_has(layout, EXPERT_NETWORK))
		reserve_network(layout, model);
	for (int kind = 0; kind < LINEARS; kind++)
		reserve_linear(layout, kind);
	if (options->group[0] && row_layout_has(layout, EXPERT_NEIGHBOURS))
		reserve_near(layout);
}

uint32_t row_layout_identity(const struct row_layout *layout) {
	return crc32c(0, layout, sizeof(*layout));
}
