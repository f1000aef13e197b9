/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* 2026-09-21T14:13:20Z, and minutes after it. */
#define START     INT64_C(1790000000000)
#define MINUTE(n) (START + (n)*INT64_C(60000))

/* pump7/pressure (series 13) with three forecasts and readings for each, pump8 beside it. */
static void populate(const struct fixture *fixture) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 7);
	fixture_add_pump(&journal, 8);
	for (int i = 0; i < 3; i++) {
		fixture_add_reading(&journal, 13, MINUTE(i), 4.0 + i, (uint64_t)i + 1);
		fixture_add_forecast(&journal, 13, MINUTE(i), 4.0 + i);
	}
	fixture_add_forecast(&journal, 15, MINUTE(5), 100);
	journal_anomaly(
		&journal, &(struct anomaly_row){
				  .series = 13, .time_ms = MINUTE(1), .value = 5, .score = 2 });
	journal_score(&journal, &(struct score_row){ .series = 13,
					.lead = 1,
					.n = 40,
					.mae = 0.5,
					.rmse = 0.7,
					.bias = -0.1,
					.skill = NAN,
					.skill_seasonal = 0.25,
					.coverage80 = 0.8,
					.mase = 0.9,
					.pinball = 0.2,
					.updated_ms = MINUTE(2) });
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
}

static void latest_has_a_row_per_step_with_readable_times(void **state) {
	const struct fixture *fixture = *state;
	int status;

	populate(fixture);
	const char *output = fixture_shell(&status,
		"sqlite3 -readonly -header '%s' \"SELECT series, issued, lead, time, mean, q10, "
		"q50,"
		" q90, unit, status, model, time_ms FROM forecast_latest"
		" WHERE series='pump7/pressure'\"",
		fixture->path);
	assert_int_equal(status, 0);
	assert_string_equal(output,
		"series|issued|lead|time|mean|q10|q50|q90|unit|status|model|time_ms\n"
		"pump7/pressure|2026-09-21 14:15:20|1|2026-09-21 14:16:20|7|6.6|7|7.4|bar|ok|"
		"base-3|1790000180000\n"
		"pump7/pressure|2026-09-21 14:15:20|2|2026-09-21 14:17:20|8|7.6|8|8.4|bar|ok|"
		"base-3|1790000240000\n"
		"pump7/pressure|2026-09-21 14:15:20|3|2026-09-21 14:18:20|9|8.6|9|9.4|bar|ok|"
		"base-3|1790000300000");
}

static void quantile_columns_go_from_ten_to_ninety(void **state) {
	const struct fixture *fixture = *state;

	populate(fixture);
	assert_string_equal(fixture_ask(fixture, "SELECT q10||' '||q20||' '||q30||' '||q40||' "
						 "'||q50||' '||q60||' '||q70||' '||"
						 "q80||' '||q90 FROM forecast_latest WHERE "
						 "series='pump8/pressure' AND lead=1"),
		"100.6 100.7 100.8 100.9 101 101.1 101.2 101.3 101.4");
}

static void history_holds_every_issue(void **state) {
	const struct fixture *fixture = *state;

	populate(fixture);
	assert_string_equal(
		fixture_ask(fixture,
			"SELECT count(*)||' '||count(DISTINCT issued_ms) FROM forecast_history"
			" WHERE series='pump7/pressure'"),
		"9 3");
}

static void fractions_of_a_second_are_shown_where_there_are_some(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_forecast(&journal, 1, START + 250, 1);
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	assert_string_equal(fixture_ask(fixture, "SELECT issued FROM forecast_latest"),
		"2026-09-21 14:13:20.250");
}

static void actual_is_what_the_later_forecast_observed(void **state) {
	const struct fixture *fixture = *state;

	populate(fixture);
	/* Issued at minute 0 with 4: means 5, 6, 7; observed later 5 and 6; the third is not due. */
	assert_string_equal(
		fixture_ask(fixture,
			"SELECT "
			"group_concat(lead||':'||mean||':'||actual||':'||error||':'||inside80,' ')"
			" FROM forecast_vs_actual WHERE series='pump7/pressure' AND "
			"issued_ms=1790000000000"),
		"1:5:5:0:1 2:6:6:0:1");
}

static void actual_is_that_of_the_tick_nearest_to_the_target(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_forecast(&journal, 1, START, 4);
	/* Within half a step of the first target, none near the second, two near the third. */
	fixture_add_forecast(&journal, 1, MINUTE(1) - 29000, 4.5);
	fixture_add_forecast(&journal, 1, MINUTE(3) - 5000, 8);
	fixture_add_forecast(&journal, 1, MINUTE(3) + 20000, 9);
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	assert_string_equal(
		fixture_ask(fixture, "SELECT group_concat(lead||':'||actual||':'||inside80,' ')"
				     " FROM forecast_vs_actual WHERE issued_ms=1790000000000"),
		"1:4.5:0 3:8:0");
}

