/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_private.h"
#include "error.h"
#include "registry.h"
#include "small_network.h"
#include "xlstm/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HORIZON   6
#define DETECTORS 8
#define STEP_MS   60000

/* Detectors whose values the network knows nothing of yet: a line that turns at both ends. */
struct bed {
	struct registry *registry;
	struct xlstm_model *model;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[DETECTORS];
	int from, end; /* of the detectors that have readings */
	struct random random;
	uint64_t t;
};

/* Most tests are about what becomes of attempts and not about what a large network makes of them. */
static struct xlstm_model *small_model(void) {
	struct xlstm_weights *weights = small_network();
	struct xlstm_model *model;
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	return model;
}

static struct xlstm_model *shipped_model(void) {
	struct xlstm_weights *weights;
	struct xlstm_model *model;
	assert_int_equal(xlstm_weights_open(&weights, MODEL, NULL), 0);
	assert_int_equal(xlstm_model_create(&model, weights), 0);
	xlstm_weights_destroy(weights);
	return model;
}

static struct engine_options bed_options(void) {
	struct engine_options options = { 0 };
	learning_options_init(&options.learning);
	options.learning.enabled = true;
	options.learning.every_ms = 100 * STEP_MS;
	options.learning.steps = 30; /* a day of 1440 ticks: two at each attempt */
	options.learning.rate = 3e-3; /* of which each should show */
	return options;
}

static void bed_add_detectors(struct bed *bed) {
	struct clock_options clock = clock_options_default();
	struct forecast_options options;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 100;
	clock.step_ms = STEP_MS;
	assert_int_equal(expert_mask_read(SPAN("persistence,smooth,network"), &options.experts), 0);
	for (int d = 0; d < DETECTORS; d++) {
		char name[16];
		uint32_t channel;
		snprintf(name, sizeof(name), "pump%d", d);
		registry_find_or_add_detector(
			bed->registry, span_text(name), &clock, &bed->detectors[d]);
		registry_find_or_add_channel(
			bed->registry, bed->detectors[d], SPAN("a"), SPAN_EMPTY, &channel);
		assert_int_equal(engine_add(bed->engine, bed->detectors[d], &options), 0);
	}
}

/* With a model that becomes the bed's. */
static struct bed *bed_create_with(struct xlstm_model *model, struct engine_options options) {
	struct bed *bed = calloc(1, sizeof(*bed));
	struct registry_limits limits = registry_limits_default();
	bed->model = model;
	bed->end = DETECTORS;
	options.model = model;
	assert_int_equal(registry_create(&bed->registry, &limits, 1), 0);
	assert_int_equal(engine_create(&bed->engine, &options), 0);
	assert_int_equal(batch_create(&bed->batch, 64), 0);
	random_init(&bed->random, 1);
	bed_add_detectors(bed);
	return bed;
}

static struct bed *bed_create(void) {
	return bed_create_with(shipped_model(), bed_options());
}

static struct bed *bed_create_small(void) {
	return bed_create_with(small_model(), bed_options());
}

static void bed_destroy(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	xlstm_model_unref(bed->model);
	registry_destroy(bed->registry);
	free(bed);
}

static void ignore(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	(void)user;
	(void)detector;
	(void)channel;
	(void)tick;
	(void)forecast;
}

/* Up and down with a period of the detector's own, and some noise. */
static double value(struct bed *bed, int d) {
	uint64_t period = 7 + (uint64_t)d, phase = bed->t % (2 * period);
	double line = phase < period ? (double)phase : (double)(2 * period - phase);
	return line + 0.1 * random_normal(&bed->random);
}

static void bed_step(struct bed *bed) {
	for (int d = bed->from; d < bed->end; d++) {
		struct arrival arrival = { .now_ms = TIME_NONE, .message = bed->t + 1 };
		assert_int_equal(detector_put(bed->detectors[d], 0, (int64_t)(bed->t + 1) * STEP_MS,
					 value(bed, d), &arrival),
			0);
		engine_want(bed->engine, bed->detectors[d]);
	}
	bed->t++;
	while (engine_is_due(bed->engine)) {
		engine_fill(bed->engine, bed->batch);
		batch_run(bed->batch);
		engine_apply(bed->engine, bed->batch, ignore, NULL);
	}
}

