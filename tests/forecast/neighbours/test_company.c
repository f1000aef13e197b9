/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours in the network, through the whole engine: the weights that ship, with a pooling of
 * random weights, or one that starts. */
#include "road.h"

#include "random.h"
#include "xlstm/file.h"
#include "xlstm/pool.h"

#include <stdlib.h>
#include <string.h>

#define HORIZON 3
#define MEMBERS 5
#define TICKS   60
#define KEYS    16

/* Detectors along a road, each a tick behind the one before. */
struct road {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[MEMBERS];
	float forecasts[TICKS][MEMBERS][HORIZON];
};

/* The weights that ship; pool: with one, whose projection is of this size. */
static struct xlstm_model *model_of(enum xlstm_pool pool, double size) {
	struct xlstm_weights *weights, *pooled;
	struct xlstm_model *model;
	struct random random;
	float values[64 * 64];
	random_init(&random, 5);
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	if (pool) {
		uint32_t keys = pool == XLSTM_ATTENTION_POOL ? KEYS : 0;
		assert_int_equal(xlstm_weights_with_pool(&pooled, weights, pool, keys, 1), 0);
		xlstm_weights_destroy(weights);
		weights = pooled;
		for (int i = 0; i < 64 * 64; i++)
			values[i] = (float)(size * random_normal(&random));
		assert_int_equal(
			xlstm_tensor_set(weights, "pool.value.weight", values, 64 * 64), 0);
	}
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	return model;
}

static struct engine *engine_of(enum xlstm_pool pool, double size) {
	struct engine_options options = { .model = model_of(pool, size) };
	struct engine *engine;
	assert_int_equal(engine_create(&engine, &options), 0);
	xlstm_model_unref(options.model);
	return engine;
}

static struct road *road_open(const char *group, enum xlstm_pool pool, double size) {
	struct road *road = calloc(1, sizeof(*road));
	struct registry_limits limits = registry_limits_default();
	struct forecast_options options = road_options(group, HORIZON);
	assert_int_equal(registry_create(&road->registry, &limits, 1), 0);
	assert_int_equal(batch_create(&road->batch, 64), 0);
	road->engine = engine_of(pool, size);
	road_add(road->registry, road->engine, road->detectors, MEMBERS, &options);
	return road;
}

static void road_close(struct road *road) {
	batch_destroy(road->batch);
	engine_destroy(road->engine);
	registry_destroy(road->registry);
	free(road);
}

static void keep(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	struct road *road = user;
	(void)channel;
	for (int d = 0; d < MEMBERS; d++)
		if (road->detectors[d] == detector)
			memcpy(road->forecasts[tick->time_ms / STEP_MS - 1][d], forecast->mean,
				sizeof(road->forecasts[0][0]));
}

static double value_at(int t, int d) {
	struct random random;
	double wave = 0;
	random_init(&random, 7);
	for (int i = 0; i <= t + MEMBERS - d; i++)
		wave = 0.9 * wave + random_normal(&random);
	return 50 + wave;
}

/* One period in one batch, who comes first turned around or not; `silent` says nothing. */
static void feed(struct road *road, int t, bool turned, int silent) {
	for (int i = 0; i < MEMBERS; i++) {
		int d = turned ? MEMBERS - 1 - i : i;
		struct arrival arrival = { .now_ms = TIME_NONE,
			.message = (uint64_t)(t * MEMBERS + i + 1) };
		if (d == silent)
			continue;
		detector_put(road->detectors[d], 0, (int64_t)(t + 1) * STEP_MS, value_at(t, d),
			&arrival);
		engine_want(road->engine, road->detectors[d]);
	}
	while (engine_is_due(road->engine)) {
		engine_fill(road->engine, road->batch);
		batch_run(road->batch);
		engine_apply(road->engine, road->batch, keep, road);
	}
}

static struct road *run(const char *group, enum xlstm_pool pool, double size, bool turned) {
	struct road *road = road_open(group, pool, size);
	for (int t = 0; t < TICKS; t++)
		feed(road, t, turned && t % 3, MEMBERS);
	return road;
}