static void a_period_without_observation_has_no_actual(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_forecast(&journal, 1, START, 4);
	journal_forecast(
		&journal, &(struct forecast_row){ .series = 1,
				  .issued_ms = MINUTE(1),
				  .json = SPAN("{\"step\":60,\"observed\":null,\"mean\":[1]}") });
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM forecast_vs_actual"), "0");
}

static void accuracy_names_series_and_leaves_unknown_figures_null(void **state) {
	const struct fixture *fixture = *state;
	int status;

	populate(fixture);
	assert_string_equal(
		fixture_shell(&status,
			"sqlite3 -readonly -nullvalue - '%s' \"SELECT * FROM accuracy\"",
			fixture->path),
		"pump7/pressure|1|40|0.5|0.7|-0.1|-|0.25|0.8|0.9|0.2|bar|2026-09-21 14:15:20|"
		"1790000120000");
}

static void health_tells_stale_from_empty(void **state) {
	const struct fixture *fixture = *state;
	int status;

	populate(fixture);
	assert_string_equal(fixture_shell(&status,
				    "sqlite3 -readonly '%s' \"SELECT series, status, last_value,"
				    " last_reading FROM series_health ORDER BY series\"",
				    fixture->path),
		"pump7/flow|empty||\n"
		"pump7/pressure|stale|6.0|2026-09-21 14:15:20\n"
		"pump8/flow|empty||\n"
		"pump8/pressure|stale|100|2026-09-21 14:18:20");
}

static void health_of_a_series_that_reports_is_that_of_its_forecast(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	int64_t now = atoll(fixture_shell(&(int){ 0 }, "date +%%s")) * 1000;

	fixture_add_pump(&journal, 1);
	fixture_add_reading(&journal, 1, now - 90000, 7, 1);
	fixture_add_forecast(&journal, 1, now - 90000, 7);
	journal_anomaly(&journal, &(struct anomaly_row){ .series = 1, .time_ms = now - 90000 });
	journal_anomaly(&journal, &(struct anomaly_row){ .series = 1, .time_ms = now - 90000000 });
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	assert_string_equal(
		fixture_ask(fixture,
			"SELECT status||' '||(silent_s BETWEEN 89 AND 120)||' '||skill||' '||"
			"anomalies_24h FROM series_health WHERE series='pump1/pressure'"),
		"ok 1 0.41 1");
}

/* Every table that a plan scans whole may only be a small one. */
static void questions_about_one_series_scan_no_table(void **state) {
	static const char *const questions[] = {
		"SELECT * FROM forecast_latest WHERE series='pump7/pressure'",
		"SELECT * FROM forecast_history WHERE series='pump7/pressure'",
		"SELECT * FROM forecast_history WHERE series='pump7/pressure' AND issued_ms>5",
		"SELECT * FROM forecast_vs_actual WHERE series='pump7/pressure'",
		"SELECT * FROM forecast_vs_actual WHERE series='pump7/pressure' AND issued_ms>5",
		"SELECT * FROM accuracy WHERE series='pump7/pressure'",
		"SELECT * FROM series_health WHERE series='pump7/pressure'",
		"SELECT * FROM reading JOIN series ON id=series WHERE name='x' AND time_ms>5",
		"SELECT * FROM anomaly a JOIN series s ON s.id=a.series WHERE s.name='x'",
	};
	const struct fixture *fixture = *state;
	int status;

	populate(fixture);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		const char *plan = fixture_shell(&status,
			"sqlite3 -readonly '%s' \"EXPLAIN QUERY PLAN %s\" 2>&1 |"
			" grep -E 'SCAN|AUTOMATIC|MATERIALIZE|rror' | grep -v 'SCAN m VIRTUAL "
			"TABLE'",
			fixture->path, questions[i]);
		if (plan[0])
			fail_msg("%s: %s", questions[i], plan);
	}
}

static void the_latest_of_all_series_needs_one_search_each(void **state) {
	const struct fixture *fixture = *state;
	int status;

	populate(fixture);
	assert_string_equal(fixture_shell(&status,
				    "sqlite3 -readonly '%s' 'EXPLAIN QUERY PLAN"
				    " SELECT * FROM forecast_latest' |"
				    " grep SCAN | grep -v 'SCAN m VIRTUAL TABLE' | tr -dc A-Za-z",
				    fixture->path),
		"SCANs");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(latest_has_a_row_per_step_with_readable_times),
		FIXTURE_TEST(quantile_columns_go_from_ten_to_ninety),
		FIXTURE_TEST(history_holds_every_issue),
		FIXTURE_TEST(fractions_of_a_second_are_shown_where_there_are_some),
		FIXTURE_TEST(actual_is_what_the_later_forecast_observed),
		FIXTURE_TEST(actual_is_that_of_the_tick_nearest_to_the_target),
		FIXTURE_TEST(a_period_without_observation_has_no_actual),
		FIXTURE_TEST(accuracy_names_series_and_leaves_unknown_figures_null),
		FIXTURE_TEST(health_tells_stale_from_empty),
		FIXTURE_TEST(health_of_a_series_that_reports_is_that_of_its_forecast),
		FIXTURE_TEST(questions_about_one_series_scan_no_table),
		FIXTURE_TEST(the_latest_of_all_series_needs_one_search_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
