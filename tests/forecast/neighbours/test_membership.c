/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to a group, how that is saved and what changes it, through the whole engine. */
#include "bed.h"

#include "error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows and neighbourhoods go to another engine; the detectors' clocks are simply used further. */
static void hand_over(struct bed *bed, struct engine *to) {
	for (size_t i = 0; i < engine_neighbourhoods(bed->engine); i++) {
		size_t size = engine_neighbourhood_size(bed->engine, i);
		void *bytes = malloc(size);
		engine_neighbourhood_save(bed->engine, i, bytes);
		assert_int_equal(engine_neighbourhood_load(
					 to, engine_neighbourhood_id(bed->engine, i), bytes, size),
			0);
		free(bytes);
	}
	struct forecast_options options = road_options("road", HORIZON);
	for (int d = 0; d < MEMBERS; d++) {
		size_t size = engine_state_size(bed->engine, bed->detectors[d], 0);
		void *bytes = malloc(size);
		engine_state_save(bed->engine, bed->detectors[d], 0, bytes);
		assert_int_equal(engine_add(to, bed->detectors[d], &options), 0);
		assert_int_equal(engine_state_load(to, bed->detectors[d], 0, bytes, size), 0);
		free(bytes);
	}
}

static void a_saved_group_goes_on_bit_for_bit(void **state) {
	struct bed *bed = *state, *other = calloc(1, sizeof(*other));
	struct engine_options options = { 0 };
	struct engine *fresh;
	make_road(bed);
	make_road(other);
	bed_open(bed, "road");
	bed_open(other, "road");
	for (int t = 0; t < TICKS / 2; t++) {
		if (t == WARM) {
			assert_int_equal(engine_create(&fresh, &options), 0);
			hand_over(other, fresh);
			engine_destroy(other->engine);
			other->engine = fresh;
		}
		bed_feed(bed, t, 1);
		bed_feed(other, t, 1);
	}
	assert_memory_equal(bed->forecasts, other->forecasts, sizeof(bed->forecasts));
	bed_close(bed);
	bed_close(other);
	free(other);
}

static void damaged_neighbourhoods_are_refused(void **state) {
	struct bed *bed = *state;
	make_road(bed);
	bed_open(bed, "road");
	for (int t = 0; t < 50; t++)
		bed_feed(bed, t, 1);
	assert_int_equal(engine_neighbourhoods(bed->engine), 1);
	size_t size = engine_neighbourhood_size(bed->engine, 0);
	unsigned char *bytes = malloc(size);
	engine_neighbourhood_save(bed->engine, 0, bytes);
	assert_int_equal(engine_neighbourhood_load(bed->engine, 2, bytes, size), E_MISMATCH);

	struct engine_options options = { 0 };
	struct engine *fresh;
	assert_int_equal(engine_create(&fresh, &options), 0);
	assert_int_equal(engine_neighbourhood_load(fresh, 1, bytes, size - 1), E_CORRUPT);
	assert_int_equal(engine_neighbourhood_load(fresh, 1, bytes, 7), E_CORRUPT);
	bytes[size / 2] ^= 1;
	assert_int_equal(engine_neighbourhood_load(fresh, 1, bytes, size), E_CORRUPT);
	bytes[size / 2] ^= 1;
	bytes[4]++;
	assert_int_equal(engine_neighbourhood_load(fresh, 1, bytes, size), E_VERSION);
	bytes[4]--;
	assert_int_equal(engine_neighbourhood_load(fresh, 1, bytes, size), 0);
	engine_destroy(fresh);
	free(bytes);
	bed_close(bed);
}

static void neighbours_and_their_gain_are_told(void **state) {
	struct bed *bed = *state;
	struct neighbour neighbours[NEIGHBOURS_MAX];
	struct neighbour_gain gains[HORIZON_MAX];
	make_road(bed);
	bed_open(bed, "");
	bed_feed(bed, 0, 1);
	assert_int_equal(engine_neighbours(bed->engine, bed->detectors[0], 0, neighbours), 0);
	assert_int_equal(engine_neighbour_gains(bed->engine, bed->detectors[0], 0, gains), 0);
	bed_close(bed);

	bed_open(bed, "road");
	bed_feed_all(bed);
	uint32_t count = engine_neighbours(bed->engine, bed->detectors[5], 0, neighbours);
	assert_in_range(count, 1, NEIGHBOURS_MAX);
	assert_int_equal(neighbours[0].series, detector_channel_series(bed->detectors[4], 0));
	assert_int_equal(engine_neighbour_gains(bed->engine, bed->detectors[5], 0, gains), HORIZON);
	assert_true(gains[0].together < 0.8 * gains[0].alone);
	bed_close(bed);
}
static void regroup_all(struct bed *bed, const char *group) {
	struct forecast_options options = road_options(group, HORIZON);
	for (int d = 0; d < MEMBERS; d++)
		assert_int_equal(engine_regroup(bed->engine, bed->detectors[d], &options), 0);
	engine_settle(bed->engine);
}

