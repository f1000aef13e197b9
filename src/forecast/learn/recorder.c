/* SPDX-License-Identifier: Apache-2.0 */
#include "recorder.h"

/* Ticks of a series in which a free place finds it, about. */
#define SEARCH_TICKS 8

void recorder_init(struct recorder *recorder, uint64_t seed) {
	*recorder = (struct recorder){ .around = 1 };
	random_init(&recorder->random, seed);
}

void recorder_finish(struct recorder *recorder) {
	for (uint32_t i = 0; i < RECORDER_PLACES; i++)
		lesson_destroy(recorder->open[i]);
	*recorder = (struct recorder){ 0 };
}

void recorder_expect(struct recorder *recorder, size_t series) {
	recorder->around = series > 0 ? (double)series : 1;
}

/* The place of a series, or RECORDER_PLACES. */
static uint32_t place_of(const struct recorder *recorder, uint32_t series) {
	uint32_t left = recorder->count;
	for (uint32_t i = 0; i < RECORDER_PLACES && left > 0; i++) {
		if (!recorder->open[i])
			continue;
		if (recorder->series[i] == series)
			return i;
		left--;
	}
	return RECORDER_PLACES;
}

bool recorder_has(const struct recorder *recorder, uint32_t series) {
	return place_of(recorder, series) < RECORDER_PLACES;
}

static void close_place(struct recorder *recorder, uint32_t place) {
	recorder->open[place] = NULL;
	recorder->count--;
}

void recorder_drop(struct recorder *recorder, uint32_t series) {
	uint32_t place = place_of(recorder, series);
	if (place == RECORDER_PLACES)
		return;
	lesson_destroy(recorder->open[place]);
	close_place(recorder, place);
}

static uint32_t free_place(const struct recorder *recorder) {
	uint32_t place = 0;
	while (recorder->open[place])
		place++;
	return place;
}

/* Whether a lesson begins with this tick. */
static bool is_chosen(struct recorder *recorder) {
	double places = RECORDER_PLACES - recorder->count;
	if (places == 0)
		return false;
	return random_uniform(&recorder->random) < places / recorder->around / SEARCH_TICKS;
}

static void begin(
	struct recorder *recorder, const struct row *row, uint32_t series, size_t state_bytes) {
	uint32_t scored =
		LESSON_SCORED_MIN + (uint32_t)(random_uniform(&recorder->random) *
					       (LESSON_SCORED_MAX - LESSON_SCORED_MIN + 1));
	struct lesson *lesson = lesson_create(row, series, scored, state_bytes);
	if (!lesson)
		return;
	uint32_t place = free_place(recorder);
	recorder->open[place] = lesson;
	recorder->series[place] = series;
	recorder->count++;
}

/* One tick of the lesson at a place: the lesson if it is complete. */
static struct lesson *go_on(struct recorder *recorder, uint32_t place, const struct row *row,
	const struct lesson_tick *tick) {
	struct lesson *lesson = recorder->open[place];
	enum lesson_progress progress = lesson_add(lesson, row, tick);
	if (progress == LESSON_GOES_ON)
		return NULL;
	close_place(recorder, place);
	if (progress == LESSON_COMPLETE && lesson_is_worth_keeping(lesson))
		return lesson;
	lesson_destroy(lesson);
	return NULL;
}

struct lesson *recorder_take(struct recorder *recorder, const struct row *row, uint32_t series,
	const struct lesson_tick *tick, size_t state_bytes) {
	uint32_t place = place_of(recorder, series);
	struct lesson *complete = NULL;
	if (place < RECORDER_PLACES)
		complete = go_on(recorder, place, row, tick);
	if (place == RECORDER_PLACES || complete) {
		if (is_chosen(recorder))
			begin(recorder, row, series, state_bytes);
	}
	return complete;
}
