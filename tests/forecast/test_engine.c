/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "error.h"
#include "random.h"
#include "registry.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HORIZON   6
#define DETECTORS 5
#define STEP_MS   60000

/* Some detectors with two channels, an engine, and the last forecasts of each. */
struct bed {
	struct registry *registry;
	struct xlstm_model *model;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[DETECTORS];
	float last[DETECTORS][2][HORIZON][1 + QUANTILES];
	size_t forecasts;
	uint64_t message;
};

static struct bed *bed_create(size_t capacity, size_t memory_max) {
	struct bed *bed = calloc(1, sizeof(*bed));
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	clock.step_ms = STEP_MS;
	assert_int_equal(registry_create(&bed->registry, &limits, 1), 0);
	for (int d = 0; d < DETECTORS; d++) {
		char name[16];
		uint32_t channel;
		snprintf(name, sizeof(name), "pump%d", d);
		assert_int_equal(registry_find_or_add_detector(bed->registry, span_text(name),
					 &clock, &bed->detectors[d]),
			1);
		registry_find_or_add_channel(
			bed->registry, bed->detectors[d], SPAN("a"), SPAN_EMPTY, &channel);
		registry_find_or_add_channel(
			bed->registry, bed->detectors[d], SPAN("b"), SPAN_EMPTY, &channel);
	}
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&bed->model, weights), 0);
	xlstm_weights_destroy(weights);
	struct engine_options options = { .memory_max = memory_max, .model = bed->model };
	assert_int_equal(engine_create(&bed->engine, &options), 0);
	assert_int_equal(batch_create(&bed->batch, capacity), 0);
	return bed;
}

static struct forecast_options small_options(void) {
	struct forecast_options options;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 100;
	return options;
}

static void bed_add_all(struct bed *bed) {
	struct forecast_options options = small_options();
	for (int d = 0; d < DETECTORS; d++)
		assert_int_equal(engine_add(bed->engine, bed->detectors[d], &options), 0);
}

static void bed_destroy(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	xlstm_model_unref(bed->model);
	registry_destroy(bed->registry);
	free(bed);
}

static void keep(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	struct bed *bed = user;
	assert_int_equal(forecast->horizon, HORIZON);
	assert_int_equal(forecast->series, detector_channel_series(detector, channel));
	assert_true(forecast->issued_ms == tick->time_ms);
	for (int d = 0; d < DETECTORS; d++) {
		for (uint32_t h = 0; h < HORIZON && bed->detectors[d] == detector; h++) {
			bed->last[d][channel][h][0] = forecast->mean[h];
			for (int q = 0; q < QUANTILES; q++)
				bed->last[d][channel][h][1 + q] =
					forecast->quantiles[q * HORIZON + h];
		}
	}
	bed->forecasts++;
}

static void bed_work_off(struct bed *bed) {
	while (engine_is_due(bed->engine)) {
		engine_fill(bed->engine, bed->batch);
		batch_run(bed->batch);
		engine_apply(bed->engine, bed->batch, keep, bed);
	}
}

static double reading(int d, uint32_t channel, uint64_t t) {
	uint64_t mixed = (t * 7919 + (uint64_t)d * 104729 + channel * 31) % 1000;
	return (double)(t % 12) * (1 + d) + (double)mixed / 500;
}

/* One message of each detector, both channels. */
static void bed_feed(struct bed *bed, uint64_t t) {
	for (int d = 0; d < DETECTORS; d++) {
		struct arrival arrival = { .now_ms = TIME_NONE, .message = ++bed->message };
		for (uint32_t c = 0; c < 2; c++)
			assert_int_equal(
				detector_put(bed->detectors[d], c, (int64_t)(t + 1) * STEP_MS,
					reading(d, c, t), &arrival),
				0);
		engine_want(bed->engine, bed->detectors[d]);
	}
}

static void every_included_channel_gets_its_forecast(void **unused) {
	(void)unused;
	struct bed *bed = bed_create(64, 0);
	bed_add_all(bed);
	for (uint64_t t = 0; t < 10; t++)
		bed_feed(bed, t);
	bed_work_off(bed);
	assert_int_equal(bed->forecasts, 10 * DETECTORS * 2);
	bed_destroy(bed);
}

