/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does a detector take, in memory and time, if all share the network's weights, if each has a head of its own
 * beside, and if each has weights of its own? Prints the table that docs/network.md quotes, each line from a process
 * of its own. What the memory that is available does not hold is not run but told.
 *
 *   bench_instances MODEL [DETECTORS...]       10 1000 100000 by default
 */
#include "engine.h"
#include "random.h"
#include "registry.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 3600000
#define HORIZON 24
#define BATCH   256

/* Of the memory that is available, to be left to others. */
#define SPARE 0.4

/* Detectors and ticks together, which bound how long a line takes; at least TICKS_LEAST are measured after
 * half as many. */
#define WORK        30000
#define TICKS_LEAST 2
#define TICKS_MOST  400

struct kind {
	const char *name;
	uint32_t experts;
	bool own;
	enum row_kind rows;
};

static const struct kind kinds[] = {
	{ "shared", EXPERTS_ALL & ~(1u << EXPERT_HEAD), false, ROWS_FULL },
	{ "shared + own head", EXPERTS_ALL, false, ROWS_FULL },
	{ "own", EXPERTS_ALL, true, ROWS_FULL },
	{ "shared, lean", EXPERTS_ALL & ~(1u << EXPERT_HEAD), false, ROWS_LEAN },
	{ "shared + own head, lean", EXPERTS_ALL, false, ROWS_LEAN },
};

/* The weights that all begin with. */
struct shipped {
	struct xlstm_weights *weights;
	struct xlstm_model *model;
};

struct bed {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector **detectors;
	struct random random;
	uint32_t count;
	struct xlstm_weights *weights;
};

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void check(int result, const char *what) {
	if (result >= 0)
		return;
	fprintf(stderr, "%s: error %d\n", what, result);
	exit(1);
}

/* As after it has adopted what it has learned: until then it steps with the shared ones. */
static void give_weights(struct bed *bed, uint32_t i) {
	struct xlstm_model *model;
	check(engine_own(bed->engine, bed->detectors[i]), "room for weights");
	check(xlstm_model_create(&model, bed->weights), "weights");
	check(engine_adopt(bed->engine, bed->detectors[i], model), "adoption");
	xlstm_model_unref(model);
}

static void add(struct bed *bed, uint32_t i, const struct kind *kind) {
	struct clock_options clock = clock_options_default();
	struct forecast_options options;
	char name[16];
	uint32_t channel;
	clock.step_ms = STEP_MS;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.experts = kind->experts;
	options.rows = kind->rows;
	snprintf(name, sizeof(name), "d%" PRIu32, i);
	check(registry_find_or_add_detector(
		      bed->registry, span_text(name), &clock, &bed->detectors[i]),
		"detector");
	check(registry_find_or_add_channel(
		      bed->registry, bed->detectors[i], SPAN("value"), SPAN_EMPTY, &channel),
		"channel");
	check(engine_add(bed->engine, bed->detectors[i], &options), "row");
	if (kind->own)
		give_weights(bed, i);
}

static void open_bed(struct bed *bed, const struct shipped *shipped, uint32_t count) {
	struct registry_limits limits = registry_limits_default();
	struct engine_options options = { .model = shipped->model };
	learning_options_init(&options.learning);
	options.learning.enabled = true;
	limits.series_max = limits.detectors_max = count;
	*bed = (struct bed){ .count = count, .weights = shipped->weights };
	random_init(&bed->random, 1);
	check(registry_create(&bed->registry, &limits, 1), "registry");
	check(engine_create(&bed->engine, &options), "engine");
	check(batch_create(&bed->batch, BATCH), "batch");
	bed->detectors = calloc(count, sizeof(struct detector *));
	check(bed->detectors ? 0 : -1, "detectors");
}

static void ignore(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	(void)user;
	(void)detector;
	(void)channel;
	(void)tick;
	(void)forecast;
}