/* What a detector has learned alone goes with it into a group and out of it again: until the others say
 * something, and once they are gone, it forecasts what it would have without them. */
static void detectors_change_groups_with_what_they_have_learned(void **state) {
	struct bed *bed = *state, *alone = calloc(1, sizeof(*alone));
	make_road(bed);
	make_road(alone);
	bed_open(bed, "");
	bed_open(alone, "");
	for (int t = 0; t < TICKS; t++) {
		if (t == WARM) {
			size_t memory = engine_memory(bed->engine);
			regroup_all(bed, "road");
			assert_true(engine_memory(bed->engine) > memory);
		}
		if (t == 2 * WARM) {
			assert_int_equal(engine_component(bed->engine, bed->detectors[3]), 1);
			regroup_all(bed, "");
			assert_int_equal(engine_component(bed->engine, bed->detectors[3]), 0);
		}
		bed_feed(bed, t, 1);
		bed_feed(alone, t, 1);
		if (t == WARM - 1 || t == WARM || t == WARM + 20)
			assert_memory_equal(
				bed->forecasts, alone->forecasts, sizeof(bed->forecasts));
		if (t == 2 * WARM - 1)
			assert_memory_not_equal(
				bed->forecasts, alone->forecasts, sizeof(bed->forecasts));
	}
	for (int d = 0; d < MEMBERS; d++)
		for (int h = 0; h < HORIZON; h++)
			assert_float_equal(bed->forecasts[d][h], alone->forecasts[d][h], 0.001);
	bed_close(bed);
	bed_close(alone);
	free(alone);
}

static void expect_nearest(struct bed *bed, int detector, int nearest, uint32_t most) {
	struct neighbour neighbours[NEIGHBOURS_MAX];
	uint32_t count = engine_neighbours(bed->engine, bed->detectors[detector], 0, neighbours);
	assert_in_range(count, 1, most);
	assert_int_equal(neighbours[0].series, detector_channel_series(bed->detectors[nearest], 0));
}

/* Detector 5 sees what 4 saw a tick ago; by what has been said it may see 2 alone. */
static void who_may_see_whom_can_be_said(void **state) {
	struct bed *bed = *state;
	struct neighbour neighbours[NEIGHBOURS_MAX];
	make_road(bed);
	bed_open(bed, "road");
	assert_int_equal(engine_link(bed->engine, bed->detectors[5], bed->detectors[2]), 0);
	assert_int_equal(engine_link(bed->engine, bed->detectors[0], NULL), 0);
	for (int t = 0; t < TICKS / 2; t++)
		bed_feed(bed, t, 1);
	expect_nearest(bed, 5, 2, 1);
	assert_int_equal(engine_neighbours(bed->engine, bed->detectors[0], 0, neighbours), 0);
	assert_in_range(engine_neighbours(bed->engine, bed->detectors[3], 0, neighbours), 2, 4);
	engine_unlink_all(bed->engine);
	for (int t = TICKS / 2; t < TICKS; t++)
		bed_feed(bed, t, 1);
	expect_nearest(bed, 5, 4, 4);
	expect_nearest(bed, 0, 1, 4);
	bed_close(bed);
}

/* Of a batch that was noted the same ones step again, whoever else is due. */
static void those_that_stepped_together_can_step_again(void **state) {
	struct bed *bed = *state;
	uint32_t ids[64];
	make_road(bed);
	bed_open(bed, "road");
	for (int d = 0; d < MEMBERS; d++) {
		struct arrival arrival = { .now_ms = TIME_NONE, .message = (uint64_t)d + 1 };
		detector_put(bed->detectors[d], 0, STEP_MS, d, &arrival);
	}
	struct detector *some[] = { bed->detectors[4], bed->detectors[1] };
	assert_int_equal(engine_fill_again(bed->engine, bed->batch, some, 2, SPAN_EMPTY), 0);
	assert_int_equal(engine_grouped(bed->batch, ids), 2);
	assert_int_equal(ids[0], detector_id(bed->detectors[1]));
	assert_int_equal(ids[1], detector_id(bed->detectors[4]));
	assert_true(detector_has_tick(bed->detectors[0]));
	assert_false(detector_has_tick(bed->detectors[1]));
	assert_int_equal(engine_component(bed->engine, bed->detectors[4]), ids[0]);
	assert_int_equal(engine_component(bed->engine, bed->detectors[0]), 0);
	bed_close(bed);
}

