/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"
#include "engine_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where others find the network's state of a series. */
static int show_state(struct engine *engine, uint32_t series, const void *state) {
	if (series >= engine->states_room) {
		size_t room = series + 1 + series / 2;
		const void **states = realloc(engine->states, room * sizeof(*states));
		if (!states)
			return -ENOMEM;
		for (size_t i = engine->states_room; i < room; i++)
			states[i] = NULL;
		engine->states = states;
		engine->states_room = room;
	}
	engine->states[series] = state;
	return 0;
}

static uint32_t series_of(const struct detector *detector, uint32_t channel) {
	return detector_channel_series(detector, channel);
}

static int show_member(struct engine *engine, struct member *member) {
	const struct row_layout *layout = member->forecaster.layout;
	int r = 0;
	if (!layout->has_near || !layout->has_network)
		return 0;
	while (member->shown < member->forecaster.channels && r == 0) {
		struct row row = row_open(layout, member->forecaster.rows[member->shown]);
		r = show_state(
			engine, series_of(member->detector, member->shown), row.network_state);
		member->shown += r == 0;
	}
	return r;
}

void engine_hide_states(struct engine *engine, struct member *member) {
	for (uint32_t c = 0; c < member->forecaster.channels; c++) {
		uint32_t series = series_of(member->detector, c);
		if (series < engine->states_room)
			engine->states[series] = NULL;
	}
	member->shown = 0;
	engine->unshown = true;
}

int engine_show_states(struct engine *engine) {
	int r = 0;
	for (size_t i = 0; engine->unshown && i < engine->members_room && r == 0; i++)
		if (engine->members[i])
			r = show_member(engine, engine->members[i]);
	engine->unshown = r < 0;
	return r;
}

struct group_key member_key(const struct member *member, uint32_t channel) {
	return (struct group_key){ .group = span_text(member->group),
		.channel = detector_channel_name(member->detector, channel),
		.horizon = member->forecaster.layout->horizon };
}

/* The seat that a series took once; false if none was noted. */
static bool find_taken(struct span seats, uint32_t series, struct seat_taken *ret_taken) {
	for (size_t at = 0; at + sizeof(*ret_taken) <= seats.length; at += sizeof(*ret_taken)) {
		memcpy(ret_taken, seats.data + at, sizeof(*ret_taken));
		if (ret_taken->series == series)
			return true;
	}
	return false;
}

/* Where it was then may be another place than where it is now. */
static void seat_again(struct engine *engine, struct member *member, const struct group_key *key,
	const struct seat_taken *taken) {
	(void)groups_join_again(&engine->groups, key, taken);
	member->moved |= !place_equal(&taken->place, &member->place);
	engine->unsettled |= member->moved;
}

/* A series takes its seat with its first tick. */
static void seat_item(struct engine *engine, const struct batch_item *item, struct span seats) {
	struct member *member = engine_member(engine, item->detector);
	const struct forecaster *forecaster = &item->forecaster;
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		uint32_t series = series_of(item->detector, c);
		struct group_key key = member_key(member, c);
		struct seat_taken taken;
		if (!forecaster->rows[c] || !tick_includes(&item->tick, c))
			continue;
		if (find_taken(seats, series, &taken))
			seat_again(engine, member, &key, &taken);
		else
			(void)groups_join(&engine->groups, &key, series, &member->place);
	}
}

static void find_seats(const struct engine *engine, struct batch_item *item) {
	for (uint32_t c = 0; c < item->forecaster.channels; c++)
		item->forecaster.near[c] =
			groups_seat(&engine->groups, series_of(item->detector, c));
}

void engine_seat_batch(struct engine *engine, struct batch *batch, struct span seats) {
	groups_forget_taken(&engine->groups);
	for (size_t i = 0; i < batch->count; i++) {
		const struct batch_item *item = &batch->items[batch->places[i].item];
		if (item->forecaster.layout->has_near)
			seat_item(engine, item, seats);
	}
	groups_note_links(&engine->groups);
	for (size_t i = 0; i < batch->count; i++)
		if (batch->items[i].forecaster.layout->has_near)
			find_seats(engine, &batch->items[i]);
}

struct span engine_seats_taken(const struct engine *engine) {
	return groups_taken(&engine->groups);
}

bool engine_is_grouped(const struct engine *engine, const struct detector *detector) {
	const struct member *member = engine_member(engine, detector);
	return member && member->forecaster.layout->has_near;
}

size_t engine_grouped(const struct batch *batch, uint32_t *to) {
	size_t count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct batch_item *item = &batch->items[batch->places[i].item];
		if (item->forecaster.layout->has_near)
			to[count++] = detector_id(item->detector);
	}
	return count;
}

void engine_unseat(struct engine *engine, struct member *member) {
	for (uint32_t c = 0; c < member->forecaster.channels; c++)
		groups_leave(&engine->groups, series_of(member->detector, c));
	engine_hide_states(engine, member);
}

size_t engine_neighbourhoods(const struct engine *engine) {
	return groups_count(&engine->groups);
}

uint32_t engine_neighbourhood_id(const struct engine *engine, size_t index) {
	return groups_id(&engine->groups, index);
}

size_t engine_neighbourhood_size(const struct engine *engine, size_t index) {
	return groups_size(&engine->groups, index);
}

void engine_neighbourhood_save(const struct engine *engine, size_t index, void *to) {
	groups_save(&engine->groups, index, to);
}

int engine_neighbourhood_load(struct engine *engine, uint32_t id, const void *from, size_t size) {
	return groups_load(&engine->groups, id, from, size);
}

static double distance_between(const struct engine *engine, uint32_t a, uint32_t b) {
	struct place from = groups_place(&engine->groups, a), to = groups_place(&engine->groups, b);
	return place_distance(&from, &to);
}

uint32_t engine_neighbours(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct neighbour *to) {
	_Static_assert(NEIGHBOURS_MAX == NEAREST, "as many as there are");
	const struct member *member = engine_member(engine, detector);
	if (!member || channel >= member->forecaster.channels)
		return 0;
	struct near_seat near = groups_seat(&engine->groups, series_of(detector, channel));
	uint32_t count = 0;
	while (near.hood && count < NEAREST &&
		(to[count].series = neighbourhood_nearest(
			 near.hood, near.seat, count, &to[count].correlation)) != 0)
		count++;
	for (uint32_t i = 0; i < count; i++)
		to[i].distance =
			distance_between(engine, series_of(detector, channel), to[i].series);
	return count;
}

uint32_t engine_neighbour_gains(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct neighbour_gain *to) {
	struct row row;
	if (!engine_open_row(engine, detector, channel, &row) || !row.near_state)
		return 0;
	uint32_t horizon = row.layout->horizon;
	for (uint32_t h = 1; h <= horizon; h++) {
		const struct near_tally *tally = &row.near_tallies[h - 1];
		if (tally->n == 0)
			return h - 1;
		to[h - 1] = (struct neighbour_gain){ h, tally->alone, tally->together };
	}
	return horizon;
}