static void one_batch_of_many_equals_many_of_one(void **unused) {
	(void)unused;
	struct bed *one = bed_create(1, 0), *many = bed_create(64, 0);
	bed_add_all(one);
	bed_add_all(many);
	for (uint64_t t = 0; t < 200; t++) {
		bed_feed(one, t);
		bed_feed(many, t);
		bed_work_off(one);
		bed_work_off(many);
		assert_memory_equal(one->last, many->last, sizeof(one->last));
	}
	bed_destroy(one);
	bed_destroy(many);
}

static void *run_batch(void *batch) {
	batch_run(batch);
	return NULL;
}

/* Runs batches of two in pairs, each pair at once. */
static void work_off_in_pairs(struct bed *bed, struct batch *second) {
	while (engine_fill(bed->engine, bed->batch) > 0) {
		pthread_t thread;
		engine_fill(bed->engine, second);
		assert_true(batch_is_apart(bed->batch, second));
		assert_int_equal(pthread_create(&thread, NULL, run_batch, second), 0);
		batch_run(bed->batch);
		pthread_join(thread, NULL);
		engine_apply(bed->engine, bed->batch, keep, bed);
		engine_apply(bed->engine, second, keep, bed);
	}
}

static void batches_that_are_apart_run_at_once(void **unused) {
	(void)unused;
	struct bed *pairs = bed_create(2, 0), *many = bed_create(64, 0);
	struct batch *second;
	assert_int_equal(batch_create(&second, 2), 0);
	bed_add_all(pairs);
	bed_add_all(many);
	for (uint64_t t = 0; t < 200; t++) {
		bed_feed(pairs, t);
		bed_feed(many, t);
		work_off_in_pairs(pairs, second);
		bed_work_off(many);
		assert_memory_equal(pairs->last, many->last, sizeof(pairs->last));
	}
	assert_int_equal(pairs->forecasts, many->forecasts);
	batch_destroy(second);
	bed_destroy(pairs);
	bed_destroy(many);
}

/* Whether two batches that are filled one after the other are apart. */
static bool next_are_apart(struct bed *bed, struct batch *second) {
	engine_fill(bed->engine, bed->batch);
	engine_fill(bed->engine, second);
	bool apart = batch_is_apart(bed->batch, second);
	assert_int_equal(batch_is_apart(second, bed->batch), apart);
	batch_run(bed->batch);
	batch_run(second);
	engine_apply(bed->engine, bed->batch, keep, bed);
	engine_apply(bed->engine, second, keep, bed);
	return apart;
}

static void batches_with_the_same_detector_or_a_group_are_not_apart(void **unused) {
	(void)unused;
	struct bed *bed = bed_create(3, 0);
	struct forecast_options options = small_options();
	struct batch *second;
	assert_int_equal(batch_create(&second, 3), 0);
	bed_add_all(bed);
	bed_feed(bed, 0);
	assert_true(next_are_apart(bed, second)); /* 0 1 2, 3 4 */
	bed_feed(bed, 1);
	bed_feed(bed, 2);
	assert_false(next_are_apart(bed, second)); /* 0 1 2, 3 4 0 */
	bed_work_off(bed);
	engine_remove(bed->engine, bed->detectors[4]);
	snprintf(options.group, sizeof(options.group), "plant");
	assert_int_equal(engine_add(bed->engine, bed->detectors[4], &options), 0);
	bed_feed(bed, 3);
	assert_false(next_are_apart(bed, second)); /* 0 1 2, 3 4 */
	batch_destroy(second);
	bed_destroy(bed);
}

static void a_batch_takes_one_tick_of_each_detector_in_order(void **unused) {
	(void)unused;
	struct bed *bed = bed_create(64, 0);
	bed_add_all(bed);
	bed_feed(bed, 0);
	bed_feed(bed, 1);
	assert_int_equal(engine_fill(bed->engine, bed->batch), DETECTORS);
	batch_run(bed->batch);
	engine_apply(bed->engine, bed->batch, keep, bed);
	assert_true(engine_is_due(bed->engine));
	assert_int_equal(engine_fill(bed->engine, bed->batch), DETECTORS);
	batch_run(bed->batch);
	engine_apply(bed->engine, bed->batch, keep, bed);
	assert_false(engine_is_due(bed->engine));
	bed_destroy(bed);
}

