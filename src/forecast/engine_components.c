/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"
#include "engine_private.h"
#include "group_private.h"

#include <string.h>

/* Neighbourhoods that a group may have to be one component while its members come and go. */
#define WHOLE_MAX 4

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
static void join_by_members(struct engine *engine) {
	bool lowered = true;
	while (lowered) {
		lowered = false;
		for (size_t i = 0; i < engine->members_room; i++) {
			const struct member *member = engine->members[i];
			if (member && member->forecaster.layout->has_near)
				lowered |= lower(engine, member, lowest(engine, member));
		}
	}
}

/* The lowest leader of a group; 0 if it has too many neighbourhoods. */
static uint32_t leader_of_group(const struct engine *engine, const char *group) {
	uint32_t least = 0, count = 0;
	for (const struct hood *hood = engine->groups.first; hood; hood = hood->next) {
		if (strcmp(hood->group, group) != 0)
			continue;
		count++;
		if (hood->leader && (least == 0 || hood->leader < least))
			least = hood->leader;
	}
	return count <= WHOLE_MAX ? least : 0;
}

static void join_changed_groups(struct engine *engine) {
	for (const struct hood *changed = engine->groups.first; changed; changed = changed->next) {
		uint32_t leader = changed->changed ? leader_of_group(engine, changed->group) : 0;
		for (struct hood *hood = engine->groups.first; hood && leader; hood = hood->next)
			if (strcmp(hood->group, changed->group) == 0)
				hood->leader = leader;
	}
}

static void find_components(struct engine *engine) {
	if (engine->labelled == engine->groups.changes)
		return;
	for (struct hood *hood = engine->groups.first; hood; hood = hood->next)
		hood->leader = 0;
	join_by_members(engine);
	join_changed_groups(engine);
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

void engine_component_saved(struct engine *engine, uint32_t component) {
	for (struct hood *hood = engine->groups.first; hood; hood = hood->next)
		if (hood->leader == component && hood->changed) {
			hood->changed = false;
			engine->groups.changes++;
		}
}
