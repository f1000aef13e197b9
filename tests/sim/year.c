/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated year. What grows without end, drifts or is forgotten shows in what is compared here:
 * memory at the end with that of the seventh day, the database with what it was when its retention
 * first took hold, and the errors of forecasts with what the noise makes unavoidable.
 *
 *   year MODEL DETECTORS STEP_MS DAYS
 *
 * prints a line for every four weeks and ends with 1 if a mark is missed.
 */
#include "plant.h"
#include "query.h"
#include "sanitizers.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Memory is compared with that of this day, from which on it may grow by MEMORY_GROWTH. */
#define MEMORY_DAY    7
#define MEMORY_GROWTH 1.01

/* By then everything that is kept has come of age once. */
#define SETTLED_DAY 91

/* Files may breathe: rows that are pruned leave holes that are filled again. */
#define FILE_GROWTH 1.05

/* The log is checkpointed at STORE_CHECKPOINT_BYTES; one commit may come on top. */
#define LOG_MAX (STORE_CHECKPOINT_BYTES + (16u << 20))

/* Of a forecast that knows all but the noise: mean absolute deviation of the normal distribution. */
#define LEAST_ERROR        0.79788
#define WORST_ERROR        (1.12 * LEAST_ERROR)
#define COVERAGE           0.8
#define COVERAGE_TOLERANCE 0.02

#define REPORT_DAYS 28

/* Errors are judged over this many days at the end. */
#define JUDGED_DAYS 84

static char folder[] = "/tmp/xlstmd-year-XXXXXX";
static char path[64];

struct measure {
	double resident, allocated; /* bytes */
	double states;
	double database, log;
};

