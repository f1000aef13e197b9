/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What becomes of the daemon when its disk fails: it goes on forecasting, says what is wrong and
 * since when, and has everything in the database once the disk is well again. */

#define CONFIG                                                                                     \
	"[store]\ndurability = full\n"                                                             \
	"[source plant]\ntopic = plant/{detector}/{channel}\nformat = json\nstep = 60s\n"          \
	"horizon = 4\n"

#define BEGIN 1700000040

static int minute;

static int start(void **state) {
	(void)state;
	scene_start(CONFIG);
	return 0;
}

static void publish_minute(void) {
	char text[64];

	snprintf(text, sizeof(text), "{\"time\":%d,\"value\":%d}", BEGIN + 60 * minute, minute % 7);
	publish_text(&peer, "plant/pump/pressure", text);
	minute++;
}

/* A reading, and its forecast over the wire. */
static void assert_it_forecasts(void) {
	publish_minute();
	json_t *forecast = await_json(&peer, "xlstm/forecast/pump/pressure");
	while (json_number_at(forecast, "seen") < minute) {
		json_decref(forecast);
		forecast = await_json(&peer, "xlstm/forecast/pump/pressure");
	}
	json_decref(forecast);
}

static void assert_all_is_stored(void) {
	char expected[64];

	snprintf(expected, sizeof(expected), "%d|%d", minute, minute);
	process_await_query(&process,
		"SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM forecast)", expected);
}

/* What the statistics say of trouble with the database, NULL if there is none. */
static const char *database_trouble(const json_t *stats) {
	const json_t *trouble = find_trouble(stats, "database");

	if (!trouble)
		return NULL;
	assert_true(json_number_at(trouble, "since") > 0);
	assert_true(json_number_at(trouble, "seconds") >= 0);
	return json_string_value(json_object_get(trouble, "what"));
}

/* Waits until the statistics tell of trouble with the database, of this kind; NULL: of none. */
static void await_trouble(const char *what) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	bool found = false;

	while (!found && now_ms() < deadline_ms) {
		json_t *stats = await_json(&peer, "xlstm/main/stats");
		const char *told = database_trouble(stats);

		found = what ? told && strcmp(told, what) == 0 : !told;
		json_decref(stats);
	}
	if (!found)
		fail_msg("the statistics never tell of %s", what ? what : "the end");
}

static void a_disk_that_fails_costs_nothing_once_it_is_well(void **state) {
	static const struct {
		const char *what;
		enum fault_call call;
		int error;
		const char *told;
	} faults[] = {
		{ "full", FAULT_WRITE, ENOSPC, "No space left on device" },
		{ "over its quota", FAULT_WRITE, EDQUOT, "No space left on device" },
		{ "failing at writes", FAULT_WRITE, EIO, "Input/output error" },
		{ "failing at fsync", FAULT_SYNC, EIO, "Input/output error" },
		{ "read-only from now", FAULT_WRITE, EROFS, "Input/output error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		print_message("a disk that is %s\n", faults[i].what);
		assert_it_forecasts();
		fault_arm(process.fault, faults[i].call, 1, FAULT_FOR_EVER, FAULT_ERROR,
			faults[i].error);
		assert_it_forecasts();
		await_trouble(faults[i].told);
		assert_it_forecasts();
		assert_true(
			process_query_number(&process, "SELECT count(*) FROM reading") < minute);
		fault_heal(process.fault);
		await_trouble(NULL);
		assert_all_is_stored();
	}
	assert_true(process_logged(&process, "trouble begins: database"));
	assert_true(process_logged(&process, "trouble is over after"));
}

static void each_write_or_sync_may_fail_once(void **state) {
	(void)state;
	for (unsigned n = 1; n <= 60; n += 13) {
		fault_arm(process.fault, FAULT_WRITE, n, 1, FAULT_ERROR, EIO);
		fault_arm(process.fault, FAULT_SYNC, n, 1, FAULT_ERROR, EIO);
		assert_it_forecasts();
		assert_it_forecasts();
		fault_heal(process.fault);
		assert_all_is_stored();
	}
	await_trouble(NULL);
	char *check = process_query(&process, "PRAGMA integrity_check");
	assert_string_equal(check, "ok");
	free(check);
}

static void a_slow_disk_holds_up_no_forecast(void **state) {
	(void)state;
	/* A commit makes eight writes and more. */
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_DELAY, 500);
	int64_t before_ms = now_ms();
	for (int i = 0; i < 5; i++)
		assert_it_forecasts();
	assert_true(now_ms() - before_ms < 5 * 8 * 500);
	fault_heal(process.fault);
	assert_all_is_stored();
	await_trouble(NULL);
}