static void detectors_without_a_group_are_not_noted(void **state) {
	struct bed *bed = *state;
	uint32_t ids[64];
	make_road(bed);
	bed_open(bed, "");
	struct arrival arrival = { .now_ms = TIME_NONE, .message = 1 };
	detector_put(bed->detectors[0], 0, STEP_MS, 1, &arrival);
	assert_int_equal(
		engine_fill_again(bed->engine, bed->batch, bed->detectors, 1, SPAN_EMPTY), 0);
	assert_int_equal(engine_grouped(bed->batch, ids), 0);
	assert_false(engine_is_grouped(bed->engine, bed->detectors[0]));
	assert_int_equal(engine_component(bed->engine, bed->detectors[0]), 0);
	bed_close(bed);
}

/* More than one neighbourhood holds; those who leave make room. */
#define MANY 2000

/* Detectors that take their seats one after the other. */
static void crowd(int count, struct registry **ret_registry, struct engine **ret_engine,
	struct detector **detectors) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	struct engine_options engine_options = { 0 };
	struct forecast_options options;
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	clock.step_ms = STEP_MS;
	forecast_options_init(&options);
	options.horizon = 1;
	options.season_max = 2;
	options.experts = 1u << EXPERT_PERSISTENCE | 1u << EXPERT_NEIGHBOURS;
	strcpy(options.group, "many");
	assert_int_equal(registry_create(&registry, &limits, 1), 0);
	assert_int_equal(engine_create(&engine, &engine_options), 0);
	assert_int_equal(batch_create(&batch, MANY), 0);
	for (int d = 0; d < count; d++) {
		struct arrival arrival = { .now_ms = TIME_NONE, .message = (uint64_t)d + 1 };
		struct detector *detector;
		char name[16];
		uint32_t channel;
		snprintf(name, sizeof(name), "m%d", d);
		registry_find_or_add_detector(registry, span_text(name), &clock, &detector);
		registry_find_or_add_channel(registry, detector, SPAN("x"), SPAN_EMPTY, &channel);
		assert_int_equal(engine_add(engine, detector, &options), 0);
		detector_put(detector, 0, STEP_MS, d, &arrival);
		engine_want(engine, detector);
		detectors[d] = detector;
	}
	assert_int_equal(engine_fill(engine, batch), count);
	batch_run(batch);
	batch_destroy(batch);
	*ret_engine = engine;
	*ret_registry = registry;
}

static void groups_outgrow_a_neighbourhood(void **state) {
	struct detector *detectors[MANY];
	struct registry *registry;
	struct engine *engine;
	(void)state;
	crowd(300, &registry, &engine, detectors);
	assert_int_equal(engine_neighbourhoods(engine), 2);
	engine_destroy(engine);
	registry_destroy(registry);
}

static size_t components_of(struct engine *engine, struct detector **detectors, int count) {
	static bool seen[MANY + 1];
	size_t components = 0;
	memset(seen, 0, sizeof(seen));
	for (int d = 0; d < count; d++) {
		uint32_t component = engine_component(engine, detectors[d]);
		assert_in_range(component, 1, detector_id(detectors[d]));
		components += !seen[component];
		seen[component] = true;
	}
	return components;
}

static void save_components(struct engine *engine, struct detector **detectors, int count) {
	for (int d = 0; d < count; d++)
		engine_component_saved(engine, detector_id(detectors[d]));
}

/* What was one neighbourhood is saved together; afterwards each can be by itself, whoever comes and goes. */
static void components_are_what_depends_on_each_other(void **state) {
	struct detector *detectors[MANY];
	struct registry *registry;
	struct engine *engine;
	(void)state;
	crowd(300, &registry, &engine, detectors);
	assert_int_equal(components_of(engine, detectors, 300), 1);
	assert_int_equal(engine_large_component(engine), 0);
	save_components(engine, detectors, 300);
	assert_int_equal(components_of(engine, detectors, 300), 2);
	engine_remove(engine, detectors[0]);
	assert_int_equal(components_of(engine, detectors + 1, 299), 2);
	engine_destroy(engine);
	registry_destroy(registry);

	crowd(MANY, &registry, &engine, detectors);
	assert_int_equal(components_of(engine, detectors, MANY), 1);
	assert_int_equal(engine_large_component(engine), detector_id(detectors[0]));
	save_components(engine, detectors, MANY);
	assert_int_equal(engine_large_component(engine), 0);
	assert_int_equal(components_of(engine, detectors, MANY), engine_neighbourhoods(engine));
	engine_destroy(engine);
	registry_destroy(registry);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_saved_group_goes_on_bit_for_bit, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			damaged_neighbourhoods_are_refused, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			neighbours_and_their_gain_are_told, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(detectors_change_groups_with_what_they_have_learned,
			bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			who_may_see_whom_can_be_said, bed_set_up, bed_tear_down),
		cmocka_unit_test(groups_outgrow_a_neighbourhood),
		cmocka_unit_test(components_are_what_depends_on_each_other),
		cmocka_unit_test_setup_teardown(
			those_that_stepped_together_can_step_again, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(
			detectors_without_a_group_are_not_noted, bed_set_up, bed_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
