/* SPDX-License-Identifier: Apache-2.0 */
/* Training with neighbours: who is shown together, and that the pooling learns from them. */
#include "held_out.h"
#include "random.h"
#include "relatives.h"
#include "trainer.h"
#include "xlstm/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Along two roads a wave passes one detector after the other. */
enum { ROADS = 2, ALONG = 5, SERIES = ROADS * ALONG, ROWS = 3000, BEHIND = 2 };

static void write_roads(FILE *file) {
	static double waves[ROADS][ROWS + ALONG * BEHIND];
	struct random random;
	random_init(&random, 3);
	for (int road = 0; road < ROADS; road++)
		for (int t = 1; t < ROWS + ALONG * BEHIND; t++)
			waves[road][t] = 0.9 * waves[road][t - 1] + random_normal(&random);
	for (int i = 0; i < SERIES; i++)
		fprintf(file, "%sd%d", i ? "," : "", i);
	for (int t = 0; t < ROWS; t++)
		for (int i = 0; i < SERIES; i++)
			fprintf(file, "%s%.3f", i ? "," : "\n",
				50 + waves[i / ALONG][t + (ALONG - i % ALONG) * BEHIND]);
	fputs("\n", file);
}

static struct recorded *open_roads(void) {
	char path[64];
	char *files[] = { path };
	const struct csv_columns_options options = { .verb = "train", .step_ms = 7000 };
	struct recorded *recorded;
	snprintf(path, sizeof(path), "test_relatives.%ld.csv", (long)getpid());
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	write_roads(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(recorded_create(&recorded, files, 1, &options, 1), 0);
	unlink(path);
	return recorded;
}

struct roads {
	struct recorded *recorded;
	struct relatives *relatives;
};

static int set_up(void **state) {
	struct roads *roads = calloc(1, sizeof(*roads));
	roads->recorded = open_roads();
	assert_int_equal(relatives_create(&roads->relatives, roads->recorded), 0);
	*state = roads;
	return 0;
}

static int tear_down(void **state) {
	struct roads *roads = *state;
	relatives_destroy(roads->relatives);
	recorded_destroy(roads->recorded);
	free(roads);
	return 0;
}

static struct lane_source source_of(const struct roads *roads) {
	return (struct lane_source){ .seed = 4,
		.recorded = roads->recorded,
		.recorded_share = 1,
		.relatives = roads->relatives };
}

static void the_closest_are_next_to_each_other(void **state) {
	const struct roads *roads = *state;
	for (size_t i = 0; i < SERIES; i++) {
		size_t relative;
		assert_true(relatives_nearest(roads->relatives, i, 0, &relative));
		assert_int_equal(relative / ALONG, i / ALONG);
		assert_int_equal(relative > i ? relative - i : i - relative, 1);
		assert_true(relatives_closeness(roads->relatives, i, relative) > 0.3f);
	}
}

/* All lanes of a company stand at the same time: what one shows, the next one shows later. */
static void a_company_shows_relatives_at_the_same_time(void **state) {
	const struct roads *roads = *state;
	static struct lane_window windows[LANE_COMPANY], sought;
	static struct lane_lists lists;
	struct lane_source source = source_of(roads);
	struct synthetic_room *room;
	struct lane *lanes[LANE_COMPANY], *seeker;
	assert_int_equal(synthetic_room_create(&room), 0);
	for (uint32_t i = 0; i < LANE_COMPANY; i++) {
		assert_int_equal(lane_create(&lanes[i], &source, i), 0);
		lane_next(lanes[i], room, &windows[i]);
		lane_next(lanes[i], room, &windows[i]);
		assert_int_equal(lane_create(&seeker, &source, i), 0);
		lane_seek(seeker, 1, room);
		lane_next(seeker, room, &sought);
		assert_memory_equal(sought.inputs, windows[i].inputs, sizeof(sought.inputs));
		lane_destroy(seeker);
		lane_destroy(lanes[i]);
	}
	lane_lists_fill(&lists, roads->relatives, windows, LANE_COMPANY);
	size_t sees = 0;
	for (size_t i = 0; i < LANE_COMPANY; i++) {
		sees += lists.offsets[i + 1] > lists.offsets[i];
		assert_in_range(lists.offsets[i + 1] - lists.offsets[i], 0, LANE_NEIGHBOURS);
		for (uint32_t e = lists.offsets[i]; e < lists.offsets[i + 1]; e++) {
			assert_true(windows[i].fresh == windows[lists.indices[e]].fresh);
			assert_int_not_equal(lists.indices[e], i);
			assert_in_range(windows[lists.indices[e]].series, 0, SERIES - 1);
			assert_true(lists.distances[e] >= 0 && lists.distances[e] < 1);
		}
	}
	assert_in_range(sees, ALONG, SERIES);
	synthetic_room_destroy(room);
}

static void ages_count_what_is_missing(void **state) {
	(void)state;
	static struct lane_window windows[2];
	static struct lane_lists lists;
	const struct roads *roads = *state;
	const int missing[] = { 0, 0, 1, 2, 3, 0 };
	windows[1].series = 1;
	for (int t = 0; t < 6; t++) {
		float *inputs = windows[1].inputs + (size_t)t * NETWORK_INPUTS;
		inputs[0] = missing[t] == 0;
		inputs[1] = logf(1 + (float)missing[t]) / 4;
	}
	lane_lists_fill(&lists, roads->relatives, windows, 2);
	assert_int_equal(lists.offsets[1], 1);
	assert_int_equal(lists.indices[0], 1);
	for (int t = 0; t < 6; t++)
		assert_true(lists.ages[t] == (missing[t] ? (float)(missing[t] - 1) : 0));
}

/* The weights that ship with a pooling that starts. */
static struct xlstm_weights *start_weights(void) {
	struct xlstm_weights *weights, *pooled;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_weights_with_pool(&pooled, weights, XLSTM_ATTENTION_POOL, 16, 2), 0);
	xlstm_weights_destroy(weights);
	return pooled;
}

