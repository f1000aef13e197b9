/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"
#include "recorder.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HORIZON  6
#define HOUR_MS  INT64_C(3600000)
#define START_MS INT64_C(1700000000000)

/* One series, stepped as the live path steps it. */
struct bed {
	struct xlstm_model *model;
	struct row_layout layout;
	void *bytes;
	struct row row;
	uint64_t number;
	struct random random;
};

static void bed_init(struct bed *bed) {
	struct forecast_options options;
	struct xlstm_weights *weights;
	memset(bed, 0, sizeof(*bed));
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&bed->model, weights), 0);
	xlstm_weights_destroy(weights);
	forecast_options_init(&options);
	options.horizon = HORIZON;
	row_layout_init(&bed->layout, &options, bed->model);
	bed->bytes = calloc(1, bed->layout.size);
	random_init(&bed->random, 5);
}

static void bed_finish(struct bed *bed) {
	free(bed->bytes);
	xlstm_model_unref(bed->model);
}

/* A day of 24 ticks with noise; every ninth value is missing, and a night. */
static double bed_value(struct bed *bed) {
	uint64_t t = bed->number;
	if (t % 9 == 8 || (t > 400 && t < 412))
		return NAN;
	return 20 + 5 * sin(0.2618 * (double)t) + random_normal(&bed->random);
}

/* The next tick; inputs [NETWORK_INPUTS] as the live path computes them. */
static struct lesson_tick bed_step(struct bed *bed, float *inputs) {
	struct lesson_tick tick = { START_MS + (int64_t)bed->number * HOUR_MS, bed_value(bed),
		true };
	struct network_clock clock = network_clock_at(tick.time_ms);
	bed->row = row_open(&bed->layout, bed->bytes);
	row_accept(&bed->row, bed->number, tick.value, HOUR_MS);
	bed->number++;
	if (inputs)
		network_inputs(&bed->row.track, &clock, inputs);
	return tick;
}

static struct lesson *bed_lesson(struct bed *bed, uint32_t scored) {
	return lesson_create(&bed->row, 7, scored, xlstm_state_size(bed->model));
}

static void a_walk_sees_what_the_live_path_saw(void **unused) {
	(void)unused;
	struct bed bed;
	bed_init(&bed);
	struct lesson_walk walk = { 0 };
	/* Young, with a day, and with a week of past. */
	static const uint64_t begins[] = { 1, 2, 30, 380 };
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		static float live[LESSON_STEPS_MAX + HORIZON][NETWORK_INPUTS];
		float seen[NETWORK_INPUTS];
		while (bed.number < begins[i])
			bed_step(&bed, NULL);
		memset(bed.row.network_state, (int)i + 1, xlstm_state_size(bed.model));
		struct lesson *lesson = bed_lesson(&bed, LESSON_SCORED_MAX);
		memset(bed.row.network_state, 99, xlstm_state_size(bed.model));
		enum lesson_progress progress = LESSON_GOES_ON;
		for (uint32_t t = 0; progress == LESSON_GOES_ON; t++) {
			struct lesson_tick tick = bed_step(&bed, live[t]);
			progress = lesson_add(lesson, &bed.row, &tick);
		}
		assert_int_equal(progress, LESSON_COMPLETE);
		assert_int_equal(lesson->state[0], i + 1);
		assert_int_equal(lesson->state[xlstm_state_size(bed.model) - 1], i + 1);
		assert_int_equal(lesson_walk_begin(&walk, lesson), 0);
		for (uint32_t t = 0; t < lesson->steps; t++) {
			lesson_walk_step(&walk, seen);
			assert_memory_equal(seen, live[t], sizeof(seen));
		}
		lesson_destroy(lesson);
	}
	lesson_walk_finish(&walk);
	bed_finish(&bed);
}

static void labels_are_the_values_that_came_and_leave_out_what_is_not_sound(void **unused) {
	(void)unused;
	struct bed bed;
	bed_init(&bed);
	struct lesson_walk walk = { 0 };
	double values[LESSON_STEPS_MAX + HORIZON], labels[HORIZON];
	bed_step(&bed, NULL);
	struct lesson *lesson = bed_lesson(&bed, LESSON_SCORED_MIN);
	for (uint32_t t = 0; t < lesson->ticks; t++) {
		struct lesson_tick tick = bed_step(&bed, NULL);
		tick.sound = t != 40;
		values[t] = tick.value;
		lesson_add(lesson, &bed.row, &tick);
	}
	assert_int_equal(lesson->unsound, 1);
	lesson_walk_begin(&walk, lesson);
	for (uint32_t t = 0; t < lesson->steps; t++) {
		lesson_walk_step(&walk, NULL);
		assert_int_equal(lesson_walk_labels(&walk, labels), t != 40);
		for (uint32_t h = 1; h <= HORIZON && t != 40; h++) {
			if (t + h == 40 || isnan(values[t + h]))
				assert_true(isnan(labels[h - 1]));
			else
				assert_true(labels[h - 1] == values[t + h]);
		}
	}
	lesson_walk_finish(&walk);
	lesson_destroy(lesson);
	bed_finish(&bed);
}

static void what_cannot_be_walked_through_is_broken(void **unused) {
	(void)unused;
	struct bed bed;
	bed_init(&bed);
	bed_step(&bed, NULL);
	struct lesson *hole = bed_lesson(&bed, LESSON_SCORED_MIN);
	bed.number += 3; /* ticks that never come */
	struct lesson_tick tick = bed_step(&bed, NULL);
	assert_int_equal(lesson_add(hole, &bed.row, &tick), LESSON_BROKEN);
	lesson_destroy(hole);

	struct lesson *season = bed_lesson(&bed, LESSON_SCORED_MIN);
	track_set_seasons(&bed.row.track, 12, 0);
	tick = bed_step(&bed, NULL);
	assert_int_equal(lesson_add(season, &bed.row, &tick), LESSON_BROKEN);
	lesson_destroy(season);
	bed_finish(&bed);
}

