/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* What a service manager and an administrator see of the daemon. */

#define CONFIG "[source plant]\ntopic = plant/{detector}/{channel}\nstep = 60s\nhorizon = 4\n"

/* What a stop may take on a machine of its own; sanitizers are not what anybody runs a plant with. */
#define STOP_MS 5000

/* The same where every core has several takers. */
static double stop_limit_ms(void) {
	double load = 0, cores = (double)sysconf(_SC_NPROCESSORS_ONLN);

	if (SANITIZED || getloadavg(&load, 1) != 1)
		return PATIENCE_MS;
	return load > cores ? STOP_MS * load / cores : STOP_MS;
}

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	peer_subscribe(&peer, "xlstm/#", 1);
	return 0;
}

static int64_t monotonic(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void it_tells_its_life_to_the_service_manager(void **state) {
	(void)state;
	setenv("WATCHDOG_USEC", "400000", 1);
	process_spawn(&process);
	unsetenv("WATCHDOG_USEC");
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
	assert_true(process_await(&process, "WATCHDOG=1", PATIENCE_MS));
	assert_true(process_await(&process, "WATCHDOG=1", PATIENCE_MS));
	assert_true(process_await(&process, "broker connected", PATIENCE_MS));
	process_signal(&process, SIGHUP);
	assert_true(process_await(&process, "RELOADING=1", PATIENCE_MS));
	assert_true(process_await(&process, "MONOTONIC_USEC=", PATIENCE_MS));
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
	process_signal(&process, SIGTERM);
	assert_true(process_await(&process, "STOPPING=1", PATIENCE_MS));
	assert_int_equal(process_wait(&process, PATIENCE_MS), 0);
}

static void a_stop_takes_less_than_five_seconds_under_load(void **state) {
	char topic[64];

	(void)state;
	process_start(&process);
	await_subscribed(&peer);
	for (int i = 0; i < 2000; i++) {
		snprintf(topic, sizeof(topic), "plant/load%d/value", i % 500);
		peer_publish(&peer, topic, "1.5", 3, 0, false);
	}
	int64_t before = monotonic();
	process_stop(&process);
	assert_true((double)(monotonic() - before) < stop_limit_ms());
	assert_true(process_query_number(&process, "SELECT count(*) FROM reading") > 0);
}

static void a_second_signal_ends_it_at_once(void **state) {
	(void)state;
	process_start(&process);
	/* Both at once: whichever moment the first one finds it at. */
	process_signal(&process, SIGSTOP);
	process_signal(&process, SIGTERM);
	process_signal(&process, SIGINT);
	process_signal(&process, SIGCONT);
	int status = process_wait(&process, PATIENCE_MS);
	assert_true(status == 0 || status == -SIGINT || status == -SIGTERM);
	process_start(&process);
	process_stop(&process);
}

static void a_second_daemon_on_the_same_database_is_refused(void **state) {
	char holder[64];

	(void)state;
	process_start(&process);
	snprintf(holder, sizeof(holder), "in use by process %d", (int)process.pid);
	pid_t first = process.pid;
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 75);
	process.pid = first;
	assert_true(process_logged(&process, holder));

	/* The first one does not mind. */
	await_subscribed(&peer);
	process_stop(&process);
}

static void a_wrong_configuration_starts_nothing(void **state) {
	(void)state;
	unlink(process_file(&process, "xlstmd.db"));
	process_configure(&process, &broker, "stats_intervall = 1s\n[source x]\nqos = 9\n");
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 78);
	assert_true(process_logged(
		&process, "unknown key stats_intervall in [daemon]; did you mean stats_interval?"));
	assert_true(process_logged(&process, "qos: found \"9\""));
	assert_true(process_logged(&process, "[source x]: topic: expected one"));
	assert_int_equal(access(process_file(&process, "xlstmd.db"), F_OK), -1);
	process_configure(&process, &broker, CONFIG);
}

