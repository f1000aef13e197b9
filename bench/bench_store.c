/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How fast does the store take what the daemon gives it? Readings of many series and forecasts of
 * 24 steps in transactions of different sizes, states, and the recovery of what was written.
 *
 *   bench_store [FOLDER]      where the database lies meanwhile; the current folder
 */
#include "num.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SERIES   1000
#define HORIZON  24
#define STEP_MS  60000
#define START_MS INT64_C(1790000000000)

static double seconds(clockid_t clock) {
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(int r, const char *what) {
	if (r == 0)
		return;
	fprintf(stderr, "bench_store: %s: %d\n", what, r);
	exit(1);
}

struct bench {
	char path[4096];
	struct store *store;
	struct journal journal;
	uint64_t sequence;
};

static void close_and_remove(struct bench *bench) {
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char name[sizeof(bench->path) + 8];

	store_close(bench->store);
	bench->store = NULL;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", bench->path, suffixes[i]);
		unlink(name);
	}
}

static void open_fresh(struct bench *bench) {
	close_and_remove(bench);
	bench->sequence = 0;

	struct store_options options = { .path = bench->path, .create = true };
	check(store_open(&bench->store, &options, NULL), "open");
	for (uint32_t i = 1; i <= SERIES; i++) {
		char name_text[32];

		snprintf(name_text, sizeof(name_text), "d%u/c", i);
		struct span name_span = span_text(name_text);
		struct detector_row detector = { .id = i,
			.name = span_of(name_text, name_span.length - 2),
			.step_ms = STEP_MS };
		struct series_row series = {
			.id = i, .detector = i, .channel = SPAN("c"), .name = name_span
		};
		check(journal_detector(&bench->journal, &detector), "detector");
		check(journal_series(&bench->journal, &series), "series");
	}
	check(store_commit(bench->store, &bench->journal), "commit");
	journal_reset(&bench->journal);
}

static void add_readings(struct bench *bench, int count) {
	for (int i = 0; i < count; i++, bench->sequence++) {
		struct reading_row row = { .series = (uint32_t)(bench->sequence % SERIES) + 1,
			.time_ms = START_MS + (int64_t)(bench->sequence / SERIES) * STEP_MS,
			.value = 20 + (double)(bench->sequence % 977) / 100,
			.sequence = bench->sequence + 1 };

		check(journal_reading(&bench->journal, &row), "reading");
	}
}

static void write_numbers(struct text *json, double first) {
	for (int i = 0; i < HORIZON; i++) {
		if (i > 0)
			text_add_char(json, ',');
		text_add_json_number(json, first + (double)(i * 37 % 101) / 128);
	}
}

/* A forecast as it is published: 24 means and 24 times 9 quantiles. */
static void write_forecast(struct text *json) {
	text_reset(json);
	text_add(json, SPAN("{\"series\":\"d1/c\",\"issued\":1790000000,\"step\":60,"
			    "\"horizon\":24,\"status\":\"ok\",\"seen\":5123,\"observed\":4.21,"
			    "\"mean\":["));
	write_numbers(json, 4.2);
	text_add(json, SPAN("],\"quantiles\":{"));
	for (int q = 1; q <= 9; q++) {
		text_add_format(json, "%s\"0.%d\":[", q > 1 ? "," : "", q);
		write_numbers(json, 4.2 + q / 16.0);
		text_add_char(json, ']');
	}
	text_add(json, SPAN("},\"anomaly\":0.3,\"skill\":0.41,\"model\":\"base-3\"}"));
}

static void add_forecasts(struct bench *bench, int count, struct span json) {
	for (int i = 0; i < count; i++, bench->sequence++) {
		struct forecast_row row = { .series = (uint32_t)(bench->sequence % SERIES) + 1,
			.issued_ms = START_MS + (int64_t)(bench->sequence / SERIES) * STEP_MS,
			.json = json };

		check(journal_forecast(&bench->journal, &row), "forecast");
	}
}

