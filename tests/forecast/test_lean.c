/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "pending.h"
#include "random.h"
#include "registry.h"
#include "row_layout.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HORIZON 24
#define STEP_MS 3600000

static int open_model(void **state) {
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	*state = model;
	return 0;
}

static int close_model(void **state) {
	xlstm_model_unref(*state);
	return 0;
}

/* State, head, mix, calibration, pending forecasts, scores, past: everything. */
static void a_row_takes_at_most_its_bound(void **state) {
	static struct row_layout layout;
	struct forecast_options options;
	forecast_options_init(&options);
	options.rows = ROWS_LEAN;
	for (options.horizon = 1; options.horizon <= 360; options.horizon++) {
		row_layout_init(&layout, &options, *state);
		assert_true(layout.size <= ROW_LEAN_MAX);
		assert_int_equal(layout.leads[0], 1);
		assert_int_equal(layout.leads[layout.leads_count - 1], options.horizon);
	}
}

/* One series with a day of 24 hours and noise of deviation 1, forecast by an engine. */
struct bed {
	struct registry *registry;
	struct detector *detector;
	struct engine *engine;
	struct batch *batch;
	struct random random;
	uint64_t ticks;
	float mean[HORIZON], previous[HORIZON];
	double squared, n;
};

static double level(uint64_t t) {
	return 10 * sin(2 * M_PI * (double)(t % 24) / 24) + (t % 24 == 7 ? 8 : 0);
}

static void bed_init(struct bed *bed, struct xlstm_model *model, uint32_t rows) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	struct engine_options engine_options = { .model = model };
	struct forecast_options options;
	uint32_t channel;
	clock.step_ms = STEP_MS;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.rows = rows;
	*bed = (struct bed){ 0 };
	random_init(&bed->random, 11);
	assert_int_equal(registry_create(&bed->registry, &limits, 1), 0);
	assert_int_equal(engine_create(&bed->engine, &engine_options), 0);
	assert_int_equal(batch_create(&bed->batch, 1), 0);
	registry_find_or_add_detector(bed->registry, SPAN("a"), &clock, &bed->detector);
	registry_find_or_add_channel(
		bed->registry, bed->detector, SPAN("value"), SPAN_EMPTY, &channel);
	assert_int_equal(engine_add(bed->engine, bed->detector, &options), 0);
}

static void bed_finish(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

static void keep(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	(void)detector;
	(void)channel;
	struct bed *bed = user;
	memcpy(bed->previous, bed->mean, sizeof(bed->mean));
	memcpy(bed->mean, forecast->mean, sizeof(bed->mean));
	if (tick->number < 24 * 30)
		return;
	double error = (double)bed->previous[0] - forecast->observed;
	bed->squared += error * error;
	bed->n++;
}

static void bed_step(struct bed *bed) {
	struct arrival arrival = { .now_ms = TIME_NONE, .message = bed->ticks + 1 };
	double value = level(bed->ticks) + random_normal(&bed->random);
	detector_put(bed->detector, 0, (int64_t)(bed->ticks + 400000) * STEP_MS, value, &arrival);
	engine_want(bed->engine, bed->detector);
	engine_fill(bed->engine, bed->batch);
	batch_run(bed->batch);
	engine_apply(bed->engine, bed->batch, keep, bed);
	bed->ticks++;
}

/* Nobody can do better than a mean squared error of 1. */
static void forecasts_are_nearly_as_good_as_can_be(void **state) {
	struct bed bed;
	bed_init(&bed, *state, ROWS_LEAN);
	for (int t = 0; t < 24 * 90; t++)
		bed_step(&bed);
	assert_true(bed.squared / bed.n < 1.25);
	for (int h = 1; h <= HORIZON; h++)
		assert_true(
			fabs((double)bed.mean[h - 1] - level(bed.ticks - 1 + (uint64_t)h)) < 1.5);
	struct score scores[HORIZON_MAX];
	assert_int_equal(engine_scores(bed.engine, bed.detector, 0, scores), LEADS_LEAN);
	for (int i = 0; i < LEADS_LEAN; i++)
		assert_true(fabs(scores[i].coverage80 - 0.8) < 0.1);
	bed_finish(&bed);
}

static void a_saved_row_goes_on_bit_for_bit(void **state) {
	struct bed one, other;
	unsigned char bytes[ROW_LEAN_MAX + 64];
	bed_init(&one, *state, ROWS_LEAN);
	bed_init(&other, *state, ROWS_LEAN);
	for (int t = 0; t < 300; t++)
		bed_step(&one);
	size_t size = engine_state_size(one.engine, one.detector, 0);
	assert_true(size <= sizeof(bytes));
	engine_state_save(one.engine, one.detector, 0, bytes);
	/* The other one's clock has seen the same times, its row other values. */
	random_init(&other.random, 12);
	for (int t = 0; t < 300; t++)
		bed_step(&other);
	assert_memory_not_equal(one.mean, other.mean, sizeof(one.mean));
	other.random = one.random;
	assert_int_equal(engine_state_load(other.engine, other.detector, 0, bytes, size), 0);
	for (int t = 0; t < 100; t++) {
		bed_step(&one);
		bed_step(&other);
		assert_memory_equal(one.mean, other.mean, sizeof(one.mean));
	}
	bed_finish(&one);
	bed_finish(&other);
}

static void forecasts_in_brief_keep_eight_bits(void **unused) {
	(void)unused;
	struct pending pending = { .mean = 0.123456F, .spread = 0.5, .origin = { 1e9, 0.25 } },
		       back;
	uint32_t experts = 1u << EXPERT_CLOSED | 1u << EXPERT_NETWORK;
	double bytes[32];
	assert_true(brief_size(experts) <= sizeof(bytes));
	for (int q = 0; q < QUANTILES; q++)
		pending.quantiles[q] = pending.mean + 0.3F * (float)(q - QUANTILE_MEDIAN);
	pending.experts[EXPERT_CLOSED] = -7.654321F;
	pending.experts[EXPERT_NETWORK] = NAN;
	brief_write(&pending, experts, bytes);
	brief_read(bytes, experts, &back);
	assert_true(back.mean == pending.mean && back.origin.anchor == 1e9 &&
		    back.origin.scale == 0.25 && back.spread == 0.5);
	assert_true(fabsf(back.experts[EXPERT_CLOSED] / pending.experts[EXPERT_CLOSED] - 1) <
		    1.0F / 256);
	assert_true(isnan(back.experts[EXPERT_NETWORK]) && isnan(back.experts[EXPERT_RLS]));
	for (int q = 0; q < QUANTILES; q++)
		assert_true(fabsf(back.quantiles[q] - pending.quantiles[q]) <= 1.2F / 256);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_takes_at_most_its_bound),
		cmocka_unit_test(forecasts_are_nearly_as_good_as_can_be),
		cmocka_unit_test(a_saved_row_goes_on_bit_for_bit),
		cmocka_unit_test(forecasts_in_brief_keep_eight_bits),
	};
	return cmocka_run_group_tests(tests, open_model, close_model);
}
