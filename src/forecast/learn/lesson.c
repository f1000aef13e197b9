/* SPDX-License-Identifier: Apache-2.0 */
#include "lesson.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Shares of a lesson's ticks that may be missing, and not sound, at the most. */
#define MISSING_MAX 0.5
#define UNSOUND_MAX 0.25

static uint32_t larger(uint32_t a, uint32_t b) {
	return a > b ? a : b;
}

/* How far back the track reaches. */
static uint32_t reach(const struct track_view *view) {
	const struct track *track = view->track;
	return larger(larger(track->m1, track->m2), network_leads[view->leads - 1]) + 1;
}

/* The filled values before the lesson, of those that there are. */
static void keep_past(struct lesson *lesson, const struct track_view *view) {
	for (uint32_t k = 0; k < lesson->past; k++)
		lesson->filled[k] = track_back(view, lesson->past - 1 - k);
}

/* Points into the block behind the lesson; the widest first, so that all are aligned. */
static void place_arrays(struct lesson *lesson) {
	uint32_t m1 = lesson->track.m1;
	lesson->filled = (double *)(lesson + 1);
	lesson->profile = lesson->filled + lesson->past;
	lesson->values = lesson->profile + m1;
	lesson->times = (int64_t *)(lesson->values + lesson->ticks);
	lesson->state = (unsigned char *)(lesson->times + lesson->steps);
	lesson->visits = lesson->state + lesson->state_bytes;
	lesson->sound = lesson->visits + m1;
}

struct lesson *lesson_create(
	const struct row *row, uint32_t series, uint32_t scored, size_t state_bytes) {
	const struct track_view *view = &row->track;
	uint64_t ticks_so_far = view->track->ticks;
	struct lesson shape = {
		.series = series,
		.steps = LESSON_BURN_IN + scored,
		.horizon = row->layout->horizon,
		.ticks = LESSON_BURN_IN + scored + row->layout->horizon,
		.past = reach(view),
		.track = *view->track,
		.leads = view->leads,
		.state_bytes = state_bytes,
	};
	if (shape.past > ticks_so_far)
		shape.past = (uint32_t)ticks_so_far;
	shape.bytes = sizeof(shape) +
		      sizeof(double) * ((size_t)shape.past + shape.track.m1 + shape.ticks) +
		      sizeof(int64_t) * shape.steps + state_bytes + shape.track.m1 + shape.ticks;

	struct lesson *lesson = malloc(shape.bytes);
	if (!lesson)
		return NULL;
	*lesson = shape;
	place_arrays(lesson);
	keep_past(lesson, view);
	track_copy_profile(view, lesson->profile, lesson->visits);
	memcpy(lesson->state, row->network_state, state_bytes);
	return lesson;
}

void lesson_destroy(struct lesson *lesson) {
	free(lesson);
}

/* Whether the row has gone one tick further and is otherwise what it was. */
static bool follows(const struct lesson *lesson, const struct track *track) {
	return track->ticks == lesson->track.ticks + lesson->taken + 1 &&
	       track->m1 == lesson->track.m1 && track->m2 == lesson->track.m2 &&
	       track->awake == lesson->track.awake;
}

enum lesson_progress lesson_add(
	struct lesson *lesson, const struct row *row, const struct lesson_tick *tick) {
	if (!follows(lesson, row->track.track))
		return LESSON_BROKEN;
	if (lesson->taken < lesson->steps)
		lesson->times[lesson->taken] = tick->time_ms;
	lesson->values[lesson->taken] = tick->value;
	lesson->sound[lesson->taken] = tick->sound;
	lesson->missing += isnan(tick->value);
	lesson->unsound += !tick->sound;
	lesson->taken++;
	return lesson->taken == lesson->ticks ? LESSON_COMPLETE : LESSON_GOES_ON;
}

bool lesson_is_worth_keeping(const struct lesson *lesson) {
	return lesson->missing <= MISSING_MAX * lesson->ticks &&
	       lesson->unsound <= UNSOUND_MAX * lesson->ticks;
}

/* The least power of two that holds the past and the tick that is being taken in. */
static uint32_t ring_length(const struct lesson *lesson) {
	uint32_t past = larger(
		larger(lesson->track.m1, lesson->track.m2), network_leads[lesson->leads - 1]);
	uint32_t length = 1;
	while (length < past + 2)
		length *= 2;
	return length;
}

static int make_room(struct lesson_walk *walk, size_t numbers, size_t visits) {
	if (numbers > walk->numbers_room) {
		double *grown = realloc(walk->numbers, numbers * sizeof(double));
		if (!grown)
			return -ENOMEM;
		walk->numbers = grown;
		walk->numbers_room = numbers;
	}
	if (visits > walk->visits_room) {
		uint8_t *grown = realloc(walk->visits, visits);
		if (!grown)
			return -ENOMEM;
		walk->visits = grown;
		walk->visits_room = visits;
	}
	return 0;
}

int lesson_walk_begin(struct lesson_walk *walk, const struct lesson *lesson) {
	uint32_t length = ring_length(lesson), m1 = lesson->track.m1;
	int r = make_room(walk, (size_t)length + m1, m1);
	if (r < 0)
		return r;

	walk->lesson = lesson;
	walk->at = 0;
	walk->track = lesson->track;
	walk->view = (struct track_view){ .track = &walk->track,
		.filled = walk->numbers,
		.length = length,
		.leads = lesson->leads,
		.profile = walk->numbers + length,
		.visits = walk->visits };
	uint64_t first = lesson->track.ticks - lesson->past;
	for (uint32_t k = 0; k < lesson->past; k++)
		walk->view.filled[(first + k) & (length - 1)] = lesson->filled[k];
	if (m1 > 0) {
		memcpy(walk->view.profile, lesson->profile, m1 * sizeof(double));
		memcpy(walk->visits, lesson->visits, m1);
	}
	return 0;
}

void lesson_walk_finish(struct lesson_walk *walk) {
	free(walk->numbers);
	free(walk->visits);
	*walk = (struct lesson_walk){ 0 };
}

void lesson_walk_step(struct lesson_walk *walk, float inputs[NETWORK_INPUTS]) {
	const struct lesson *lesson = walk->lesson;
	struct network_clock clock = network_clock_at(lesson->times[walk->at]);
	track_step(&walk->view, lesson->values[walk->at]);
	walk->at++;
	if (inputs)
		network_inputs(&walk->view, &clock, inputs);
}

bool lesson_walk_labels(const struct lesson_walk *walk, double *to) {
	const struct lesson *lesson = walk->lesson;
	uint32_t now = walk->at - 1;
	bool any = false;
	for (uint32_t h = 1; h <= lesson->horizon; h++) {
		bool counts = lesson->sound[now] && lesson->sound[now + h];
		to[h - 1] = counts ? lesson->values[now + h] : NAN;
		any = any || !isnan(to[h - 1]);
	}
	return any;
}
