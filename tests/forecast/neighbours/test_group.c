/* SPDX-License-Identifier: Apache-2.0 */
/* Groups through the whole engine: what neighbours are good for, and what they must not do. */
#include "engine.h"
#include "error.h"
#include "random.h"
#include "registry.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HORIZON 4
#define MEMBERS 6
#define STEP_MS 60000
#define TICKS   900
#define WARM    300

/* Detectors along a road: the first is a noisy walk, the others see the same, each a tick later. */
struct bed {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[MEMBERS];
	float forecasts[MEMBERS][HORIZON];
	double errors[MEMBERS][HORIZON]; /* sums of absolute errors after WARM */
	double values[TICKS][MEMBERS];
	int absent; /* the first ones, of which no reading comes */
	struct xlstm_model *model; /* NULL: no network */
	double median_errors[MEMBERS]; /* as errors, of the medians */
};

static void bed_open_with(struct bed *bed, const char *group, bool blind) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	struct forecast_options options;
	struct engine_options engine_options = { .model = bed->model };
	clock.step_ms = STEP_MS;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 50;
	strcpy(options.group, group);
	options.blind = blind;
	memset(bed->errors, 0, sizeof(bed->errors));
	memset(bed->median_errors, 0, sizeof(bed->median_errors));
	assert_int_equal(registry_create(&bed->registry, &limits, 1), 0);
	assert_int_equal(engine_create(&bed->engine, &engine_options), 0);
	assert_int_equal(batch_create(&bed->batch, 64), 0);
	for (int d = 0; d < MEMBERS; d++) {
		char name[16];
		uint32_t channel;
		snprintf(name, sizeof(name), "road%d", d);
		registry_find_or_add_detector(
			bed->registry, span_text(name), &clock, &bed->detectors[d]);
		registry_find_or_add_channel(
			bed->registry, bed->detectors[d], SPAN("speed"), SPAN_EMPTY, &channel);
		assert_int_equal(engine_add(bed->engine, bed->detectors[d], &options), 0);
	}
}

static void bed_open(struct bed *bed, const char *group) {
	bed_open_with(bed, group, false);
}

