/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DAY INT64_C(86400000)

/* Three days of hourly readings, forecasts and anomalies of six series. */
static struct store *make_history(const struct fixture *fixture) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	uint64_t sequence = 0;

	for (uint32_t id = 1; id <= 3; id++)
		fixture_add_pump(&journal, id);
	for (uint32_t series = 1; series <= 6; series++) {
		for (int64_t time = 0; time < 3 * DAY; time += DAY / 24) {
			fixture_add_reading(&journal, series, time, 1, ++sequence);
			fixture_add_forecast(&journal, series, time, 1);
			journal_anomaly(&journal,
				&(struct anomaly_row){ .series = series, .time_ms = time });
		}
	}
	for (int64_t time = 0; time < 3 * DAY; time += DAY / 24)
		journal_learning(&journal, &(struct learning_row){ .time_ms = time });
	fixture_commit(store, &journal);
	journal_finish(&journal);
	return store;
}

static const char counts[] = "SELECT (SELECT count(*) FROM reading)||' '||"
			     "(SELECT count(*) FROM forecast)||' '||"
			     "(SELECT count(*) FROM anomaly)||' '||(SELECT count(*) FROM learning)";

static void each_table_is_kept_for_its_own_time(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = make_history(fixture);
	struct store_retention retention = {
		.readings = 2 * DAY, .forecasts = DAY, .learning = DAY
	};

	assert_string_equal(fixture_ask(fixture, counts), "432 432 432 72");
	while (store_prune(store, &retention, 3 * DAY, 1000) == 1)
		;
	/* Kept: what is not older than the retention; anomalies for ever. */
	assert_string_equal(fixture_ask(fixture, counts), "288 144 432 24");
	assert_string_equal(fixture_ask(fixture, "SELECT min(time_ms) FROM reading"), "86400000");
	store_close(store);
}

static void pruning_is_bounded_per_call_and_comes_to_an_end(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = make_history(fixture);
	struct store_retention retention = { .readings = DAY, .anomalies = DAY };
	struct store_stats stats;
	uint64_t before = 0;
	int r = 1;

	for (int calls = 0; r == 1 && calls < 100; calls++) {
		r = store_prune(store, &retention, 3 * DAY, 10);
		store_stats(store, &stats);
		assert_true(stats.pruned - before <= 10);
		before = stats.pruned;
	}
	assert_int_equal(r, 0);
	assert_int_equal(stats.pruned, 6 * 48 * 2);
	assert_string_equal(fixture_ask(fixture, counts), "144 432 144 72");
	store_close(store);
}

static void the_log_stays_bounded_while_pruning(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 50000
	};
	struct store_retention retention = { .forecasts = 1 };
	struct store_stats stats;
	struct store *store;
	int r;

	store_close(make_history(fixture));
	assert_int_equal(store_open(&store, &options, NULL), 0);
	do {
		r = store_prune(store, &retention, 3 * DAY, 5);
		store_stats(store, &stats);
		assert_true(stats.wal_bytes < 200000);
	} while (r == 1);
	assert_int_equal(r, 0);
	assert_int_equal(stats.pruned, 432);
	store_close(store);
}

static void nothing_is_pruned_without_a_retention(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = make_history(fixture);

	assert_int_equal(store_prune(store, &(struct store_retention){ 0 }, 3 * DAY, 1000), 0);
	assert_string_equal(fixture_ask(fixture, counts), "432 432 432 72");
	store_close(store);
}

static void a_reader_that_stays_open_shows_in_the_held_log(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 100000
	};
	struct journal journal = { 0 };
	struct store_stats stats;
	struct store *store;
	struct query *query;
	struct rows *rows;

	assert_int_equal(store_open(&store, &options, NULL), 0);
	assert_int_equal(query_open(&query, fixture->path), 0);
	assert_int_equal(query_rows(query, "SELECT 1 FROM meta", NULL, 0, &rows), 0);
	assert_int_equal(rows_next(rows), 1);
	for (uint64_t i = 1; i <= 2000; i++) {
		fixture_add_reading(&journal, (uint32_t)i, 1, 1, i);
		if (i % 10 == 0)
			fixture_commit(store, &journal);
	}
	store_stats(store, &stats);
	assert_true(stats.wal_held_bytes > 300000);
	assert_true(stats.wal_bytes > 300000);

	rows_close(rows);
	assert_int_equal(store_checkpoint(store), 0);
	store_stats(store, &stats);
	assert_int_equal(stats.wal_held_bytes, 0);

	/* The log begins anew, and is cut back to the limit. */
	fixture_add_reading(&journal, 1, 2, 1, 2001);
	fixture_commit(store, &journal);
	store_stats(store, &stats);
	assert_true(stats.wal_bytes <= 100000);
	assert_true(stats.wal_held_bytes > 0 && stats.wal_held_bytes < 100000);
	query_close(query);
	journal_finish(&journal);
	store_close(store);
}

static void the_log_stays_bounded_without_readers(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 100000
	};
	struct journal journal = { 0 };
	struct store_stats stats;
	struct store *store;

	assert_int_equal(store_open(&store, &options, NULL), 0);
	for (uint64_t i = 1; i <= 5000; i++) {
		fixture_add_reading(&journal, (uint32_t)i, 1, 1, i);
		if (i % 10 == 0)
			fixture_commit(store, &journal);
	}
	store_stats(store, &stats);
	assert_true(stats.wal_bytes < 300000);
	assert_true(stats.checkpoints > 5);
	assert_int_equal(stats.commits, 500);
	assert_int_equal(stats.readings, 5000);
	journal_finish(&journal);
	store_close(store);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(each_table_is_kept_for_its_own_time),
		FIXTURE_TEST(pruning_is_bounded_per_call_and_comes_to_an_end),
		FIXTURE_TEST(the_log_stays_bounded_while_pruning),
		FIXTURE_TEST(nothing_is_pruned_without_a_retention),
		FIXTURE_TEST(a_reader_that_stays_open_shows_in_the_held_log),
		FIXTURE_TEST(the_log_stays_bounded_without_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