static void a_saved_state_goes_on_as_if_nothing_had_happened(void **unused) {
	(void)unused;
	struct bed *whole = bed_create(64, 0), *second = bed_create(64, 0);
	bed_add_all(whole);
	bed_add_all(second);
	for (uint64_t t = 0; t < 150; t++) {
		bed_feed(whole, t);
		bed_feed(second, t);
		bed_work_off(whole);
		struct tick tick; /* its clock runs, its engine knows nothing */
		for (int d = 0; d < DETECTORS; d++)
			while (detector_next_tick(second->detectors[d], &tick))
				;
	}
	for (int d = 0; d < DETECTORS; d++) {
		for (uint32_t c = 0; c < 2; c++) {
			size_t size = engine_state_size(whole->engine, whole->detectors[d], c);
			void *bytes = malloc(size);
			engine_state_save(whole->engine, whole->detectors[d], c, bytes);
			assert_int_equal(engine_state_load(second->engine, second->detectors[d], c,
						 bytes, size),
				0);
			free(bytes);
		}
	}
	for (uint64_t t = 150; t < 250; t++) {
		bed_feed(whole, t);
		bed_feed(second, t);
		bed_work_off(whole);
		bed_work_off(second);
		assert_memory_equal(whole->last, second->last, sizeof(whole->last));
	}
	bed_destroy(whole);
	bed_destroy(second);
}

static void damaged_and_foreign_states_are_refused(void **unused) {
	(void)unused;
	struct bed *bed = bed_create(64, 0), *other = bed_create(64, 0);
	struct forecast_options options = small_options();
	bed_add_all(bed);
	options.horizon++;
	assert_int_equal(engine_add(other->engine, other->detectors[0], &options), 0);
	bed_feed(bed, 0);
	bed_work_off(bed);
	size_t size = engine_state_size(bed->engine, bed->detectors[0], 0);
	unsigned char *bytes = malloc(size);
	engine_state_save(bed->engine, bed->detectors[0], 0, bytes);

	struct engine *engine = bed->engine;
	struct detector *detector = bed->detectors[0];
	assert_int_equal(engine_state_load(engine, detector, 0, bytes, size), 0);
	assert_int_equal(engine_state_load(engine, detector, 0, bytes, size - 1), E_CORRUPT);
	assert_int_equal(engine_state_load(engine, detector, 0, bytes, 3), E_CORRUPT);
	assert_int_equal(engine_state_load(engine, detector, 9, bytes, size), E_NOT_FOUND);
	assert_int_equal(
		engine_state_load(other->engine, other->detectors[0], 0, bytes, size), E_MISMATCH);
	bytes[size / 2] ^= 1;
	assert_int_equal(engine_state_load(engine, detector, 0, bytes, size), E_CORRUPT);
	bytes[size / 2] ^= 1;
	bytes[4]++;
	assert_int_equal(engine_state_load(engine, detector, 0, bytes, size), E_VERSION);
	free(bytes);
	bed_destroy(bed);
	bed_destroy(other);
}

static void memory_has_a_bound(void **unused) {
	(void)unused;
	struct forecast_options options = small_options();
	struct bed *bed = bed_create(64, 0);
	assert_int_equal(engine_add(bed->engine, bed->detectors[0], &options), 0);
	size_t row = engine_memory(bed->engine) / 2;
	bed_destroy(bed);

	bed = bed_create(64, 3 * row);
	assert_int_equal(engine_add(bed->engine, bed->detectors[0], &options), 0);
	assert_int_equal(engine_add(bed->engine, bed->detectors[1], &options), E_TOO_MANY_SERIES);
	bed_feed(bed, 0);
	bed_work_off(bed);
	assert_int_equal(bed->forecasts, 3);
	engine_remove(bed->engine, bed->detectors[0]);
	assert_int_equal(engine_memory(bed->engine), row);
	bed_destroy(bed);
}

#define SCORED 300
#define SEASON 12

/* Means that fade as score.h says, of what one lead's forecasts did. */
struct figures {
	double n, absolute, squared, bias, pinball, covered;
	double persistence, season_n, season, season_own, change_n, change;
};

static void fade(double *sum, double value) {
	*sum = *sum * (1 - 1.0 / SCORE_WINDOW) + value;
}

