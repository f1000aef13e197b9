/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "file.h"
#include "held_out.h"
#include "network_loss.h"
#include "small_network.h"
#include "trainer.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct trainer *open_trainer(struct trainer_options options) {
	struct xlstm_weights *start = small_network();
	struct trainer *trainer;
	options.start = start;
	options.decay = 0.05;
	options.young = 2;
	assert_int_equal(trainer_create(&trainer, &options), 0);
	xlstm_weights_destroy(start);
	return trainer;
}

static struct trainer_options short_run(void) {
	return (struct trainer_options){
		.source = { .seed = 5 }, .steps = 400, .lanes = 32, .threads = 1, .rate = 0.01
	};
}

static uint64_t average_identity(const struct trainer *trainer) {
	struct xlstm_weights *weights = small_network();
	trainer_average(trainer, weights);
	uint64_t identity = xlstm_weights_identity(weights);
	xlstm_weights_destroy(weights);
	return identity;
}

static void take_steps(struct trainer *trainer, int steps) {
	for (int i = 0; i < steps; i++)
		assert_true(isfinite(trainer_step(trainer)));
}

/* A fresh network's head is silent: it says what the closed form says. A little training on other
 * series makes it better than that, on young series and later. */
static void training_beats_the_closed_form(void **unused) {
	(void)unused;
	struct trainer_options options = short_run();
	options.lanes = 16;
	struct trainer *trainer = open_trainer(options);
	struct xlstm_weights *weights = small_network();
	struct held_out held_out;
	assert_int_equal(held_out_measure(weights, &options.source, 8, &held_out), 0);
	for (enum held_out_part part = 0; part < HELD_OUT_PARTS; part++) {
		struct held_out_loss sum = held_out_sum(&held_out, part);
		assert_true(sum.count > 0 && sum.network == sum.closed);
	}
	take_steps(trainer, 80);
	trainer_average(trainer, weights);
	assert_int_equal(held_out_measure(weights, &options.source, 8, &held_out), 0);
	for (enum held_out_part part = 0; part < HELD_OUT_PARTS; part++) {
		struct held_out_loss sum = held_out_sum(&held_out, part);
		if (!(sum.network < 0.985 * sum.closed))
			fail_msg("part %d: %g of the closed form", (int)part,
				sum.network / sum.closed);
	}
	xlstm_weights_destroy(weights);
	trainer_destroy(trainer);
}

static uint64_t identity_after(uint64_t seed, uint32_t threads) {
	struct trainer_options options = short_run();
	options.source.seed = seed;
	options.threads = threads;
	struct trainer *trainer = open_trainer(options);
	take_steps(trainer, 3);
	uint64_t identity = average_identity(trainer);
	trainer_destroy(trainer);
	return identity;
}

static void a_seed_gives_the_same_bits_on_any_number_of_threads(void **unused) {
	(void)unused;
	uint64_t expected = identity_after(5, 1);
	assert_true(identity_after(5, 1) == expected);
	assert_true(identity_after(5, 3) == expected);
	assert_true(identity_after(6, 1) != expected);
}

static const char *checkpoint_path(void) {
	static char path[64];
	snprintf(path, sizeof(path), "test_train.%ld.checkpoint", (long)getpid());
	return path;
}

/* Long enough that some lanes have gone on to further series. */
static void resumed_training_gives_the_bits_of_an_uninterrupted_one(void **unused) {
	(void)unused;
	struct trainer *whole = open_trainer(short_run()), *first = open_trainer(short_run()),
		       *second = open_trainer(short_run());
	take_steps(whole, 9);
	take_steps(first, 5);
	assert_int_equal(trainer_save(first, checkpoint_path()), 0);
	assert_int_equal(trainer_resume(second, checkpoint_path()), 0);
	assert_int_equal(trainer_steps(second), 5);
	assert_true(average_identity(second) == average_identity(first));
	take_steps(second, 4);
	assert_true(average_identity(second) == average_identity(whole));
	trainer_destroy(whole);
	trainer_destroy(first);
	trainer_destroy(second);
	unlink(checkpoint_path());
}

static void expect_refusal(struct trainer_options options, int code) {
	struct trainer *trainer = open_trainer(options);
	assert_int_equal(trainer_resume(trainer, checkpoint_path()), code);
	assert_int_equal(trainer_steps(trainer), 0);
	trainer_destroy(trainer);
}

static void a_checkpoint_of_another_run_or_a_damaged_one_is_refused(void **unused) {
	(void)unused;
	struct trainer *trainer = open_trainer(short_run());
	struct trainer_options other = short_run();
	struct text text = { 0 };
	expect_refusal(short_run(), -ENOENT);
	take_steps(trainer, 1);
	assert_int_equal(trainer_save(trainer, checkpoint_path()), 0);
	trainer_destroy(trainer);
	other.source.seed = 6;
	expect_refusal(other, E_MISMATCH);
	assert_int_equal(file_read(checkpoint_path(), 1U << 30, &text), 0);
	text.data[text.length / 2] ^= 1;
	assert_int_equal(file_replace(checkpoint_path(), text_span(&text), 0600), 0);
	expect_refusal(short_run(), E_CORRUPT);
	text_finish(&text);
	unlink(checkpoint_path());
}