static void add_states(struct bench *bench, int count, size_t size) {
	for (int i = 0; i < count; i++, bench->sequence++) {
		struct state_row row = { .detector = (uint32_t)(bench->sequence % SERIES) + 1,
			.sequence = bench->sequence,
			.saved_ms = START_MS,
			.bytes = { NULL, size } };
		void *bytes;

		check(journal_state(&bench->journal, &row, &bytes), "state");
		memset(bytes, (int)bench->sequence, size);
	}
}

enum what {
	READINGS,
	FORECASTS,
	STATES,
};

/* Readings that wait for a state to contain them. */
#define WAITING 20000

/* Readings of each series that are there already, so that each series has pages of its own. */
#define OLD_READINGS 2000

#define STATE_BYTES 12288

static void add_rows(struct bench *bench, enum what what, int count, struct span json) {
	switch (what) {
	case READINGS:
		add_readings(bench, count);
		journal_floor(&bench->journal, bench->sequence - WAITING);
		break;
	case FORECASTS: add_forecasts(bench, count, json); break;
	case STATES: add_states(bench, count, STATE_BYTES); break;
	}
}

static void fill(struct bench *bench) {
	add_readings(bench, OLD_READINGS * SERIES);
	journal_floor(&bench->journal, bench->sequence);
	check(store_commit(bench->store, &bench->journal), "fill");
	journal_reset(&bench->journal);
}

/* Writes `total` rows in transactions of `batch` and prints a line. */
static void measure(struct bench *bench, enum what what, int total, int batch) {
	static const char *const names[] = { "readings", "forecasts", "states" };
	struct text json = { 0 };
	struct store_stats stats;

	write_forecast(&json);
	open_fresh(bench);
	if (what == READINGS)
		fill(bench);

	double wall = 0, cpu = 0;
	for (int done = 0; done < total; done += batch) {
		add_rows(bench, what, batch, text_span(&json));

		double wall_start = seconds(CLOCK_MONOTONIC);
		double cpu_start = seconds(CLOCK_THREAD_CPUTIME_ID);
		check(store_commit(bench->store, &bench->journal), store_message(bench->store));
		wall += seconds(CLOCK_MONOTONIC) - wall_start;
		cpu += seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
		journal_reset(&bench->journal);
	}
	check(store_checkpoint(bench->store), "checkpoint");
	store_stats(bench->store, &stats);
	printf("%-9s in batches of %5d: %7.0f a second, %5.2f us CPU each, %5.0f bytes each\n",
		names[what], batch, total / wall, cpu / total * 1e6,
		(double)stats.database_bytes / (double)bench->sequence);
	fflush(stdout);
	text_finish(&json);
}

static int count_reading(void *user, const struct reading_row *row) {
	(void)row;
	++*(uint64_t *)user;
	return 0;
}

static void measure_recovery(struct bench *bench) {
	uint64_t count = 0;
	double start = seconds(CLOCK_MONOTONIC);

	check(store_each_waiting(bench->store, 0, count_reading, NULL, &count), "recovery");
	printf("recovery: %.0f waiting readings a second\n",
		(double)count / (seconds(CLOCK_MONOTONIC) - start));
}

int main(int argc, char **argv) {
	struct bench bench = { 0 };

	snprintf(bench.path, sizeof(bench.path), "%s/bench_store-%d.db", argc > 1 ? argv[1] : ".",
		(int)getpid());
	measure(&bench, READINGS, 20000, 100);
	measure(&bench, READINGS, 50000, 1000);
	measure(&bench, READINGS, 250000, 10000);
	measure_recovery(&bench);
	measure(&bench, FORECASTS, 20000, 100);
	measure(&bench, FORECASTS, 50000, 1000);
	measure(&bench, STATES, 2000, 100);

	close_and_remove(&bench);
	journal_finish(&bench.journal);
	return 0;
}