static void a_reload_changes_what_may_change(void **state) {
	(void)state;
	process_start(&process);
	process_configure(&process, &broker,
		"log = debug\ninstance = other\nchanges = on\n" CONFIG
		"[source new]\ntopic = new/{detector}/{channel}\n");
	process_signal(&process, SIGHUP);
	assert_true(process_await(&process, "RELOADING=1", PATIENCE_MS));
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
	assert_true(process_logged(&process, "[daemon] instance"));

	await_subscribed(&peer);
	publish_text(&peer, "xlstm/main/request/flush", "");
	json_t *answer = await_json(&peer, "xlstm/main/response/flush");
	assert_string_equal(json_string_value(json_object_get(answer, "status")), "ok");
	json_decref(answer);
}

static void a_reload_of_a_wrong_file_changes_nothing(void **state) {
	(void)state;
	process_configure(&process, &broker, "log = loud\n" CONFIG);
	process_signal(&process, SIGHUP);
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
	assert_true(process_logged(&process, "log: found \"loud\""));
	await_subscribed(&peer);
	process_stop(&process);
	process_configure(&process, &broker, CONFIG);
}

static void a_database_of_another_version_is_refused_by_name(void **state) {
	char command[256];

	(void)state;
	process_start(&process);
	process_stop(&process);
	snprintf(command, sizeof(command),
		"sqlite3 %s \"PRAGMA user_version=99; UPDATE meta SET value='99'"
		" WHERE key='schema_version'\"",
		process_file(&process, "xlstmd.db"));
	assert_int_equal(system(command), 0);
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 65);
	assert_true(process_logged(&process, "99"));
}

static void a_damaged_database_is_refused_and_not_touched(void **state) {
	FILE *file;

	(void)state;
	unlink(process_file(&process, "xlstmd.db-wal"));
	file = fopen(process_file(&process, "xlstmd.db"), "we");
	for (int i = 0; i < 10000; i++)
		fputs("rubbish ", file);
	fclose(file);
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 65);
	file = fopen(process_file(&process, "xlstmd.db"), "re");
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	assert_int_equal(ftell(file), 80000);
	fclose(file);
	assert_true(process_logged(&process, "--set-aside"));
}

/* Runs the daemon with --set-aside; its exit status. */
static int set_aside(void) {
	char command[512];

	snprintf(command, sizeof(command), "%s -c %s --set-aside >>%s 2>&1", getenv("XLSTMD"),
		process_file(&process, "xlstmd.conf"), process_file(&process, "log"));
	int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void it_is_set_aside_on_request_and_a_fresh_one_started(void **state) {
	char command[256];

	(void)state;
	assert_int_equal(set_aside(), 0);
	assert_true(process_logged(&process, "xlstmd.db is now"));
	process_start(&process);
	await_subscribed(&peer);
	publish_text(&peer, "plant/pump7/pressure", "4.25");
	process_await_query(&process, "SELECT count(*) FROM reading", "1");
	assert_int_equal(set_aside(), 75);
	process_stop(&process);
	snprintf(command, sizeof(command),
		"yes 'rubbish ' | tr -d '\\n' | head -c 80000 |"
		" cmp - %s/xlstmd.db.damaged-*",
		process.folder);
	assert_int_equal(system(command), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_tells_its_life_to_the_service_manager),
		cmocka_unit_test(a_stop_takes_less_than_five_seconds_under_load),
		cmocka_unit_test(a_second_signal_ends_it_at_once),
		cmocka_unit_test(a_second_daemon_on_the_same_database_is_refused),
		cmocka_unit_test(a_wrong_configuration_starts_nothing),
		cmocka_unit_test(a_reload_changes_what_may_change),
		cmocka_unit_test(a_reload_of_a_wrong_file_changes_nothing),
		cmocka_unit_test(a_database_of_another_version_is_refused_by_name),
		cmocka_unit_test(a_damaged_database_is_refused_and_not_touched),
		cmocka_unit_test(it_is_set_aside_on_request_and_a_fresh_one_started),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