/* A lane that is sent to a step shows there what one shows that walked. */
static void a_lane_that_seeks_shows_what_one_that_walked_shows(void **unused) {
	(void)unused;
	static struct lane_window walked, sought;
	const struct lane_source source = { .seed = 9 };
	struct synthetic_room *room;
	struct lane *walker, *seeker;
	bool later_series = false;
	assert_int_equal(synthetic_room_create(&room), 0);
	for (uint32_t index = 0; index < 4; index++) {
		assert_int_equal(lane_create(&walker, &source, index), 0);
		for (uint64_t step = 0; step < 7; step++) {
			lane_next(walker, room, &walked);
			assert_int_equal(lane_create(&seeker, &source, index), 0);
			lane_seek(seeker, step, room);
			lane_next(seeker, room, &sought);
			assert_true(walked.fresh == sought.fresh);
			later_series = later_series || (walked.fresh && step > 0);
			assert_memory_equal(walked.inputs, sought.inputs, sizeof(walked.inputs));
			assert_memory_equal(walked.scales, sought.scales, sizeof(walked.scales));
			for (int p = 0; p < LANE_POINTS; p++)
				assert_int_equal(walked.points[p].tick, sought.points[p].tick);
			lane_destroy(seeker);
		}
		lane_destroy(walker);
	}
	assert_true(later_series);
	synthetic_room_destroy(room);
}

/* A file whose value is the number of its row, hour after hour from Thursday, 1 January 2026. */
#define RAMP_ROWS 3000

static struct recorded *open_ramp(double until) {
	char path[64];
	char *files[] = { path };
	struct recorded *recorded;
	snprintf(path, sizeof(path), "test_train.%ld.csv", (long)getpid());
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("time,value\n", file);
	for (int row = 0; row < RAMP_ROWS; row++)
		fprintf(file, "%ld,%d\n", 1767225600L + 3600L * row, row);
	assert_int_equal(fclose(file), 0);
	const struct csv_columns_options options = {
		.verb = "train", .time = "time", .step_ms = 3600000
	};
	assert_int_equal(recorded_create(&recorded, files, 1, &options, until), 0);
	unlink(path);
	return recorded;
}

static void training_never_sees_what_is_held_out(void **unused) {
	(void)unused;
	static struct train_series series;
	struct recorded *recorded = open_ramp(1);
	struct random random;
	random_init(&random, 1);
	assert_int_equal(recorded_ticks(recorded), RAMP_ROWS);
	for (int i = 0; i < 200; i++) {
		bool held_out = i % 2;
		recorded_take(recorded, &random, held_out, 256, &series);
		for (int t = 0; t < 256 + SERIES_FUTURE; t++)
			if (!isnan(series.values[t]))
				assert_true((series.values[t] >= 0.9 * RAMP_ROWS) == held_out);
		assert_int_equal(series.m1, 24);
		assert_int_equal(series.m2, 168);
		/* 1 January 2026 was a Thursday, the fourth day of its week. */
		assert_int_equal(series.start, ((int64_t)series.values[0] + 72) % 168);
	}
	recorded_destroy(recorded);
	recorded = open_ramp(0.25);
	assert_int_equal(recorded_ticks(recorded), RAMP_ROWS / 4);
	recorded_destroy(recorded);
}

/* On the ramp the value at lead h is h further up. */
static void targets_are_the_values_that_came(void **unused) {
	(void)unused;
	static struct lane_window window;
	struct recorded *recorded = open_ramp(1);
	const struct lane_source source = { .seed = 2, .recorded = recorded, .recorded_share = 1 };
	struct synthetic_room *room;
	struct lane *lane;
	int seen = 0;
	assert_int_equal(synthetic_room_create(&room), 0);
	assert_int_equal(lane_create(&lane, &source, 0), 0);
	lane_next(lane, room, &window);
	assert_true(window.fresh);
	for (int p = 0; p < LANE_POINTS; p++) {
		for (int i = 0; i < NETWORK_LEADS; i++) {
			double target = window.points[p].targets[i];
			if (isnan(target))
				continue;
			seen++;
			assert_true(target == network_leads[i]);
		}
		assert_true(window.points[p].early == (window.points[p].tick < 48));
	}
	assert_true(seen > LANE_POINTS * NETWORK_LEADS / 2);
	lane_destroy(lane);
	synthetic_room_destroy(room);
	recorded_destroy(recorded);
}

static void fresh_weights_of_another_shape_are_refused(void **unused) {
	(void)unused;
	struct xlstm_shape shape = { .width = 16,
		.block_count = 1,
		.blocks = { xlstm_block_published(XLSTM_SLSTM, 16, 4) } };
	struct trainer_options options = short_run();
	struct xlstm_weights *weights;
	struct trainer *trainer;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	options.start = weights;
	assert_int_equal(trainer_create(&trainer, &options), -EINVAL);
	xlstm_weights_destroy(weights);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(training_beats_the_closed_form),
		cmocka_unit_test(a_seed_gives_the_same_bits_on_any_number_of_threads),
		cmocka_unit_test(resumed_training_gives_the_bits_of_an_uninterrupted_one),
		cmocka_unit_test(a_checkpoint_of_another_run_or_a_damaged_one_is_refused),
		cmocka_unit_test(a_lane_that_seeks_shows_what_one_that_walked_shows),
		cmocka_unit_test(training_never_sees_what_is_held_out),
		cmocka_unit_test(targets_are_the_values_that_came),
		cmocka_unit_test(fresh_weights_of_another_shape_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