static void a_stranger_who_locks_the_database_is_waited_for(void **state) {
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "sqlite3 %s >/dev/null",
		process_file(&process, "xlstmd.db"));
	FILE *stranger = popen(command, "we");
	assert_non_null(stranger);
	fputs(".timeout 10000\nBEGIN IMMEDIATE;\n", stranger);
	fflush(stranger);
	for (int i = 0; i < 3; i++)
		assert_it_forecasts();
	await_trouble("Device or resource busy");
	assert_it_forecasts();
	assert_int_equal(pclose(stranger), 0);
	await_trouble(NULL);
	assert_all_is_stored();
}

static void a_stop_with_a_disk_that_fails_is_a_failure_in_time(void **state) {
	(void)state;
	assert_it_forecasts();
	assert_all_is_stored();
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_ERROR, ENOSPC);
	assert_it_forecasts();
	await_trouble("No space left on device");
	process_signal(&process, SIGTERM);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 1);
	assert_true(process_logged(&process, "could not be committed"));
	fault_heal(process.fault);

	/* It waits in the inbox for the next start. */
	process_start(&process);
	assert_all_is_stored();
	process_stop(&process);
}

static void a_start_with_a_disk_that_fails_is_refused_and_tried_again_later(void **state) {
	(void)state;
	unlink(process_file(&process, "xlstmd.db"));
	unlink(process_file(&process, "xlstmd.db-wal"));
	unlink(process_file(&process, "xlstmd.db-shm"));
	unlink(process_file(&process, "xlstmd.db.inbox"));
	for (unsigned n = 1; n <= 20; n += 3) {
		fault_arm(process.fault, FAULT_WRITE, n, FAULT_FOR_EVER, FAULT_ERROR, ENOSPC);
		process_spawn(&process);
		int status = process_poll(&process, 500);
		if (status == PROCESS_RUNS)
			break;
		assert_int_equal(status, 1);
	}
	process_kill(&process);
	assert_true(process_logged(&process, "No space left on device"));
	fault_heal(process.fault);
	minute = 0;
	process_start(&process);
	await_subscribed(&peer);
	assert_it_forecasts();
	assert_all_is_stored();
}

static void damage_found_while_it_runs_ends_it_with_a_status_of_its_own(void **state) {
	(void)state;
	for (int i = 0; i < 300; i++)
		publish_minute();
	assert_all_is_stored();
	process_stop(&process);
	process_start(&process);
	await_subscribed(&peer);

	/* Everything but the first page, which was looked at when it started. */
	long size = (long)process_query_number(&process, "PRAGMA page_count") * 8192;
	FILE *file = fopen(process_file(&process, "xlstmd.db"), "r+e");
	assert_non_null(file);
	fseek(file, 8192, SEEK_SET);
	for (long at = 8192; at < size; at++)
		putc(0xff, file);
	assert_int_equal(fclose(file), 0);
	for (int i = 0; i < 100 && process_poll(&process, 50) == PROCESS_RUNS; i++)
		publish_minute();
	assert_int_equal(process.pid, 0);
	assert_true(process_logged(&process, "--set-aside"));
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 65);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_fails_costs_nothing_once_it_is_well),
		cmocka_unit_test(each_write_or_sync_may_fail_once),
		cmocka_unit_test(a_slow_disk_holds_up_no_forecast),
		cmocka_unit_test(a_stranger_who_locks_the_database_is_waited_for),
		cmocka_unit_test(a_stop_with_a_disk_that_fails_is_a_failure_in_time),
		cmocka_unit_test(a_start_with_a_disk_that_fails_is_refused_and_tried_again_later),
		cmocka_unit_test(damage_found_while_it_runs_ends_it_with_a_status_of_its_own),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
