/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long do the views take in a large database? Readings and forecasts of a thousand series, and
 * the questions that people ask of one of them or of all.
 *
 *   bench_query [FOLDER [READINGS FORECASTS]]
 */
#include "query.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SERIES   1000
#define HORIZON  24
#define STEP_MS  60000
#define START_MS INT64_C(1790000000000)
#define BATCH    10000

static double seconds(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(int r, const char *what) {
	if (r >= 0)
		return;
	fprintf(stderr, "bench_query: %s: %d\n", what, r);
	exit(1);
}

static void commit(struct store *store, struct journal *journal) {
	check(store_commit(store, journal), store_message(store));
	journal_reset(journal);
}

static void add_series(struct journal *journal) {
	for (uint32_t id = 1; id <= SERIES; id++) {
		char name[32];

		snprintf(name, sizeof(name), "d%u/c", id);
		struct span span = span_text(name);
		check(journal_detector(journal, &(struct detector_row){ .id = id,
							.name = span_of(name, span.length - 2),
							.step_ms = STEP_MS }),
			"detector");
		check(journal_series(journal, &(struct series_row){ .id = id,
						      .detector = id,
						      .channel = SPAN("c"),
						      .name = span }),
			"series");
		for (uint32_t lead = 1; lead <= HORIZON; lead++)
			check(journal_score(journal,
				      &(struct score_row){ .series = id, .lead = lead, .n = 1 }),
				"score");
	}
}

static void write_steps(struct text *json, double first) {
	for (int step = 1; step <= HORIZON; step++)
		text_add_format(json, "%s%.6f", step > 1 ? "," : "[", first + step / 128.0);
	text_add_char(json, ']');
}

static void write_forecast(struct text *json, double observed) {
	text_add_format(json,
		"{\"series\":\"d1/c\",\"issued\":1790000000,\"step\":60,\"horizon\":24,"
		"\"status\":\"ok\",\"seen\":5123,\"observed\":%.6f,\"mean\":",
		observed);
	write_steps(json, 4.2);
	text_add(json, SPAN(",\"quantiles\":{"));
	for (int q = 1; q <= 9; q++) {
		text_add_format(json, "%s\"0.%d\":", q > 1 ? "," : "", q);
		write_steps(json, 4 + q / 16.0);
	}
	text_add(json, SPAN("},\"anomaly\":0.3,\"skill\":0.41,\"model\":\"base-3\"}"));
}

static uint32_t series_of(uint64_t row) {
	return (uint32_t)(row % SERIES) + 1;
}

static int64_t time_of(uint64_t row) {
	return START_MS + (int64_t)(row / SERIES) * STEP_MS;
}

static void populate(const char *path, uint64_t readings, uint64_t forecasts) {
	struct store_options options = { .path = path, .create = true };
	struct journal journal = { 0 };
	struct text json = { 0 };
	struct store *store;

	check(store_open(&store, &options, NULL), "open");
	add_series(&journal);
	commit(store, &journal);
	for (uint64_t i = 0; i < readings; i++) {
		check(journal_reading(&journal, &(struct reading_row){ .series = series_of(i),
							.time_ms = time_of(i),
							.value = 20 + (double)(i % 977) / 100,
							.sequence = i + 1 }),
			"reading");
		if (i % BATCH == BATCH - 1) {
			journal_floor(&journal, i + 1);
			commit(store, &journal);
		}
	}
	/* Of the latest times, so that each has its observation. */
	for (uint64_t i = readings - forecasts; i < readings; i++) {
		text_reset(&json);
		write_forecast(&json, 20 + (double)(i % 977) / 100);
		check(journal_forecast(&journal, &(struct forecast_row){ .series = series_of(i),
							 .issued_ms = time_of(i),
							 .json = text_span(&json) }),
			"forecast");
		if (i % BATCH == BATCH - 1)
			commit(store, &journal);
	}
	commit(store, &journal);
	text_finish(&json);
	journal_finish(&journal);
	store_close(store);
}

static void measure(struct query *query, const char *sql) {
	double start = seconds();
	uint64_t count = 0;
	struct rows *rows;

	check(query_rows(query, sql, NULL, 0, &rows), sql);
	while (rows_next(rows) == 1)
		count++;
	rows_close(rows);
	printf("%9.2f ms %7llu rows  %s\n", (seconds() - start) * 1e3, (unsigned long long)count,
		sql);
	fflush(stdout);
}

int main(int argc, char **argv) {
	static const char *const questions[] = {
		"SELECT * FROM forecast_latest WHERE series='d500/c'",
		"SELECT * FROM forecast_latest WHERE lead=1",
		"SELECT * FROM forecast_latest",
		"SELECT * FROM forecast_history WHERE series='d500/c' LIMIT 24",
		"SELECT * FROM forecast_history WHERE series='d500/c'",
		"SELECT * FROM forecast_vs_actual WHERE series='d500/c'",
		"SELECT * FROM accuracy WHERE series='d500/c'",
		"SELECT * FROM accuracy",
		"SELECT * FROM series_health WHERE series='d500/c'",
		"SELECT * FROM series_health",
		"SELECT * FROM reading JOIN series ON id=series WHERE name='d500/c' LIMIT 1440",
	};
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	uint64_t readings = argc > 3 ? strtoull(argv[2], NULL, 10) : 1000000;
	uint64_t forecasts = argc > 3 ? strtoull(argv[3], NULL, 10) : 50000;
	char path[4096], name[4104];
	struct query *query;

	snprintf(path, sizeof(path), "%s/bench_query-%d.db", argc > 1 ? argv[1] : ".",
		(int)getpid());
	populate(path, readings, forecasts);
	check(query_open(&query, path), "open");
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		measure(query, questions[i]);
	query_close(query);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
	return 0;
}
