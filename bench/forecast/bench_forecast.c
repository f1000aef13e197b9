/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a tick of a series cost? Steps detectors of one channel through the engine, one tick a
 * batch and many, with and without the network, and prints microseconds and bytes per series.
 *
 *   bench_forecast [MODEL]
 */
#include "engine.h"
#include "random.h"
#include "registry.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DETECTORS  64
#define WARM_TICKS 400 /* every expert is awake then */
#define TICKS      400
#define STEP_MS    3600000

struct bed {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[DETECTORS];
	struct random random;
};

/* Processor time of this thread: other load on the machine counts only through the caches. */
static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void bed_init(struct bed *bed, struct xlstm_model *model, uint32_t horizon, size_t batch) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	struct engine_options engine_options = { .model = model };
	struct forecast_options options;
	clock.step_ms = STEP_MS;
	forecast_options_init(&options);
	options.horizon = horizon;
	random_init(&bed->random, 1);
	if (registry_create(&bed->registry, &limits, 1) < 0 ||
		engine_create(&bed->engine, &engine_options) < 0 ||
		batch_create(&bed->batch, batch) < 0)
		exit(1);
	for (int d = 0; d < DETECTORS; d++) {
		char name[16];
		uint32_t channel;
		snprintf(name, sizeof(name), "d%d", d);
		if (registry_find_or_add_detector(
			    bed->registry, span_text(name), &clock, &bed->detectors[d]) < 0 ||
			registry_find_or_add_channel(bed->registry, bed->detectors[d],
				SPAN("value"), SPAN_EMPTY, &channel) < 0 ||
			engine_add(bed->engine, bed->detectors[d], &options) < 0)
			exit(1);
	}
}

static void bed_finish(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

static void ignore(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	(void)user;
	(void)detector;
	(void)channel;
	(void)tick;
	(void)forecast;
}

/* One tick of every detector; returns the seconds that the batches took. */
static double bed_tick(struct bed *bed, int t) {
	double seconds = 0;
	for (int d = 0; d < DETECTORS; d++) {
		struct arrival arrival = { .now_ms = TIME_NONE, .message = (uint64_t)t + 1 };
		double value = t % 24 + random_normal(&bed->random);
		detector_put(
			bed->detectors[d], 0, (int64_t)(t + 500000) * STEP_MS, value, &arrival);
		engine_want(bed->engine, bed->detectors[d]);
	}
	while (engine_is_due(bed->engine)) {
		engine_fill(bed->engine, bed->batch);
		double began = now();
		batch_run(bed->batch);
		seconds += now() - began;
		engine_apply(bed->engine, bed->batch, ignore, NULL);
	}
	return seconds;
}

static void measure(struct xlstm_model *model, uint32_t horizon, size_t batch) {
	struct bed bed;
	double seconds = 0;
	bed_init(&bed, model, horizon, batch);
	for (int t = 0; t < WARM_TICKS; t++)
		bed_tick(&bed, t);
	for (int t = WARM_TICKS; t < WARM_TICKS + TICKS; t++)
		seconds += bed_tick(&bed, t);
	printf("%7u %8s %6zu %9.1f %10.0f\n", horizon, model ? "yes" : "no", batch,
		1e6 * seconds / (TICKS * DETECTORS),
		(double)engine_memory(bed.engine) / DETECTORS / 1024);
	bed_finish(&bed);
}

int main(int argc, char **argv) {
	struct xlstm_weights *weights;
	struct xlstm_model *model = NULL;
	if (argc > 1 && (xlstm_weights_open(&weights, argv[1], NULL) < 0 ||
				xlstm_model_create(&model, weights) < 0)) {
		fprintf(stderr, "%s: no weights\n", argv[1]);
		return 1;
	}
	if (model)
		xlstm_weights_destroy(weights);
	static const uint32_t horizons[] = { 24, 48 };
	static const size_t batches[] = { 1, 64 };
	puts("horizon  network  batch  us/tick  kB/series");
	for (int h = 0; h < 2; h++) {
		for (int b = 0; b < 2; b++) {
			measure(NULL, horizons[h], batches[b]);
			if (model)
				measure(model, horizons[h], batches[b]);
		}
	}
	xlstm_model_unref(model);
	return 0;
}