static struct trainer *open_trainer(
	const struct roads *roads, uint32_t lanes, uint32_t threads, bool frozen) {
	struct xlstm_weights *start = start_weights();
	struct trainer_options options = { .source = source_of(roads),
		.steps = 100,
		.lanes = lanes,
		.threads = threads,
		.rate = 0.1,
		.decay = 0.05,
		.young = 1,
		.frozen = frozen,
		.start = start };
	struct trainer *trainer;
	assert_int_equal(trainer_create(&trainer, &options), 0);
	xlstm_weights_destroy(start);
	return trainer;
}

/* Loss over that of the closed form, one to three ticks ahead: what the next detector has told. */
static double held_out_ratio(const struct roads *roads, const struct xlstm_weights *weights) {
	struct lane_source source = source_of(roads);
	struct held_out held_out;
	assert_int_equal(held_out_measure(weights, &source, LANE_COMPANY, &held_out), 0);
	double network = 0, closed = 0;
	for (int i = 0; i < 3; i++)
		for (enum held_out_part part = 0; part < HELD_OUT_PARTS; part++) {
			network += held_out.leads[part][i].network;
			closed += held_out.leads[part][i].closed;
		}
	return network / closed;
}

/* Who sees what is coming learns to say so, on what training has not seen; the network stays what it
 * was, bit for bit. */
static void the_pooling_learns_from_neighbours(void **state) {
	const struct roads *roads = *state;
	struct xlstm_weights *before = start_weights(), *after = start_weights();
	struct trainer *trainer = open_trainer(roads, LANE_COMPANY, 1, true);
	for (int i = 0; i < 60; i++)
		assert_true(isfinite(trainer_step(trainer)));
	trainer_average(trainer, after);
	trainer_destroy(trainer);
	for (size_t i = 0; i < xlstm_tensor_count(before); i++) {
		struct xlstm_tensor x = xlstm_tensor_at(before, i), y = xlstm_tensor_at(after, i);
		bool same = memcmp(x.values, y.values, x.count * sizeof(float)) == 0;
		assert_int_equal(same, strncmp(x.name, "pool.", 5) != 0);
	}
	double ratio = held_out_ratio(roads, after) / held_out_ratio(roads, before);
	print_message("held-out loss with over without neighbours %.3f\n", ratio);
	assert_true(ratio < 0.97);
	xlstm_weights_destroy(before);
	xlstm_weights_destroy(after);
}

static uint64_t identity_after(const struct roads *roads, uint32_t threads) {
	struct xlstm_weights *weights = start_weights();
	struct trainer *trainer = open_trainer(roads, 2 * LANE_COMPANY, threads, false);
	trainer_step(trainer);
	trainer_step(trainer);
	trainer_average(trainer, weights);
	uint64_t identity = xlstm_weights_identity(weights);
	trainer_destroy(trainer);
	xlstm_weights_destroy(weights);
	return identity;
}

static void threads_do_not_matter(void **state) {
	assert_true(identity_after(*state, 1) == identity_after(*state, 2));
}

#define WITH_ROADS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_ROADS(the_closest_are_next_to_each_other),
		WITH_ROADS(a_company_shows_relatives_at_the_same_time),
		WITH_ROADS(ages_count_what_is_missing),
		WITH_ROADS(the_pooling_learns_from_neighbours),
		WITH_ROADS(threads_do_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
