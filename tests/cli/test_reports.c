/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The verbs that read the database, as real processes on a database like a daemon's:
 *
 *   test_reports XLSTMCTL POPULATE_STORE
 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *xlstmctl, *populate_store;

/* 2026-09-21T14:13:20Z: long ago for every series' health. */
#define NOW "1790000000"

static int setup(void **state) {
	int status = fixture_setup(state);

	if (status != 0)
		return status;
	const struct fixture *fixture = *state;
	fixture_shell(&status, "'%s' '%s' " NOW, populate_store, fixture->path);
	return status;
}

/* What the verb prints, errors included. */
static const char *ask(const struct fixture *fixture, const char *verb, int expected_status) {
	int status;
	const char *output = fixture_shell(
		&status, "'%s' %s --database '%s' 2>&1", xlstmctl, verb, fixture->path);

	if (status != expected_status)
		fail_msg("%s: exit status %d: %s", verb, status, output);
	return output;
}

static void assert_contains(const char *text, const char *part) {
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

/* Asks a question about JSON with the sqlite3 shell, which reads it from a file. */
static const char *ask_json(
	const struct fixture *fixture, const char *verb, const char *expression) {
	int status;
	const char *output = fixture_shell(&status,
		"'%s' %s --json --database '%s' >'%s/json' && sqlite3 :memory:"
		" \"SELECT %s FROM (SELECT CAST(readfile('%s/json') AS TEXT) AS j)\" 2>&1",
		xlstmctl, verb, fixture->path, fixture->folder, expression, fixture->folder);

	if (status != 0)
		fail_msg("%s: %s", verb, output);
	return output;
}

static void forecast_prints_a_row_per_step(void **state) {
	const char *output = ask(*state, "forecast pump7/pressure", 0);

	assert_contains(output, "pump7/pressure, forecast of 2026-09-21 14:13:20 UTC, status ok, "
				"model base-3, in bar\n");
	assert_contains(output, "\n2026-09-21 14:14:20 ");
	assert_contains(output, "\n2026-09-21 14:37:20 ");
	assert_null(strstr(output, "14:38:20"));
}

static void forecast_as_json_is_what_was_published(void **state) {
	const struct fixture *fixture = *state;
	char published[4096];

	snprintf(published, sizeof(published), "%s",
		fixture_ask(fixture, "SELECT json FROM forecast WHERE series=1 ORDER BY issued_ms "
				     "DESC LIMIT 1"));
	assert_string_equal(ask(fixture, "forecast --json pump7/pressure", 0), published);
}

static void a_series_without_forecast_is_a_failure_that_says_where_to_look(void **state) {
	assert_string_equal(ask(*state, "forecast pump7/presure", 1),
		"xlstmctl: no forecast of \"pump7/presure\"; see xlstmctl series");
}

static void series_are_listed_and_chosen_by_pattern(void **state) {
	const struct fixture *fixture = *state;

	assert_string_equal(ask_json(fixture, "series", "json_array_length(j)"), "6");
	assert_string_equal(ask_json(fixture, "series 'pump8/*'",
				    "j->>'$[0].series'||' '||(j->>'$[1].series')||' '||"
				    "(j->>'$[0].status')||' '||(j->>'$[0].last_reading')"),
		"pump8/flow pump8/pressure stale 2026-09-21 14:13:20");
	assert_string_equal(ask(fixture, "series nope", 1), "xlstmctl: no such series");
}

static void accuracy_of_one_series_has_a_row_per_lead(void **state) {
	const struct fixture *fixture = *state;

	assert_string_equal(ask_json(fixture, "accuracy pump7/flow",
				    "json_array_length(j)||' '||(j->>'$[23].lead')||' '||"
				    "(j->>'$[23].mae')"),
		"24 24 0.24");
	assert_string_equal(
		ask_json(fixture, "accuracy pump7/flow --lead 3",
			"json_array_length(j)||' '||(j->>'$[0].lead')||' '||(j->>'$[0].n')"),
		"1 3 117");
}

static void accuracy_of_all_series_is_weighted_by_what_was_scored(void **state) {
	const struct fixture *fixture = *state;

	/* n is 120 - lead, mae 0.01 lead: sum n*mae / sum n over leads 1 to 24. */
	double n = 0, sum = 0;
	for (int lead = 1; lead <= 24; lead++) {
		n += 120 - lead;
		sum += (120 - lead) * 0.01 * lead;
	}
	char expected[64];
	snprintf(expected, sizeof(expected), "6 24 %.0f %.9f", n, sum / n);
	assert_string_equal(
		ask_json(fixture, "accuracy",
			"printf('%d %d %d %.9f', json_array_length(j), j->>'$[0].leads',"
			" j->>'$[0].n', j->>'$[0].mae')"),
		expected);
}

static void neighbours_are_told_both_ways(void **state) {
	const struct fixture *fixture = *state;

	assert_string_equal(
		ask_json(fixture, "neighbours pump7",
			"(SELECT group_concat(value->>'series'||' '||(value->>'way')||' '||"
			"(value->>'neighbour')||' '||coalesce(value->>'gain','-'),', ')"
			" FROM json_each(j))"),
		"pump7/flow sees pump7/pressure 0.25, pump7/flow is seen by pump7/pressure -, "
		"pump7/pressure sees pump7/flow -, pump7/pressure is seen by pump7/flow 0.25");
	assert_string_equal(ask_json(fixture, "neighbours pump7/flow",
				    "json_array_length(j)||' '||(j->>'$[0].correlation')"),
		"2 0.9");
	assert_string_equal(
		ask_json(fixture, "neighbours", "j->>'$[0].series'||' '||(j->>'$[0].gain')"),
		"pump7/flow 0.25");
	assert_string_equal(
		ask(fixture, "neighbours pump9", 1), "xlstmctl: no series sees another one yet");
}

static void learning_tells_what_became_of_each_step(void **state) {
	const struct fixture *fixture = *state;

	assert_string_equal(ask_json(fixture, "learning",
				    "json_array_length(j)||' '||(j->>'$[0].result')||' '||"
				    "(j->>'$[0].reason')||' '||(j->>'$[0].seconds')"),
		"1 adopted better on 5 of 6 series 2.5");
	assert_contains(ask(fixture, "learning", 0), "312 windows of 6 series");
}

static void status_tells_that_no_daemon_runs(void **state) {
	const char *output = ask(*state, "status", 0);

	assert_contains(output, "daemon              not running\n");
	assert_contains(output, "series              6\n");
	assert_contains(output, "series stale        6\n");
	assert_contains(output, "last reading        2026-09-21 14:13:20\n");
	assert_contains(output, "readings per s      12.5\n");
	assert_contains(output, "readings refused    5\n");
	assert_contains(output, "broker              connected\n");
}

static void status_names_the_process_that_writes(void **state) {
	const struct fixture *fixture = *state;
	int status;

	/* The writer ends when its standard input, the pause, does. */
	const char *output = fixture_shell(&status,
		"sleep 2 | '%s' '%s' " NOW " hold >'%s/ready' & "
		"until grep -q ready '%s/ready'; do sleep 0.01; done; "
		"'%s' status --json --database '%s'; wait",
		populate_store, fixture->path, fixture->folder, fixture->folder, xlstmctl,
		fixture->path);
	assert_int_equal(status, 0);
	assert_contains(output, "\"daemon\":\"running\",\n \"process\":");
	assert_null(strstr(output, "\"process\":null"));
	assert_contains(output, "\"stats\":{\"uptime\":100,");
}

static void each_verb_explains_itself(void **state) {
	static const char *const verbs[] = { "status", "series", "forecast", "accuracy",
		"neighbours", "learning" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char verb[64], usage[64];

		snprintf(verb, sizeof(verb), "%s --help", verbs[i]);
		snprintf(usage, sizeof(usage), "Usage: xlstmctl %s [OPTION...]", verbs[i]);
		const char *output = ask(*state, verb, 0);
		assert_contains(output, usage);
		assert_contains(output, "--database PATH");
		assert_contains(output, "--json");
		assert_contains(ask(*state, "--help", 0), verbs[i]);
	}
}

static void wrong_usage_has_an_exit_status_of_its_own(void **state) {
	static const char *const wrong[] = { "", "frobnicate", "forecast", "forecast a b",
		"status now", "status --frobnicate", "accuracy --lead", "accuracy --lead 0",
		"accuracy --lead x", "learning --limit -1", "series --limit 3" };
	const struct fixture *fixture = *state;
	int status;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *output =
			fixture_shell(&status, "'%s' %s 2>&1 >/dev/null", xlstmctl, wrong[i]);
		if (status != 2 || !output[0])
			fail_msg("\"%s\": exit status %d: %s", wrong[i], status, output);
	}
	(void)fixture;
}

