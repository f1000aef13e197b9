/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"
#include "engine_private.h"
#include "group_private.h"

/*
 * A neighbourhood goes on by itself: by its members' ticks, and by the seats that are noted with them. Only where one
 * becomes two, neither half can be had from the other's saved state, so until both are saved they go together.
 */

/* Halves that a neighbourhood may have become without being saved, before it is large. */
#define HALVES_MAX 4

/* The lowest of the member's id and what its neighbourhoods go by so far. */
static uint32_t lowest(const struct engine *engine, const struct member *member) {
	uint32_t least = detector_id(member->detector);
	for (uint32_t c = 0; c < member->forecaster.channels; c++) {
		struct near_seat seat =
			groups_seat(&engine->groups, detector_channel_series(member->detector, c));
		const struct hood *hood = hood_of(&seat);
		if (hood && hood->leader && hood->leader < least)
			least = hood->leader;
	}
	return least;
}

/* Whether any of the member's neighbourhoods went by another one. */
static bool lower(const struct engine *engine, const struct member *member, uint32_t to) {
	bool lowered = false;
	for (uint32_t c = 0; c < member->forecaster.channels; c++) {
		struct near_seat seat =
			groups_seat(&engine->groups, detector_channel_series(member->detector, c));
		struct hood *hood = hood_of(&seat);
		lowered |= hood && hood->leader != to;
		if (hood)
			hood->leader = to;
	}
	return lowered;
}

/* Neighbourhoods that have a detector in common go by the same one. */
static bool lower_by_members(const struct engine *engine) {
	bool lowered = false;
	for (size_t i = 0; i < engine->members_room; i++) {
		const struct member *member = engine->members[i];
		if (member && member->forecaster.layout->has_near)
			lowered |= lower(engine, member, lowest(engine, member));
	}
	return lowered;
}

/* Those that were one when they were saved last do, too. */
static bool lower_by_halves(const struct engine *engine) {
	bool lowered = false;
	for (struct hood *half = engine->groups.first; half; half = half->next) {
		struct hood *whole = half->whole;
		if (half->leader == whole->leader)
			continue;
		bool below = whole->leader == 0 || (half->leader && half->leader < whole->leader);
		half->leader = whole->leader = below ? half->leader : whole->leader;
		lowered = true;
	}
	return lowered;
}

static void find_components(struct engine *engine) {
	if (engine->labelled == engine->groups.changes)
		return;
	for (struct hood *hood = engine->groups.first; hood; hood = hood->next)
		hood->leader = 0;
	bool lowered = true;
	while (lowered) {
		lowered = lower_by_members(engine);
		lowered |= lower_by_halves(engine);
	}
	engine->labelled = engine->groups.changes;
}

uint32_t engine_component(struct engine *engine, const struct detector *detector) {
	find_components(engine);
	for (uint32_t c = 0; c < detector_channel_count(detector); c++) {
		struct near_seat seat =
			groups_seat(&engine->groups, detector_channel_series(detector, c));
		if (seat.hood)
			return hood_of(&seat)->leader;
	}
	return 0;
}

uint32_t engine_neighbourhood_component(struct engine *engine, size_t index) {
	find_components(engine);
	const struct hood *hood = engine->groups.first;
	while (hood && index-- > 0)
		hood = hood->next;
	return hood ? hood->leader : 0;
}

bool engine_component_changed(struct engine *engine, uint32_t component) {
	find_components(engine);
	for (const struct hood *hood = engine->groups.first; hood; hood = hood->next)
		if (hood->leader == component && hood->changed)
			return true;
	return false;
}

uint32_t engine_large_component(struct engine *engine) {
	const struct hood *hood = engine->groups.halves > HALVES_MAX ? engine->groups.first : NULL;
	while (hood && hood->halves <= HALVES_MAX)
		hood = hood->next;
	if (hood)
		find_components(engine);
	return hood ? hood->leader : 0;
}

void engine_component_saved(struct engine *engine, uint32_t component) {
	for (struct hood *hood = engine->groups.first; hood; hood = hood->next) {
		if (hood->leader != component || !hood->changed)
			continue;
		engine->groups.halves -= hood->halves;
		engine->groups.changes++;
		hood->changed = false;
		hood->whole = hood;
		hood->halves = 0;
	}
}