static void bed_close(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

static void make_road(struct bed *bed) {
	struct random random;
	double wave[TICKS] = { 0 };
	random_init(&random, 11);
	for (int t = 1; t < TICKS; t++)
		wave[t] = 0.95 * wave[t - 1] + random_normal(&random);
	for (int t = 0; t < TICKS; t++)
		for (int d = 0; d < MEMBERS; d++)
			bed->values[t][d] =
				50 + (t >= d ? wave[t - d] : 0) + 0.2 * random_normal(&random);
}

static void make_strangers(struct bed *bed) {
	struct random random;
	random_init(&random, 12);
	for (int d = 0; d < MEMBERS; d++) {
		double wave = 0;
		for (int t = 0; t < TICKS; t++) {
			wave = 0.95 * wave + random_normal(&random);
			bed->values[t][d] = 50 + wave + 0.2 * random_normal(&random);
		}
	}
}

static void keep(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	struct bed *bed = user;
	(void)channel;
	int t = (int)(tick->time_ms / STEP_MS) - 1;
	for (int d = 0; d < MEMBERS; d++) {
		if (bed->detectors[d] != detector)
			continue;
		memcpy(bed->forecasts[d], forecast->mean, sizeof(bed->forecasts[d]));
		const float *medians = forecast->quantiles + QUANTILE_MEDIAN * HORIZON;
		for (int h = 0; h < HORIZON && t >= WARM && t + h + 1 < TICKS; h++) {
			double x = bed->values[t + h + 1][d];
			bed->errors[d][h] += fabs((double)forecast->mean[h] - x);
			bed->median_errors[d] += fabs((double)medians[h] - x);
		}
	}
}

/* One period; order: who comes first, forwards or backwards. */
static void feed(struct bed *bed, int t, int order) {
	for (int i = 0; i < MEMBERS; i++) {
		int d = order > 0 ? i : MEMBERS - 1 - i;
		if (d < bed->absent)
			continue;
		struct arrival arrival = { .now_ms = TIME_NONE,
			.message = (uint64_t)t * MEMBERS + (uint64_t)i + 1 };
		detector_put(bed->detectors[d], 0, (int64_t)(t + 1) * STEP_MS, bed->values[t][d],
			&arrival);
		engine_want(bed->engine, bed->detectors[d]);
	}
	while (engine_is_due(bed->engine)) {
		engine_fill(bed->engine, bed->batch);
		batch_run(bed->batch);
		engine_apply(bed->engine, bed->batch, keep, bed);
	}
}

static void feed_all(struct bed *bed) {
	for (int t = 0; t < TICKS; t++)
		feed(bed, t, 1);
}

/* Mean absolute error over detectors first to last and all leads. */
static double error_of(const struct bed *bed, int first, int last) {
	double sum = 0;
	for (int d = first; d < last; d++)
		for (int h = 0; h < HORIZON; h++)
			sum += bed->errors[d][h];
	return sum;
}

/* The errors without a group and in one, of the same values. */
static void compare(struct bed *bed, int first, int last, double *ret_alone, double *ret_grouped) {
	bed_open(bed, "");
	feed_all(bed);
	*ret_alone = error_of(bed, first, last);
	bed_close(bed);
	bed_open(bed, "road");
	feed_all(bed);
	*ret_grouped = error_of(bed, first, last);
	bed_close(bed);
}

static int set_up(void **state) {
	*state = calloc(1, sizeof(struct bed));
	return 0;
}

static int tear_down(void **state) {
	free(*state);
	return 0;
}

/* Detector 5 sees what detector 1 saw four ticks ago: it is forecast far better with it. */
static void who_sees_what_is_coming_tells(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	make_road(bed);
	compare(bed, 2, MEMBERS, &alone, &grouped);
	assert_true(grouped < 0.8 * alone);
}

/* With a network the quantiles lie around a mix of their own. */
static void medians_gain_as_means_do(void **state) {
	struct bed *bed = *state;
	struct xlstm_weights *weights;
	double alone = 0, grouped = 0;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&bed->model, weights), 0);
	xlstm_weights_destroy(weights);
	make_road(bed);
	for (int together = 0; together < 2; together++) {
		bed_open(bed, together ? "road" : "");
		feed_all(bed);
		for (int d = 2; d < MEMBERS; d++)
			*(together ? &grouped : &alone) += bed->median_errors[d];
		bed_close(bed);
	}
	xlstm_model_unref(bed->model);
	assert_true(grouped < 0.8 * alone);
	/* Errors are normal here: mean and median are the same thing. */
	assert_true(grouped < 1.03 * error_of(bed, 2, MEMBERS));
}

static void strangers_cost_next_to_nothing(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	make_strangers(bed);
	compare(bed, 0, MEMBERS, &alone, &grouped);
	assert_true(grouped < 1.01 * alone);
}

/* The one that all others follow sticks at a far value. */
static void a_stuck_neighbour_poisons_nobody(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	make_road(bed);
	for (int t = 2 * WARM; t < TICKS; t++)
		bed->values[t][0] = 500;
	compare(bed, 1, MEMBERS, &alone, &grouped);
	assert_true(grouped < 0.95 * alone);
}

/* Half of the members stick: for the others it is as if they had never been there. */
static void stuck_neighbours_teach_nothing(void **state) {
	struct bed *bed = *state;
	double alone, stuck, without;
	make_road(bed);
	for (int t = WARM; t < TICKS; t++)
		bed->values[t][0] = bed->values[t][1] = bed->values[t][2] = 50;
	compare(bed, 3, MEMBERS, &alone, &stuck);
	bed->absent = 3;
	bed_open(bed, "road");
	feed_all(bed);
	without = error_of(bed, 3, MEMBERS);
	bed_close(bed);
	assert_true(without < 0.95 * alone);
	assert_true(alone - stuck > 0.9 * (alone - without));
}