/* One tick of every detector; returns the seconds that the engine took. */
static double tick(struct bed *bed, unsigned t) {
	double seconds = 0;
	for (uint32_t first = 0; first < bed->count; first += BATCH) {
		for (uint32_t d = first; d < first + BATCH && d < bed->count; d++) {
			struct arrival arrival = { .now_ms = TIME_NONE, .message = t + 1 };
			double value = t % 24 + random_normal(&bed->random);
			detector_put(bed->detectors[d], 0, (int64_t)(t + 500000) * STEP_MS, value,
				&arrival);
			engine_want(bed->engine, bed->detectors[d]);
		}
		double began = now();
		engine_fill(bed->engine, bed->batch);
		batch_run(bed->batch);
		engine_apply(bed->engine, bed->batch, ignore, NULL);
		seconds += now() - began;
	}
	return seconds;
}

static double available_bytes(void) {
	char line[128];
	double kilobytes = 0;
	FILE *file = fopen("/proc/meminfo", "re");
	while (file && kilobytes == 0 && fgets(line, sizeof(line), file))
		sscanf(line, "MemAvailable: %lf", &kilobytes);
	if (file)
		fclose(file);
	return 1024 * kilobytes;
}

/* Bytes of one detector beyond those of an engine without any. */
static double bytes_each(const struct shipped *shipped, const struct kind *kind) {
	struct bed bed;
	open_bed(&bed, shipped, 1);
	double before = (double)engine_memory(bed.engine);
	add(&bed, 0, kind);
	return (double)engine_memory(bed.engine) - before;
}

static void measure(const struct shipped *shipped, const struct kind *kind, uint32_t count) {
	struct bed bed;
	struct rusage before, after;
	double each = bytes_each(shipped, kind), seconds = 0;
	printf("%-24s %8" PRIu32 " %10.1f", kind->name, count, each / 1024);
	if (each * count > SPARE * available_bytes()) {
		printf("   needs %.0f GB, not run\n", each * count / 1e9);
		return;
	}
	unsigned ticks = WORK / count;
	ticks = ticks < TICKS_LEAST ? TICKS_LEAST : ticks > TICKS_MOST ? TICKS_MOST : ticks;
	getrusage(RUSAGE_SELF, &before);
	open_bed(&bed, shipped, count);
	for (uint32_t i = 0; i < count; i++)
		add(&bed, i, kind);
	for (unsigned t = 0; t < ticks / 2; t++)
		tick(&bed, t);
	for (unsigned t = ticks / 2; t < ticks / 2 + ticks; t++)
		seconds += tick(&bed, t);
	getrusage(RUSAGE_SELF, &after);
	printf(" %10.1f %9.1f %6u\n", (double)(after.ru_maxrss - before.ru_maxrss) / count,
		1e6 * seconds / ticks / count, ticks);
}

/* In a process of its own, so that nothing is left of the one before. */
static int measure_apart(const struct shipped *shipped, const struct kind *kind, uint32_t count) {
	int status = 1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		measure(shipped, kind, count);
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 1;
	return status;
}

int main(int argc, char **argv) {
	static const char *const usual[] = { "10", "1000", "100000" };
	struct shipped shipped;
	const char *const *counts = argc > 2 ? (const char *const *)argv + 2 : usual;
	int many = argc > 2 ? argc - 2 : 3, failed = 0;
	if (argc < 2 || xlstm_weights_open(&shipped.weights, argv[1], NULL) < 0 ||
		xlstm_model_create(&shipped.model, shipped.weights) < 0) {
		fputs("bench_instances MODEL [DETECTORS...]\n", stderr);
		return 2;
	}
	printf("%-24s %8s %10s %10s %9s %6s\n", "instances", "number", "kB counted", "kB RSS",
		"us/tick", "ticks");
	for (int i = 0; i < many; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			failed |= measure_apart(
				&shipped, &kinds[k], (uint32_t)strtoul(counts[i], NULL, 10));
	xlstm_model_unref(shipped.model);
	xlstm_weights_destroy(shipped.weights);
	return failed != 0;
}
