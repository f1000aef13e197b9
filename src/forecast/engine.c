/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_private.h"

#include "detector.h"
#include "error.h"
#include "network_inputs.h"
#include "network_outputs.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Missing ticks in a row after which a sensor counts as silent. */
#define STALE_TICKS 3

static bool fits(const struct xlstm_model *model) {
	const struct xlstm_shape *shape = xlstm_model_shape(model);
	return shape->inputs == NETWORK_INPUTS && shape->outputs == NETWORK_OUTPUTS &&
	       shape->width < KERNEL_STRIDE_MAX;
}

int engine_create(struct engine **ret_engine, const struct engine_options *options) {
	if (options->model && !fits(options->model))
		return E_MISMATCH;
	struct engine *engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	engine->options = *options;
	if (options->model)
		engine->options.model = xlstm_model_ref(options->model);
	if (engine_learning_create(engine) < 0) {
		engine_destroy(engine);
		return -ENOMEM;
	}
	*ret_engine = engine;
	return 0;
}

static void member_destroy(struct engine *engine, struct member *member) {
	if (!member)
		return;
	member_learning_destroy(engine, member);
	for (size_t c = 0; c < CHANNELS_MAX; c++)
		row_store_give_back(
			&engine->rows, member->forecaster.rows[c], member->forecaster.layout->size);
	free(member);
}

void engine_destroy(struct engine *engine) {
	if (!engine)
		return;
	for (size_t i = 0; i < engine->members_room; i++)
		member_destroy(engine, engine->members[i]);
	while (engine->layouts) {
		struct shared_layout *layout = engine->layouts;
		engine->layouts = layout->next;
		free(layout);
	}
	row_store_finish(&engine->rows);
	engine_learning_destroy(engine);
	groups_finish(&engine->groups);
	free(engine->states);
	xlstm_model_unref(engine->options.model);
	free(engine->members);
	free(engine);
}

struct member *engine_member(const struct engine *engine, const struct detector *detector) {
	uint32_t id = detector_id(detector);
	return id < engine->members_room ? engine->members[id] : NULL;
}

/* The bytes of a series, NULL if there are none. */
static void *find_row(
	const struct engine *engine, const struct detector *detector, uint32_t channel) {
	struct member *member = engine_member(engine, detector);
	return member && channel < CHANNELS_MAX ? member->forecaster.rows[channel] : NULL;
}

const struct shared_layout *engine_share_layout(
	struct engine *engine, const struct forecast_options *options) {
	for (struct shared_layout *l = engine->layouts; l; l = l->next)
		if (memcmp(&l->options, options, sizeof(*options)) == 0)
			return l;
	struct shared_layout *shared = calloc(1, sizeof(*shared));
	if (!shared)
		return NULL;
	shared->options = *options;
	row_layout_init(&shared->layout, options, engine->options.model);
	shared->next = engine->layouts;
	engine->layouts = shared;
	return shared;
}

static int make_room(struct engine *engine, uint32_t id) {
	if (id < engine->members_room)
		return 0;
	size_t room = id + 1 + id / 2;
	struct member **members = realloc(engine->members, room * sizeof(struct member *));
	if (!members)
		return -ENOMEM;
	memset(members + engine->members_room, 0,
		(room - engine->members_room) * sizeof(struct member *));
	engine->members = members;
	engine->members_room = room;
	return 0;
}

static int add_member(struct engine *engine, struct detector *detector,
	const struct forecast_options *options, struct member **ret_member) {
	int r = make_room(engine, detector_id(detector));
	if (r < 0)
		return r;

	const struct shared_layout *shared = engine_share_layout(engine, options);
	struct member *member = shared ? calloc(1, sizeof(*member)) : NULL;
	if (!member)
		return -ENOMEM;

	member->detector = detector;
	member->forecaster.layout = &shared->layout;
	member->forecaster.guards = &shared->options.guards;
	member->group = shared->options.group;
	member->place = PLACE_UNKNOWN;
	engine->members[detector_id(detector)] = member;
	*ret_member = member;
	return 0;
}

/* A fresh row for a channel. All of it is touched at once: the process does not grow for months while the row
 * fills, and what memory_max allows is there. */