/* Steps until an attempt is due. */
static struct study *bed_await_study(struct bed *bed) {
	struct study *study = NULL;
	for (int i = 0; i < 6000 && !(study = engine_study(bed->engine)); i++)
		bed_step(bed);
	assert_non_null(study);
	return study;
}

static struct verdict bed_attempt(struct bed *bed) {
	struct verdict verdict;
	struct study *study = bed_await_study(bed);
	study_work(study, NULL, NULL);
	engine_conclude(bed->engine, study, &verdict);
	return verdict;
}

static void what_is_learned_is_better_and_is_adopted(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	double before = NAN;
	for (int adopted = 0, attempts = 0; adopted < 2; attempts++) {
		assert_true(attempts < 20);
		struct verdict verdict = bed_attempt(bed);
		if (verdict.kind == VERDICT_ADOPTED) {
			adopted++;
			assert_true(verdict.loss_after < verdict.loss_before);
			assert_ptr_equal(engine_model(bed->engine, NULL), verdict.after);
			assert_ptr_not_equal(verdict.before, verdict.after);
		} else {
			assert_ptr_equal(engine_model(bed->engine, NULL), verdict.before);
		}
		if (isnan(before))
			before = verdict.loss_before;
		verdict_finish(&verdict);
	}
	bed_destroy(bed);
}

static void a_spoiled_challenger_is_refused(void **unused) {
	(void)unused;
	struct engine_options options = bed_options();
	options.learning.rate = 0.3; /* steps that leave nothing of what was known */
	struct bed *bed = bed_create_with(small_model(), options);
	struct verdict verdict = bed_attempt(bed);
	assert_int_equal(verdict.kind, VERDICT_REFUSED);
	assert_true(verdict.loss_after > verdict.loss_before);
	assert_non_null(strstr(verdict.reason, "worse"));
	assert_ptr_equal(engine_model(bed->engine, NULL), bed->model);
	/* It has lost its way: the next one starts from the champion again. */
	assert_null(bed->engine->shared->student.weights);
	verdict_finish(&verdict);
	bed_destroy(bed);
}

/* The weights with a head that says the opposite, ten times as loud. */
static struct xlstm_model *spoil(const struct xlstm_model *model) {
	struct xlstm_weights *weights;
	struct xlstm_tensor head;
	struct xlstm_model *spoiled;
	assert_int_equal(xlstm_weights_clone(&weights, xlstm_model_weights(model)), 0);
	assert_int_equal(xlstm_tensor_find(weights, "head.weight", &head), 0);
	float *values = malloc(head.count * sizeof(float));
	for (size_t i = 0; i < head.count; i++)
		values[i] = -10 * head.values[i];
	assert_int_equal(xlstm_tensor_set(weights, "head.weight", values, head.count), 0);
	assert_int_equal(xlstm_model_create(&spoiled, weights), 0);
	free(values);
	xlstm_weights_destroy(weights);
	return spoiled;
}

/* Puts weights in use as if they had passed their exam. */
static void bed_smuggle_in(struct bed *bed, struct xlstm_model *model) {
	struct verdict verdict;
	struct study *study = bed_await_study(bed);
	study->challenger = xlstm_model_ref(model);
	for (size_t i = 0; i < study->exam_count; i++) {
		study->before[i] = 1;
		study->after[i] = 0.9 + 0.001 * (double)i;
	}
	engine_conclude(bed->engine, study, &verdict);
	assert_int_equal(verdict.kind, VERDICT_ADOPTED);
	verdict_finish(&verdict);
}

static void an_adoption_that_turns_bad_is_undone(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct xlstm_model *spoiled = spoil(bed->model);
	struct verdict verdict;
	for (int i = 0; i < 400; i++)
		bed_step(bed); /* live scores to compare with */
	bed_smuggle_in(bed, spoiled);
	assert_ptr_equal(engine_model(bed->engine, NULL), spoiled);
	bool undone = false;
	for (int i = 0; i < 300 && !undone; i++) {
		bed_step(bed);
		assert_null(engine_study(bed->engine)); /* on trial */
		undone = engine_review(bed->engine, &verdict);
	}
	assert_true(undone);
	assert_int_equal(verdict.kind, VERDICT_UNDONE);
	assert_ptr_equal(verdict.before, spoiled);
	assert_ptr_equal(verdict.after, bed->model);
	assert_true(verdict.loss_after > 1.02 * verdict.loss_before);
	assert_ptr_equal(engine_model(bed->engine, NULL), bed->model);
	verdict_finish(&verdict);
	xlstm_model_unref(spoiled);
	bed_destroy(bed);
}