static void lessons_of_silence_or_alarm_are_not_kept(void **unused) {
	(void)unused;
	struct lesson lesson = { .ticks = 100, .missing = 50, .unsound = 25 };
	assert_true(lesson_is_worth_keeping(&lesson));
	lesson.missing = 51;
	assert_false(lesson_is_worth_keeping(&lesson));
	lesson.missing = 0;
	lesson.unsound = 26;
	assert_false(lesson_is_worth_keeping(&lesson));
}

static void the_recorder_gives_series_their_turn(void **unused) {
	(void)unused;
	enum { SERIES = 400, TICKS = 1200 };
	struct bed bed;
	struct recorder recorder;
	static uint32_t lessons[SERIES];
	bed_init(&bed);
	recorder_init(&recorder, 3);
	recorder_expect(&recorder, SERIES);
	bed_step(&bed, NULL);
	uint32_t most = 0;
	for (uint64_t t = 0; t < TICKS; t++) {
		struct lesson_tick tick = bed_step(&bed, NULL);
		for (uint32_t s = 0; s < SERIES; s++) {
			struct lesson *lesson = recorder_take(&recorder, &bed.row, s, &tick, 16);
			if (!lesson)
				continue;
			assert_int_equal(lesson->series, s);
			assert_int_equal(lesson->taken, lesson->ticks);
			lessons[s]++;
			lesson_destroy(lesson);
		}
		most = recorder.count > most ? recorder.count : most;
	}
	assert_int_equal(most, RECORDER_PLACES);
	/* 64 places for about 1200 / 127 lessons each: 1.4 a series, spread like chance. */
	uint32_t all = 0, without = 0;
	for (uint32_t s = 0; s < SERIES; s++) {
		all += lessons[s];
		without += lessons[s] == 0;
	}
	assert_in_range(all, 64 * 7, 64 * 10);
	assert_in_range(without, 0, SERIES * 2 / 5);
	uint32_t open = recorder.count, last = 0;
	while (!recorder.open[last])
		last++;
	assert_true(recorder_has(&recorder, recorder.series[last]));
	recorder_drop(&recorder, recorder.series[last]);
	assert_int_equal(recorder.count, open - 1);
	recorder_finish(&recorder);
	bed_finish(&bed);
}

/* A lesson that is only an id and a size. */
static struct lesson *blank(uint32_t id) {
	struct lesson *lesson = calloc(1, sizeof(*lesson));
	lesson->series = id;
	lesson->bytes = 1000;
	return lesson;
}

static void the_memory_keeps_its_bound_and_remembers_all_of_the_past(void **unused) {
	(void)unused;
	enum { LESSONS = 4000, BYTES = 100000 };
	struct memory memory;
	memory_init(&memory, BYTES, 1);
	for (uint32_t id = 0; id < LESSONS; id++) {
		memory_add(&memory, blank(id));
		assert_true(memory_bytes(&memory) <= BYTES);
	}
	assert_int_equal(memory.exam.count, 25);
	assert_in_range(memory.recent.count, 36, 38);
	assert_in_range(memory.past.count, 36, 38);
	/* Recent ones are the newest; an even sample of 37 has a mean within four deviations of
	 * the middle: LESSONS / sqrt(12 * 37) each. */
	double mean = 0;
	for (size_t i = 0; i < memory.recent.count; i++)
		assert_true(memory.recent.items[i]->lesson->series > LESSONS - 80);
	for (size_t i = 0; i < memory.past.count; i++)
		mean += memory.past.items[i]->lesson->series / (double)memory.past.count;
	assert_true(fabs(mean - LESSONS / 2) < 4 * LESSONS / sqrt(12.0 * 37));
	memory_finish(&memory);
}

static void half_of_what_is_drawn_is_recent_and_nothing_is_of_the_exam(void **unused) {
	(void)unused;
	enum { LESSONS = 1000, DRAWS = 2000 };
	struct memory memory;
	uint32_t recent = 0;
	memory_init(&memory, 100000, 1);
	assert_null(memory_draw(&memory));
	for (uint32_t id = 0; id < LESSONS; id++)
		memory_add(&memory, blank(id));
	for (int i = 0; i < DRAWS; i++) {
		struct shelved *drawn = memory_draw(&memory);
		for (size_t k = 0; k < memory.exam.count; k++)
			assert_ptr_not_equal(drawn, memory.exam.items[k]);
		for (size_t k = 0; k < memory.recent.count; k++)
			recent += drawn == memory.recent.items[k];
		shelved_release(drawn);
	}
	assert_in_range(recent, DRAWS / 2 - 4 * 22, DRAWS / 2 + 4 * 22);
	memory_finish(&memory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_sees_what_the_live_path_saw),
		cmocka_unit_test(labels_are_the_values_that_came_and_leave_out_what_is_not_sound),
		cmocka_unit_test(what_cannot_be_walked_through_is_broken),
		cmocka_unit_test(lessons_of_silence_or_alarm_are_not_kept),
		cmocka_unit_test(the_recorder_gives_series_their_turn),
		cmocka_unit_test(the_memory_keeps_its_bound_and_remembers_all_of_the_past),
		cmocka_unit_test(half_of_what_is_drawn_is_recent_and_nothing_is_of_the_exam),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