/* Members that learn together without seeing each other: a control, for what is due to seeing. */
static void the_blind_gain_nothing_from_what_others_see(void **state) {
	struct bed *bed = *state;
	double alone, together;
	make_road(bed);
	compare(bed, 2, MEMBERS, &alone, &together);
	bed_open_with(bed, "road", true);
	feed_all(bed);
	double blind = error_of(bed, 2, MEMBERS);
	bed_close(bed);
	assert_true(together < 0.8 * blind);
	assert_true(blind > 0.98 * alone && blind < 1.01 * alone);
}

static void a_neighbour_gone_mad_poisons_nobody(void **state) {
	struct bed *bed = *state;
	double alone, grouped;
	struct random random;
	random_init(&random, 13);
	make_road(bed);
	for (int t = 2 * WARM; t < TICKS; t++)
		bed->values[t][0] = 1e9 * random_normal(&random);
	compare(bed, 1, MEMBERS, &alone, &grouped);
	assert_true(grouped < 0.95 * alone);
}

static void the_order_within_a_batch_does_not_matter(void **state) {
	struct bed *bed = *state, *other = calloc(1, sizeof(*other));
	make_road(bed);
	make_road(other);
	bed_open(bed, "road");
	bed_open(other, "road");
	for (int t = 0; t < WARM; t++) {
		feed(bed, t, 1);
		feed(other, t, t % 3 ? -1 : 1);
		assert_memory_equal(bed->forecasts, other->forecasts, sizeof(bed->forecasts));
	}
	bed_close(bed);
	bed_close(other);
	free(other);
}

/* Positions say who may see whom; where all may, who stands where changes nothing, were it all wrong. */
static void positions_do_not_choose_within_a_neighbourhood(void **state) {
	struct bed *bed = *state, *other = calloc(1, sizeof(*other));
	struct random random;
	random_init(&random, 14);
	make_road(bed);
	make_road(other);
	bed_open(bed, "road");
	bed_open(other, "road");
	for (int d = 0; d < MEMBERS; d++) {
		struct place place = { 1e6 * random_normal(&random), 1e6 * random_normal(&random),
			1e6 * random_normal(&random) };
		engine_place(other->engine, other->detectors[d], &place);
	}
	for (int t = 0; t < WARM; t++) {
		feed(bed, t, 1);
		feed(other, t, 1);
	}
	assert_memory_equal(bed->forecasts, other->forecasts, sizeof(bed->forecasts));
	bed_close(bed);
	bed_close(other);
	free(other);
}

/* Rows and neighbourhoods go to another engine; the detectors' clocks are simply used further. */
static void hand_over(struct bed *bed, struct engine *to) {
	for (size_t i = 0; i < engine_neighbourhoods(bed->engine); i++) {
		size_t size = engine_neighbourhood_size(bed->engine, i);
		void *bytes = malloc(size);
		engine_neighbourhood_save(bed->engine, i, bytes);
		assert_int_equal(engine_neighbourhood_load(to, bytes, size), 0);
		free(bytes);
	}
	struct forecast_options options;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 50;
	strcpy(options.group, "road");
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
		feed(bed, t, 1);
		feed(other, t, 1);
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
		feed(bed, t, 1);
	assert_int_equal(engine_neighbourhoods(bed->engine), 1);
	size_t size = engine_neighbourhood_size(bed->engine, 0);
	unsigned char *bytes = malloc(size);
	engine_neighbourhood_save(bed->engine, 0, bytes);
	assert_int_equal(engine_neighbourhood_load(bed->engine, bytes, size), E_MISMATCH);

	struct engine_options options = { 0 };
	struct engine *fresh;
	assert_int_equal(engine_create(&fresh, &options), 0);
	assert_int_equal(engine_neighbourhood_load(fresh, bytes, size - 1), E_CORRUPT);
	assert_int_equal(engine_neighbourhood_load(fresh, bytes, 7), E_CORRUPT);
	bytes[size / 2] ^= 1;
	assert_int_equal(engine_neighbourhood_load(fresh, bytes, size), E_CORRUPT);
	bytes[size / 2] ^= 1;
	bytes[4]++;
	assert_int_equal(engine_neighbourhood_load(fresh, bytes, size), E_VERSION);
	bytes[4]--;
	assert_int_equal(engine_neighbourhood_load(fresh, bytes, size), 0);
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
	feed(bed, 0, 1);
	assert_int_equal(engine_neighbours(bed->engine, bed->detectors[0], 0, neighbours), 0);
	assert_int_equal(engine_neighbour_gains(bed->engine, bed->detectors[0], 0, gains), 0);
	bed_close(bed);

	bed_open(bed, "road");
	feed_all(bed);
	uint32_t count = engine_neighbours(bed->engine, bed->detectors[5], 0, neighbours);
	assert_in_range(count, 1, NEIGHBOURS_MAX);
	assert_int_equal(neighbours[0].series, detector_channel_series(bed->detectors[4], 0));
	assert_int_equal(engine_neighbour_gains(bed->engine, bed->detectors[5], 0, gains), HORIZON);
	assert_true(gains[0].together < 0.8 * gains[0].alone);
	bed_close(bed);
}