static double resident_bytes(void) {
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		exit(1);
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static struct measure measure(const struct plant *plant) {
	struct mallinfo2 heap = mallinfo2();
	struct store_stats stats;

	store_stats(plant->store, &stats);
	return (struct measure){
		.resident = resident_bytes(),
		.allocated = (double)heap.uordblks + (double)heap.hblkhd,
		.states = (double)plant_state_bytes(plant),
		.database = (double)stats.database_bytes,
		.log = (double)stats.wal_bytes,
	};
}

static double error_of(const struct plant_errors *errors) {
	return errors->absolute / (double)errors->count;
}

static double coverage_of(const struct plant_errors *errors) {
	return (double)errors->covered / (double)errors->count;
}

static void report(const struct plant *plant, uint32_t day, const struct measure *now) {
	printf("%4u %10" PRIu64 " %9.2f %9.2f %8.2f %8.2f %8.2f %7.4f %7.4f\n", day, plant->ticks,
		now->resident / 1e6, now->allocated / 1e6, now->states / 1e6, now->database / 1e6,
		now->log / 1e6, error_of(&plant->errors), coverage_of(&plant->errors));
	fflush(stdout);
}

static int failures;

static void mark(bool met, const char *what, double value, double limit) {
	printf("%s: %s: %.6g, at the most %.6g\n", met ? "met" : "MISSED", what, value, limit);
	failures += !met;
}

static void mark_ratio(const char *what, double now, double then, double limit) {
	mark(now <= limit * then, what, now / then, limit);
}

static double ask(const char *sql) {
	struct query *query;
	struct rows *rows;

	if (query_open(&query, path) < 0 || query_rows(query, sql, NULL, 0, &rows) < 0 ||
		rows_next(rows) != 1)
		exit(1);
	double value = rows_real(rows, 0);
	rows_close(rows);
	query_close(query);
	return value;
}

/* Age in days of the oldest row. */
static double oldest(const struct plant *plant, const char *sql) {
	return ((double)plant->now_ms - ask(sql)) / (double)DAY_MS;
}

static void judge_retention(const struct plant *plant) {
	double readings = oldest(plant, "SELECT min(time_ms) FROM reading");
	double forecasts = oldest(plant, "SELECT min(issued_ms) FROM forecast");

	mark(readings <= KEEP_READINGS_DAYS, "oldest reading, days", readings, KEEP_READINGS_DAYS);
	mark(forecasts <= KEEP_FORECASTS_DAYS, "oldest forecast, days", forecasts,
		KEEP_FORECASTS_DAYS);
	mark(readings > KEEP_READINGS_DAYS - 1, "days of readings that are missing",
		KEEP_READINGS_DAYS - readings, 1);
	mark(forecasts > KEEP_FORECASTS_DAYS - 1, "days of forecasts that are missing",
		KEEP_FORECASTS_DAYS - forecasts, 1);
}

static void judge_memory(const struct measure *week, const struct measure *end) {
	mark_ratio(
		"resident memory over that of day 7", end->resident, week->resident, MEMORY_GROWTH);
	mark_ratio("allocated memory over that of day 7", end->allocated, week->allocated,
		MEMORY_GROWTH);
}

static void judge(const struct plant *plant, const struct measure *week,
	const struct measure *settled, const struct measure *end) {
	double error = error_of(&plant->errors);
	double astray = fabs(coverage_of(&plant->errors) - COVERAGE);

	if (!SANITIZED) /* their allocators keep what is freed */
		judge_memory(week, end);
	mark_ratio("states over those of day 91", end->states, settled->states, MEMORY_GROWTH);
	mark_ratio("database over that of day 91", end->database, settled->database, FILE_GROWTH);
	mark(end->log <= LOG_MAX, "bytes of the log", end->log, LOG_MAX);
	judge_retention(plant);
	mark(error <= WORST_ERROR, "error of the last weeks in noises", error, WORST_ERROR);
	mark(astray <= COVERAGE_TOLERANCE, "coverage of the last weeks, off by", astray,
		COVERAGE_TOLERANCE);
	mark(engine_restarts(plant->engine) == 0, "series that started afresh",
		(double)engine_restarts(plant->engine), 0);
}

static void live(struct plant *plant, uint32_t days) {
	struct measure now = { 0 }, week = { 0 }, settled = { 0 };

	puts(" day      ticks  resident allocated   states database      log   error coverage");
	for (uint32_t day = 1; day <= days; day++) {
		plant_live_a_day(plant, day - 1);
		bool last = day == days;
		if (day != MEMORY_DAY && day != SETTLED_DAY && day % REPORT_DAYS && !last)
			continue;
		now = measure(plant);
		if (day == MEMORY_DAY)
			week = now;
		if (day == SETTLED_DAY)
			settled = now;
		report(plant, day, &now);
		if (day % REPORT_DAYS == 0 && day + JUDGED_DAYS <= days)
			plant->errors = (struct plant_errors){ 0 };
	}
	judge(plant, &week, &settled, &now);
}

static struct xlstm_model *open_model(const char *file) {
	struct xlstm_weights *weights;
	struct xlstm_model *model;

	if (xlstm_weights_open(&weights, file, NULL) < 0 ||
		xlstm_model_create(&model, weights) < 0) {
		fprintf(stderr, "%s: no weights\n", file);
		exit(1);
	}
	xlstm_weights_destroy(weights);
	return model;
}

static void remove_files(void) {
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char name[80];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	rmdir(folder);
}

int main(int argc, char **argv) {
	struct plant plant;

	if (argc != 5 || !mkdtemp(folder)) {
		fputs("usage: year MODEL DETECTORS STEP_MS DAYS\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "%s/year.db", folder);
	atexit(remove_files);
	struct plant_options options = {
		.detectors = (uint32_t)strtoul(argv[2], NULL, 10),
		.step_ms = strtoll(argv[3], NULL, 10),
		.database = path,
		.model = open_model(argv[1]),
	};
	plant_init(&plant, &options);
	live(&plant, (uint32_t)strtoul(argv[4], NULL, 10));
	plant_finish(&plant);
	xlstm_model_unref(options.model);
	return failures > 0;
}