static int add_row(struct engine *engine, struct member *member, uint32_t channel) {
	size_t size = member->forecaster.layout->size;
	if (engine->options.memory_max && engine->memory + size > engine->options.memory_max)
		return E_TOO_MANY_SERIES;

	void *row = row_store_take(&engine->rows, size);
	if (!row)
		return -ENOMEM;

	member->forecaster.rows[channel] = row;
	engine->memory += size;
	engine->series++;
	return 0;
}

int engine_add(
	struct engine *engine, struct detector *detector, const struct forecast_options *options) {
	struct member *member = engine_member(engine, detector);
	int r = member ? 0 : add_member(engine, detector, options, &member);
	if (r < 0)
		return r;

	uint32_t channels = detector_channel_count(detector);
	while (member->forecaster.channels < channels) {
		r = add_row(engine, member, member->forecaster.channels);
		if (r < 0)
			return r;
		member->forecaster.channels++;
		engine->unshown |= member->forecaster.layout->has_near;
	}
	engine_learning_expect(engine, member);
	return 0;
}

void engine_defer_memory(struct engine *engine) {
	row_store_defer(&engine->rows);
}

void engine_settle_memory(const struct engine *engine) {
	row_store_settle(&engine->rows);
}

void engine_end_deferral(struct engine *engine) {
	row_store_end_deferral(&engine->rows);
}

static void due_append(struct engine *engine, struct member *member) {
	member->due = true;
	member->next_due = NULL;
	if (engine->last_due)
		engine->last_due->next_due = member;
	else
		engine->first_due = member;
	engine->last_due = member;
}

static struct member *due_take(struct engine *engine) {
	struct member *member = engine->first_due;
	engine->first_due = member->next_due;
	if (!engine->first_due)
		engine->last_due = NULL;
	member->due = false;
	return member;
}

/* Rebuilds the due list without one member. */
static void due_drop(struct engine *engine, const struct member *dropped) {
	struct member *member = engine->first_due;
	engine->first_due = engine->last_due = NULL;
	while (member) {
		struct member *next = member->next_due;
		if (member != dropped)
			due_append(engine, member);
		member = next;
	}
}

void engine_remove(struct engine *engine, struct detector *detector) {
	struct member *member = engine_member(engine, detector);
	if (!member)
		return;
	due_drop(engine, member);
	engine_unseat(engine, member);
	engine->memory -= member->forecaster.channels * member->forecaster.layout->size;
	engine->series -= member->forecaster.channels;
	engine->members[detector_id(detector)] = NULL;
	member_destroy(engine, member);
}

void engine_want(struct engine *engine, struct detector *detector) {
	struct member *member = engine_member(engine, detector);
	if (member && !member->due)
		due_append(engine, member);
}

bool engine_is_due(const struct engine *engine) {
	return engine->first_due != NULL;
}

bool engine_fits(const struct engine *engine, const struct xlstm_model *model) {
	const struct xlstm_model *now = engine->options.model;
	return now && fits(model) && xlstm_state_layout(model) == xlstm_state_layout(now);
}

size_t engine_memory(const struct engine *engine) {
	return engine->memory + engine->groups.memory;
}

/* What a batch needs to know of a member as it is now. */
static int prepare(struct batch *batch, struct member *member) {
	struct forecaster *forecaster = &member->forecaster;
	forecaster->step_ms = detector_step_ms(member->detector);
	forecaster->slot_ms = detector_step_is_known(member->detector) ? forecaster->step_ms : 0;
	return batch_reserve(batch, forecaster);
}

uint64_t engine_restarts(const struct engine *engine) {
	return engine->restarts;
}

static void take_tick(struct engine *engine, struct batch *batch, struct member *member) {
	struct tick tick;
	if (detector_next_tick(member->detector, &tick))
		batch_add(batch, member->detector, &member->forecaster,
			member_model(engine, member), &tick);
}

static size_t close_batch(struct engine *engine, struct batch *batch, struct span seats) {
	(void)engine_show_states(engine);
	batch_set_states(batch, engine->states, engine->states_room);
	batch_sort(batch);
	engine_seat_batch(engine, batch, seats);
	return batch->count;
}

size_t engine_fill(struct engine *engine, struct batch *batch) {
	struct member *last = engine->last_due;
	if (batch_set_model(batch, engine->options.model) < 0)
		return 0; /* what is due stays due */
	while (engine->first_due && batch->count < batch->capacity) {
		struct member *member = engine->first_due;
		if (prepare(batch, member) < 0)
			break; /* what is due stays due */
		due_take(engine);
		take_tick(engine, batch, member);
		if (detector_has_tick(member->detector))
			due_append(engine, member);
		if (member == last)
			break;
	}
	return close_batch(engine, batch, SPAN_EMPTY);
}

