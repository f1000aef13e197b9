/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"
#include "engine_private.h"

#include <errno.h>
#include <stdlib.h>

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

/* Gives the channels of a member that are new in its group their seats. */
static int seat_member(struct engine *engine, struct member *member) {
	const struct forecaster *forecaster = &member->forecaster;
	for (; member->seated < forecaster->channels; member->seated++) {
		uint32_t c = member->seated;
		struct group_key key = { .group = span_text(member->group),
			.channel = detector_channel_name(member->detector, c),
			.horizon = forecaster->layout->horizon };
		if (!forecaster->layout->has_near || !forecaster->rows[c])
			continue;
		uint32_t series = detector_channel_series(member->detector, c);
		int r = groups_join(&engine->groups, &key, series, &member->place);
		if (r < 0)
			return r;
		struct row row = row_open(forecaster->layout, forecaster->rows[c]);
		if (forecaster->layout->has_network)
			r = show_state(engine, series, row.network_state);
		if (r < 0)
			return r;
	}
	return 0;
}

int engine_seat_all(struct engine *engine) {
	int r = 0;
	for (size_t i = 0; engine->unseated && i < engine->members_room && r == 0; i++)
		if (engine->members[i])
			r = seat_member(engine, engine->members[i]);
	engine->unseated = r < 0;
	return r;
}

void engine_find_seats(const struct engine *engine, struct member *member) {
	for (uint32_t c = 0; c < member->seated; c++)
		member->forecaster.near[c] =
			groups_seat(&engine->groups, detector_channel_series(member->detector, c));
}

void engine_place(
	struct engine *engine, const struct detector *detector, double latitude, double longitude) {
	struct member *member = engine_member(engine, detector);
	if (!member)
		return;
	member->place = place_on_globe(latitude, longitude);
	for (uint32_t c = 0; c < member->seated; c++)
		groups_place(&engine->groups, detector_channel_series(detector, c), &member->place);
}

void engine_unseat(struct engine *engine, const struct member *member) {
	for (uint32_t c = 0; c < member->seated; c++) {
		uint32_t series = detector_channel_series(member->detector, c);
		groups_leave(&engine->groups, series);
		if (series < engine->states_room)
			engine->states[series] = NULL;
	}
}

size_t engine_neighbourhoods(const struct engine *engine) {
	return groups_count(&engine->groups);
}

size_t engine_neighbourhood_size(const struct engine *engine, size_t index) {
	return groups_size(&engine->groups, index);
}

void engine_neighbourhood_save(const struct engine *engine, size_t index, void *to) {
	groups_save(&engine->groups, index, to);
}

int engine_neighbourhood_load(struct engine *engine, const void *from, size_t size) {
	return groups_load(&engine->groups, from, size);
}

uint32_t engine_neighbours(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct neighbour *to) {
	_Static_assert(NEIGHBOURS_MAX == NEAREST, "as many as there are");
	const struct member *member = engine_member(engine, detector);
	if (!member || channel >= CHANNELS_MAX || !member->forecaster.near[channel].hood)
		return 0;
	const struct near_seat *near = &member->forecaster.near[channel];
	uint32_t count = 0;
	while (count < NEAREST && (to[count].series = neighbourhood_nearest(near->hood, near->seat,
					   count, &to[count].correlation)) != 0)
		count++;
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