static void an_adoption_that_does_no_harm_stays(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct xlstm_weights *weights;
	struct xlstm_model *same;
	struct verdict verdict;
	xlstm_weights_clone(&weights, xlstm_model_weights(bed->model));
	assert_int_equal(xlstm_model_create(&same, weights), 0);
	xlstm_weights_destroy(weights);
	for (int i = 0; i < 400; i++)
		bed_step(bed);
	bed_smuggle_in(bed, same);
	for (int i = 0; i < 300; i++) {
		bed_step(bed);
		assert_false(engine_review(bed->engine, &verdict));
	}
	assert_ptr_equal(engine_model(bed->engine, NULL), same);
	xlstm_model_unref(same);
	bed_destroy(bed);
}

static void forecasts_go_on_while_an_attempt_is_under_way(void **unused) {
	(void)unused;
	struct bed *bed = bed_create_small();
	struct study *study = bed_await_study(bed);
	struct verdict verdict;
	uint64_t lessons = memory_count(&bed->engine->shared->memory);
	for (int i = 0; i < 400; i++)
		bed_step(bed);
	/* Lessons have been added meanwhile, and the study's are still there. */
	assert_true(memory_count(&bed->engine->shared->memory) > lessons);
	assert_null(engine_study(bed->engine));
	study_work(study, NULL, NULL);
	engine_conclude(bed->engine, study, &verdict);
	assert_int_equal(verdict.lessons, verdict.steps * STUDY_LESSONS);
	verdict_finish(&verdict);
	bed_destroy(bed);
}

static void an_attempt_on_weights_that_were_replaced_comes_to_nothing(void **unused) {
	(void)unused;
	struct bed *bed = bed_create_small();
	struct study *study = bed_await_study(bed);
	struct xlstm_model *other = spoil(bed->model);
	struct verdict verdict;
	assert_int_equal(engine_adopt(bed->engine, NULL, other), 0);
	study_work(study, NULL, NULL);
	engine_conclude(bed->engine, study, &verdict);
	assert_int_equal(verdict.kind, VERDICT_REFUSED);
	assert_ptr_equal(engine_model(bed->engine, NULL), other);
	assert_null(bed->engine->shared->student.weights);
	verdict_finish(&verdict);
	xlstm_model_unref(other);
	bed_destroy(bed);
}

static bool refuse_to_go_on(void *unused) {
	(void)unused;
	return false;
}

static void an_attempt_ends_when_it_is_told_to(void **unused) {
	(void)unused;
	struct bed *bed = bed_create_small();
	struct study *study = bed_await_study(bed);
	struct verdict verdict;
	study_work(study, refuse_to_go_on, NULL);
	assert_null(study->challenger);
	engine_conclude(bed->engine, study, &verdict);
	assert_int_equal(verdict.kind, VERDICT_REFUSED);
	assert_string_equal(verdict.reason, "interrupted");
	verdict_finish(&verdict);
	bed_destroy(bed);
}

static void nothing_is_learned_from_who_is_flagged_or_while_paused(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	struct recorder *recorder = &bed->engine->shared->recorder;
	for (int i = 0; i < 20; i++)
		bed_step(bed);
	assert_int_equal(recorder->count, DETECTORS);
	assert_int_equal(engine_flag(bed->engine, bed->detectors[3], true), 0);
	assert_int_equal(recorder->count, DETECTORS - 1);
	for (int i = 0; i < 20; i++)
		bed_step(bed);
	assert_false(recorder_has(recorder, detector_channel_series(bed->detectors[3], 0)));
	engine_flag(bed->engine, bed->detectors[3], false);
	for (int i = 0; i < 20; i++)
		bed_step(bed);
	assert_true(recorder_has(recorder, detector_channel_series(bed->detectors[3], 0)));

	engine_pause(bed->engine, true);
	assert_int_equal(recorder->count, 0);
	for (int i = 0; i < 20; i++)
		bed_step(bed);
	assert_int_equal(recorder->count, 0);
	assert_null(engine_study(bed->engine));
	engine_pause(bed->engine, false);
	bed_step(bed);
	bed_destroy(bed);
}

