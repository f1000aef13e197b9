/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"
#include "engine_private.h"
#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Groups, positions and links that change while the engine runs. */

/* Whether any channel took its seat from another position. */
static bool sits_elsewhere(const struct engine *engine, const struct member *member) {
	for (uint32_t c = 0; c < member->forecaster.channels; c++) {
		uint32_t series = detector_channel_series(member->detector, c);
		struct place seated = groups_place(&engine->groups, series);
		if (groups_seat(&engine->groups, series).hood &&
			!place_equal(&seated, &member->place))
			return true;
	}
	return false;
}

void engine_place(
	struct engine *engine, const struct detector *detector, const struct place *place) {
	struct member *member = engine_member(engine, detector);
	if (!member || place_equal(&member->place, place))
		return;
	member->place = *place;
	member->moved = sits_elsewhere(engine, member);
	engine->unsettled |= member->moved;
}

/* Links the channels of the same name. */
static int link_channel(struct engine *engine, const struct detector *detector, uint32_t channel,
	const struct detector *other) {
	struct span name = detector_channel_name(detector, channel);
	uint32_t series = detector_channel_series(detector, channel);
	int r = groups_limit(&engine->groups, series);
	for (uint32_t c = 0; other && c < detector_channel_count(other) && r == 0; c++)
		if (span_equal(detector_channel_name(other, c), name))
			r = groups_link(&engine->groups, series, detector_channel_series(other, c));
	return r;
}

int engine_link(
	struct engine *engine, const struct detector *detector, const struct detector *other) {
	int r = 0;
	for (uint32_t c = 0; c < detector_channel_count(detector) && r == 0; c++)
		r = link_channel(engine, detector, c, other);
	return r;
}

void engine_unlink_all(struct engine *engine) {
	groups_unlink_all(&engine->groups);
}

/* The rows of a detector with room for another layout, which has more or less at its end. */
static int convert_rows(
	struct engine *engine, const struct member *member, size_t size, void **to) {
	size_t before = member->forecaster.layout->size;
	for (uint32_t c = 0; c < member->forecaster.channels; c++) {
		to[c] = row_store_take(&engine->rows, size);
		if (!to[c])
			return -ENOMEM;
		memcpy(to[c], member->forecaster.rows[c], size < before ? size : before);
	}
	return 0;
}

static int check_room(const struct engine *engine, const struct member *member, size_t size) {
	size_t before = member->forecaster.layout->size, most = engine->options.memory_max;
	size_t more = size > before ? (size - before) * member->forecaster.channels : 0;
	return most && engine->memory + more > most ? E_TOO_MANY_SERIES : 0;
}

static void take_rows(struct engine *engine, struct member *member, void **rows, size_t size) {
	struct forecaster *forecaster = &member->forecaster;
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		row_store_give_back(&engine->rows, forecaster->rows[c], forecaster->layout->size);
		forecaster->rows[c] = rows[c];
	}
	engine->memory += forecaster->channels * size;
	engine->memory -= forecaster->channels * forecaster->layout->size;
}

int engine_regroup(struct engine *engine, const struct detector *detector,
	const struct forecast_options *options) {
	struct member *member = engine_member(engine, detector);
	const struct shared_layout *shared = engine_share_layout(engine, options);
	void *rows[CHANNELS_MAX] = { 0 };
	if (!member || !shared)
		return member ? -ENOMEM : E_NOT_FOUND;
	size_t size = shared->layout.size;
	int r = check_room(engine, member, size);
	if (r == 0)
		r = convert_rows(engine, member, size, rows);
	if (r < 0) {
		for (uint32_t c = 0; c < member->forecaster.channels; c++)
			row_store_give_back(&engine->rows, rows[c], size);
		return r;
	}
	take_rows(engine, member, rows, size);
	member->forecaster.layout = &shared->layout;
	member->forecaster.guards = &shared->options.guards;
	member->group = shared->options.group;
	engine_hide_states(engine, member);
	engine->unsettled = true;
	return 0;
}

static bool leave(struct engine *engine, uint32_t series) {
	bool sits = groups_seat(&engine->groups, series).hood != NULL;
	groups_leave(&engine->groups, series);
	return sits;
}

static bool settle_member(struct engine *engine, const struct member *member) {
	bool changed = false;
	for (uint32_t c = 0; c < member->forecaster.channels; c++) {
		uint32_t series = detector_channel_series(member->detector, c);
		struct group_key key = member_key(member, c);
		if (!member->forecaster.layout->has_near)
			changed |= leave(engine, series);
		else if (member->moved || !groups_is_in(&engine->groups, &key, series))
			changed |= groups_move(&engine->groups, &key, series, &member->place) != 0;
	}
	return changed || member->moved;
}

bool engine_settle(struct engine *engine) {
	bool changed = false;
	for (size_t i = 0; i < engine->members_room && engine->unsettled; i++) {
		struct member *member = engine->members[i];
		if (!member)
			continue;
		changed |= settle_member(engine, member);
		member->moved = false;
	}
	engine->unsettled = false;
	return changed;
}