static void a_missing_or_foreign_database_is_a_failure_that_is_named(void **state) {
	const struct fixture *fixture = *state;
	int status;
	const char *output = fixture_shell(
		&status, "'%s' status --database '%s/none.db' 2>&1", xlstmctl, fixture->folder);

	assert_int_equal(status, 1);
	assert_contains(output, "none.db: No such file or directory");
	fixture_shell(&status, "sqlite3 '%s/other.db' 'CREATE TABLE a(b)'", fixture->folder);
	output = fixture_shell(
		&status, "'%s' status --database '%s/other.db' 2>&1", xlstmctl, fixture->folder);
	assert_int_equal(status, 1);
	assert_contains(output, "other.db: written by a version that this one does not know");
}

static void output_that_does_not_arrive_is_a_failure(void **state) {
	const struct fixture *fixture = *state;
	int status;

	fixture_shell(&status, "'%s' series --database '%s' >/dev/full 2>/dev/null", xlstmctl,
		fixture->path);
	assert_int_equal(status, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		TEST(forecast_prints_a_row_per_step),
		TEST(forecast_as_json_is_what_was_published),
		TEST(a_series_without_forecast_is_a_failure_that_says_where_to_look),
		TEST(series_are_listed_and_chosen_by_pattern),
		TEST(accuracy_of_one_series_has_a_row_per_lead),
		TEST(accuracy_of_all_series_is_weighted_by_what_was_scored),
		TEST(neighbours_are_told_both_ways),
		TEST(learning_tells_what_became_of_each_step),
		TEST(status_tells_that_no_daemon_runs),
		TEST(status_names_the_process_that_writes),
		TEST(each_verb_explains_itself),
		TEST(wrong_usage_has_an_exit_status_of_its_own),
		TEST(a_missing_or_foreign_database_is_a_failure_that_is_named),
		TEST(output_that_does_not_arrive_is_a_failure),
	};

	if (argc < 3)
		return 2;
	xlstmctl = argv[1];
	populate_store = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
