/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* The daemon of today and a database that the first version made (version1.sql): thirty minutes of
 * readings m%7 from BEGIN on, a forecast of each, a score, and a state that nobody can read any more. */
#define BEGIN   1700000040
#define MINUTES 30

static int start(void **state) {
	char command[512];

	(void)state;
	scene_open("[source plant]\ntopic = plant/{detector}/{channel}\nformat = json\nstep = 60s\n"
		   "horizon = 2\n");
	snprintf(command, sizeof(command), "sqlite3 %s < %s >/dev/null",
		process_file(&process, "xlstmd.db"), VERSION1_SQL);
	return system(command);
}

static void assert_query(const char *sql, const char *expected) {
	char *found = process_query(&process, sql);

	assert_string_equal(found, expected);
	free(found);
}

static void what_the_first_version_stored_is_there_and_is_gone_on_from(void **state) {
	char text[64];

	(void)state;
	assert_query("SELECT value FROM meta WHERE key='schema_version'", "1");
	process_start(&process);
	assert_query("SELECT value FROM meta WHERE key='schema_version'", "6");
	assert_query("SELECT count(*), sum(value=(time_ms-1700000040000)/60000%7) FROM reading",
		"30|30");
	assert_query("SELECT count(*), min(issued_ms), max(issued_ms) FROM forecast",
		"30|1700000040000|1700001780000");
	assert_query("SELECT series, lead, n, mae, skill_seasonal IS NULL FROM accuracy",
		"pump/pressure|1|20|0.5|1");
	assert_query("SELECT count(*) FROM neighbours", "0");

	peer_subscribe(&peer, "xlstm/#", 1);
	await_subscribed(&peer);
	snprintf(text, sizeof(text), "{\"time\":%d,\"value\":2}", BEGIN + 60 * MINUTES);
	publish_text(&peer, "plant/pump/pressure", text);
	json_t *forecast = await_json(&peer, "xlstm/forecast/pump/pressure");
	assert_true(json_number_at(forecast, "seen") == MINUTES + 1);
	json_decref(forecast);
	process_await_query(&process, "SELECT count(*) FROM reading", "31");
	process_stop(&process);
	assert_query("SELECT layout>>32>1, count(*) FROM state", "1|1");
}

static void its_state_is_refused_by_name_and_rebuilt_from_readings(void **state) {
	(void)state;
	process_start(&process);
	assert_true(
		process_logged(&process, "pump: its state can't be used (belongs to a different "
					 "model or layout) and is rebuilt from readings"));
	assert_true(process_logged(
		&process, "database: 1 detectors, 0 states, 1 rebuilt, 30 readings replayed"));
	process_stop(&process);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, scene_close)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(what_the_first_version_stored_is_there_and_is_gone_on_from),
		TEST(its_state_is_refused_by_name_and_rebuilt_from_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