static void assert_same(struct road *a, struct road *b, bool same) {
	assert_int_equal(memcmp(a->forecasts, b->forecasts, sizeof(a->forecasts)) == 0, same);
	road_close(a);
	road_close(b);
}

static void a_pooling_that_starts_changes_nothing(void **state) {
	(void)state;
	assert_same(run("road", XLSTM_NO_POOL, 0, false),
		run("road", XLSTM_ATTENTION_POOL, 0, false), true);
}

static void neighbours_reach_the_network(void **state) {
	(void)state;
	assert_same(run("road", XLSTM_NO_POOL, 0, false),
		run("road", XLSTM_ATTENTION_POOL, 0.05, false), false);
	assert_same(run("road", XLSTM_NO_POOL, 0, false), run("road", XLSTM_MEAN_POOL, 0.05, false),
		false);
}

static void without_a_group_nobody_is_seen(void **state) {
	(void)state;
	assert_same(
		run("", XLSTM_NO_POOL, 0, false), run("", XLSTM_ATTENTION_POOL, 0.05, false), true);
}

static void the_order_within_a_batch_does_not_matter(void **state) {
	(void)state;
	assert_same(run("road", XLSTM_ATTENTION_POOL, 0.05, false),
		run("road", XLSTM_ATTENTION_POOL, 0.05, true), true);
}

/* Rows and neighbourhood go to another engine in the middle; the detectors' clocks go on. */
static void hand_over(struct road *road, struct engine *to) {
	struct forecast_options options = road_options("road", HORIZON);
	for (size_t i = 0; i < engine_neighbourhoods(road->engine); i++) {
		size_t size = engine_neighbourhood_size(road->engine, i);
		void *bytes = malloc(size);
		engine_neighbourhood_save(road->engine, i, bytes);
		assert_int_equal(engine_neighbourhood_load(
					 to, engine_neighbourhood_id(road->engine, i), bytes, size),
			0);
		free(bytes);
	}
	for (int d = 0; d < MEMBERS; d++) {
		size_t size = engine_state_size(road->engine, road->detectors[d], 0);
		void *bytes = malloc(size);
		engine_state_save(road->engine, road->detectors[d], 0, bytes);
		assert_int_equal(engine_add(to, road->detectors[d], &options), 0);
		assert_int_equal(engine_state_load(to, road->detectors[d], 0, bytes, size), 0);
		free(bytes);
	}
	engine_destroy(road->engine);
	road->engine = to;
}

static void what_neighbours_see_is_saved(void **state) {
	(void)state;
	struct road *road = road_open("road", XLSTM_ATTENTION_POOL, 0.05);
	for (int t = 0; t < TICKS; t++) {
		if (t == TICKS / 2)
			hand_over(road, engine_of(XLSTM_ATTENTION_POOL, 0.05));
		feed(road, t, false, MEMBERS);
	}
	assert_same(road, run("road", XLSTM_ATTENTION_POOL, 0.05, false), true);
}

/* Detectors that are removed are seen by nobody, and their memory is not looked at any more. */
static void those_who_leave_are_not_seen(void **state) {
	(void)state;
	struct road *road = road_open("road", XLSTM_MEAN_POOL, 0.05);
	struct road *other = road_open("road", XLSTM_MEAN_POOL, 0.05);
	for (int t = 0; t < TICKS; t++) {
		int silent = t < TICKS - 2 ? MEMBERS : 0;
		if (t == TICKS - 2)
			engine_remove(other->engine, other->detectors[0]);
		feed(road, t, false, silent);
		feed(other, t, false, silent);
	}
	assert_memory_not_equal(road->forecasts[TICKS - 1], other->forecasts[TICKS - 1],
		sizeof(road->forecasts[0]));
	road_close(road);
	road_close(other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pooling_that_starts_changes_nothing),
		cmocka_unit_test(neighbours_reach_the_network),
		cmocka_unit_test(without_a_group_nobody_is_seen),
		cmocka_unit_test(the_order_within_a_batch_does_not_matter),
		cmocka_unit_test(what_neighbours_see_is_saved),
		cmocka_unit_test(those_who_leave_are_not_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