/* forecast: mean and quantiles for reading t, made h before. */
static void figures_add(
	struct figures *f, const float forecast[1 + QUANTILES], uint64_t t, uint64_t h) {
	double x = reading(0, 0, t), median = (double)forecast[1 + QUANTILE_MEDIAN], pinball = 0;
	for (int q = 1; q <= QUANTILES; q++) {
		double over = x - (double)forecast[q];
		pinball += fmax(0.1 * q * over, (0.1 * q - 1) * over);
	}
	fade(&f->n, 1);
	fade(&f->absolute, fabs(x - median));
	fade(&f->squared, (x - (double)forecast[0]) * (x - (double)forecast[0]));
	fade(&f->bias, (double)forecast[0] - x);
	fade(&f->pinball, 2 * pinball / QUANTILES);
	fade(&f->covered, x >= (double)forecast[1] && x <= (double)forecast[QUANTILES]);
	fade(&f->persistence, fabs(x - reading(0, 0, t - h)));
	if (t < SEASON)
		return;
	fade(&f->season_n, 1);
	fade(&f->season, fabs(x - reading(0, 0, t - SEASON)));
	fade(&f->season_own, fabs(x - median));
}

static void assert_near(double value, double expected) {
	if (!(fabs(value - expected) <= 1e-4 * (1 + fabs(expected))))
		fail_msg("%.8g, expected %.8g", value, expected);
}

/* Every figure of every lead, against sums made of what was handed out. */
static void scores_are_those_of_the_forecasts_handed_out(void **unused) {
	(void)unused;
	static float made[SCORED][HORIZON][1 + QUANTILES];
	struct bed *bed = bed_create(64, 0);
	struct forecast_options options = small_options();
	struct figures figures[HORIZON + 1] = { 0 };
	struct score scores[HORIZON_MAX];
	double change = 0, changes = 0;
	options.seasons[0] = SEASON;
	for (int d = 0; d < DETECTORS; d++)
		assert_int_equal(engine_add(bed->engine, bed->detectors[d], &options), 0);
	for (uint64_t t = 0; t < SCORED; t++) {
		for (uint64_t h = 1; h <= HORIZON && h <= t; h++)
			figures_add(&figures[h], made[t - h][h - 1], t, h);
		if (t >= SEASON) {
			fade(&changes, 1);
			fade(&change, fabs(reading(0, 0, t) - reading(0, 0, t - SEASON)));
		}
		bed_feed(bed, t);
		bed_work_off(bed);
		memcpy(made[t], bed->last[0][0], sizeof(made[t]));
	}
	assert_int_equal(engine_scores(bed->engine, bed->detectors[0], 0, scores), HORIZON);
	for (uint64_t h = 1; h <= HORIZON; h++) {
		const struct score *score = &scores[h - 1];
		const struct figures *f = &figures[h];
		assert_int_equal(score->lead, h);
		assert_int_equal(score->n, SCORED - h);
		assert_near(score->mae, f->absolute / f->n);
		assert_near(score->rmse, sqrt(f->squared / f->n));
		assert_near(score->bias, f->bias / f->n);
		assert_near(score->pinball, f->pinball / f->n);
		assert_near(score->coverage80, f->covered / f->n);
		assert_near(score->skill, 1 - f->absolute / f->persistence);
		assert_near(score->skill_seasonal, 1 - f->season_own / f->season);
		assert_near(score->mase, f->absolute / f->n / (change / changes));
	}
	bed_destroy(bed);
}

static void networks_for_other_inputs_are_refused(void **unused) {
	(void)unused;
	struct xlstm_shape shape = { .inputs = 3, .width = 16, .outputs = 5, .block_count = 1 };
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	struct engine *engine;
	shape.blocks[0] = xlstm_block_published(XLSTM_SLSTM, 16, 4);
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	struct engine_options options = { .model = model };
	assert_int_equal(engine_create(&engine, &options), E_MISMATCH);
	struct bed *bed = bed_create(1, 0);
	assert_int_equal(engine_adopt(bed->engine, NULL, model), E_MISMATCH);
	assert_int_equal(engine_adopt(bed->engine, NULL, bed->model), 0);
	bed_destroy(bed);
	xlstm_model_unref(model);
	xlstm_weights_destroy(weights);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_included_channel_gets_its_forecast),
		cmocka_unit_test(one_batch_of_many_equals_many_of_one),
		cmocka_unit_test(batches_that_are_apart_run_at_once),
		cmocka_unit_test(batches_with_the_same_detector_or_a_group_are_not_apart),
		cmocka_unit_test(a_batch_takes_one_tick_of_each_detector_in_order),
		cmocka_unit_test(a_saved_state_goes_on_as_if_nothing_had_happened),
		cmocka_unit_test(damaged_and_foreign_states_are_refused),
		cmocka_unit_test(memory_has_a_bound),
		cmocka_unit_test(networks_for_other_inputs_are_refused),
		cmocka_unit_test(scores_are_those_of_the_forecasts_handed_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