static struct forecast_options options_of(const char *group) {
	struct forecast_options options;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 50;
	strcpy(options.group, group);
	return options;
}

static void regroup_all(struct bed *bed, const char *group) {
	struct forecast_options options = options_of(group);
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
		feed(bed, t, 1);
		feed(alone, t, 1);
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
		feed(bed, t, 1);
	expect_nearest(bed, 5, 2, 1);
	assert_int_equal(engine_neighbours(bed->engine, bed->detectors[0], 0, neighbours), 0);
	assert_in_range(engine_neighbours(bed->engine, bed->detectors[3], 0, neighbours), 2, 4);
	engine_unlink_all(bed->engine);
	for (int t = TICKS / 2; t < TICKS; t++)
		feed(bed, t, 1);
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
	assert_int_equal(engine_fill_again(bed->engine, bed->batch, some, 2), 0);
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
	assert_int_equal(engine_fill_again(bed->engine, bed->batch, bed->detectors, 1), 0);
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

/* While members come a group is saved whole; afterwards each neighbourhood can be by itself. A group
 * that is too large is never whole. */
static void components_are_what_depends_on_each_other(void **state) {
	struct detector *detectors[MANY];
	struct registry *registry;
	struct engine *engine;
	(void)state;
	crowd(300, &registry, &engine, detectors);
	assert_int_equal(components_of(engine, detectors, 300), 1);
	save_components(engine, detectors, 300);
	assert_int_equal(components_of(engine, detectors, 300), 2);
	engine_remove(engine, detectors[0]);
	assert_int_equal(components_of(engine, detectors + 1, 299), 1);
	engine_destroy(engine);
	registry_destroy(registry);

	crowd(MANY, &registry, &engine, detectors);
	assert_true(components_of(engine, detectors, MANY) > 4);
	assert_int_equal(components_of(engine, detectors, MANY), engine_neighbourhoods(engine));
	engine_destroy(engine);
	registry_destroy(registry);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_sees_what_is_coming_tells, set_up, tear_down),
		cmocka_unit_test_setup_teardown(medians_gain_as_means_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strangers_cost_next_to_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_stuck_neighbour_poisons_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stuck_neighbours_teach_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_blind_gain_nothing_from_what_others_see, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_neighbour_gone_mad_poisons_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_order_within_a_batch_does_not_matter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			positions_do_not_choose_within_a_neighbourhood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_saved_group_goes_on_bit_for_bit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			damaged_neighbourhoods_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			neighbours_and_their_gain_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			detectors_change_groups_with_what_they_have_learned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_may_see_whom_can_be_said, set_up, tear_down),
		cmocka_unit_test(groups_outgrow_a_neighbourhood),
		cmocka_unit_test(components_are_what_depends_on_each_other),
		cmocka_unit_test_setup_teardown(
			those_that_stepped_together_can_step_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			detectors_without_a_group_are_not_noted, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