int engine_fill_again(struct engine *engine, struct batch *batch, struct detector *const *detectors,
	size_t count, struct span seats) {
	int r = batch_set_model(batch, engine->options.model);
	for (size_t i = 0; i < count && r == 0; i++) {
		struct member *member = engine_member(engine, detectors[i]);
		if (!member)
			continue;
		r = prepare(batch, member);
		if (r == 0)
			take_tick(engine, batch, member);
	}
	close_batch(engine, batch, seats);
	return r;
}

static enum forecast_status status_of(const struct outlook *outlook) {
	if (outlook->missing >= STALE_TICKS)
		return FORECAST_STALE;
	return isnan(outlook->skill) ? FORECAST_WARMING : FORECAST_OK;
}

static struct forecast forecast_of(const struct batch_item *item, uint32_t channel) {
	const struct outlook *outlook = &item->outlooks[channel];
	return (struct forecast){
		.series = detector_channel_series(item->detector, channel),
		.status = status_of(outlook),
		.issued_ms = item->tick.time_ms,
		.step_ms = item->forecaster.step_ms,
		.seen = outlook->seen,
		.observed = outlook->observed,
		.impossible = outlook->impossible,
		.anomaly = outlook->anomaly,
		.skill = outlook->skill,
		.horizon = item->forecaster.layout->horizon,
		.mean = outlook->mean,
		.quantiles = outlook->quantiles,
	};
}

void engine_apply(
	struct engine *engine, struct batch *batch, engine_forecast_fn on_forecast, void *user) {
	for (size_t i = 0; i < batch->count; i++) {
		const struct batch_item *item = &batch->items[i];
		for (uint32_t c = 0; c < item->forecaster.channels; c++) {
			if (!tick_includes(&item->tick, c))
				continue;
			engine->restarts += item->outlooks[c].restarted;
			if (item->outlooks[c].seen == 0)
				continue;
			engine_learning_take(engine, item, c);
			struct forecast forecast = forecast_of(item, c);
			on_forecast(user, item->detector, c, &item->tick, &forecast);
		}
	}
	batch_clear(batch);
}

size_t engine_state_size(
	const struct engine *engine, const struct detector *detector, uint32_t channel) {
	const void *row = find_row(engine, detector, channel);
	return row ? state_size(engine_member(engine, detector)->forecaster.layout, row) : 0;
}

void engine_state_save(
	const struct engine *engine, const struct detector *detector, uint32_t channel, void *to) {
	const void *row = find_row(engine, detector, channel);
	if (row)
		state_save(engine_member(engine, detector)->forecaster.layout, row, to);
}

int engine_state_load(struct engine *engine, const struct detector *detector, uint32_t channel,
	const void *from, size_t size) {
	void *row = find_row(engine, detector, channel);
	if (!row)
		return E_NOT_FOUND;
	return state_load(engine_member(engine, detector)->forecaster.layout, row, from, size);
}

uint32_t engine_scores(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct score *to) {
	void *bytes = find_row(engine, detector, channel);
	if (!bytes)
		return 0;
	struct row row = row_open(engine_member(engine, detector)->forecaster.layout, bytes);
	for (uint32_t i = 0; i < row.layout->leads_count; i++)
		tally_score(&row.tallies[i], &row.head->change, row.layout->leads[i], &to[i]);
	return row.layout->leads_count;
}

bool engine_open_row(const struct engine *engine, const struct detector *detector, uint32_t channel,
	struct row *ret_row) {
	void *bytes = find_row(engine, detector, channel);
	if (!bytes)
		return false;
	*ret_row = row_open(engine_member(engine, detector)->forecaster.layout, bytes);
	return !row_is_fresh(ret_row);
}

bool engine_expert_forecasts(const struct engine *engine, const struct detector *detector,
	uint32_t channel, double (*to)[HORIZON_MAX]) {
	struct row row;
	if (!engine_open_row(engine, detector, channel, &row))
		return false;
	row_expert_forecasts(&row, to);
	return true;
}

uint32_t engine_season(
	const struct engine *engine, const struct detector *detector, uint32_t channel) {
	struct row row;
	bool known = engine_open_row(engine, detector, channel, &row);
	return known ? row.head->seasonal[SLOT_SLOW].period : 0;
}