/* An attempt that only the weights of a detector's own get round to. */
static struct verdict bed_attempt_own(struct bed *bed) {
	struct verdict verdict;
	struct study *study = bed_await_study(bed);
	if (study->student == &bed->engine->shared->student)
		study->result = -ECANCELED;
	else
		study_work(study, NULL, NULL);
	engine_conclude(bed->engine, study, &verdict);
	return verdict;
}

static void own_weights_learn_apart(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	assert_int_equal(engine_own(bed->engine, bed->detectors[2]), 0);
	assert_ptr_equal(engine_model(bed->engine, bed->detectors[2]), bed->model);
	assert_null(engine_model(bed->engine, bed->detectors[1]));
	bed->from = 2;
	bed->end = 3;
	bool own = false;
	for (int attempts = 0; attempts < 40 && !own; attempts++) {
		struct verdict verdict = bed_attempt_own(bed);
		own = verdict.detector == bed->detectors[2] && verdict.kind == VERDICT_ADOPTED;
		if (own) {
			assert_ptr_equal(
				engine_model(bed->engine, bed->detectors[2]), verdict.after);
			assert_ptr_not_equal(engine_model(bed->engine, NULL), verdict.after);
		}
		verdict_finish(&verdict);
	}
	assert_true(own);
	bed_destroy(bed);
}

static void own_weights_take_memory_until_they_go(void **unused) {
	(void)unused;
	struct bed *bed = bed_create();
	size_t memory = engine_memory(bed->engine);
	assert_int_equal(engine_own(bed->engine, bed->detectors[2]), 0);
	assert_true(engine_memory(bed->engine) > memory + (2u << 20));
	engine_remove(bed->engine, bed->detectors[2]);
	assert_true(engine_memory(bed->engine) < memory);
	bed_destroy(bed);
}

/* Own weights that are the shared ones step as those do, bit for bit, wherever they stand in the
 * batch. */
static void own_weights_step_like_shared_ones(void **unused) {
	(void)unused;
	struct bed *shared = bed_create(), *own = bed_create();
	assert_int_equal(engine_own(own->engine, own->detectors[0]), 0);
	assert_int_equal(engine_own(own->engine, own->detectors[4]), 0);
	for (int i = 0; i < 100; i++) {
		bed_step(shared);
		bed_step(own);
	}
	for (int d = 0; d < DETECTORS; d++) {
		size_t size = engine_state_size(shared->engine, shared->detectors[d], 0);
		void *a = malloc(size), *b = malloc(size);
		assert_int_equal(engine_state_size(own->engine, own->detectors[d], 0), size);
		engine_state_save(shared->engine, shared->detectors[d], 0, a);
		engine_state_save(own->engine, own->detectors[d], 0, b);
		assert_memory_equal(a, b, size);
		free(a);
		free(b);
	}
	bed_destroy(shared);
	bed_destroy(own);
}

static void own_weights_have_a_bound(void **unused) {
	(void)unused;
	struct engine_options options = bed_options();
	struct bed *bed = bed_create();
	options.memory_max = engine_memory(bed->engine) + (3u << 20);
	bed_destroy(bed);
	bed = bed_create_with(shipped_model(), options);
	assert_int_equal(engine_own(bed->engine, bed->detectors[0]), E_TOO_MANY_SERIES);
	assert_null(engine_model(bed->engine, bed->detectors[0]));
	bed_destroy(bed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_learned_is_better_and_is_adopted),
		cmocka_unit_test(a_spoiled_challenger_is_refused),
		cmocka_unit_test(an_adoption_that_turns_bad_is_undone),
		cmocka_unit_test(an_adoption_that_does_no_harm_stays),
		cmocka_unit_test(forecasts_go_on_while_an_attempt_is_under_way),
		cmocka_unit_test(an_attempt_on_weights_that_were_replaced_comes_to_nothing),
		cmocka_unit_test(an_attempt_ends_when_it_is_told_to),
		cmocka_unit_test(nothing_is_learned_from_who_is_flagged_or_while_paused),
		cmocka_unit_test(own_weights_learn_apart),
		cmocka_unit_test(own_weights_take_memory_until_they_go),
		cmocka_unit_test(own_weights_step_like_shared_ones),
		cmocka_unit_test(own_weights_have_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
