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

#include <cmocka.h>

/*
 * SIGTERM while something is wrong. The daemon ends by itself, with the status that its service manager
 * is to act upon, and the next start has every reading that had been taken from the broker, once.
 */

#define CONFIG                                                                                     \
	"[mqtt]\nsession_expiry = 1h\n"                                                            \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"[source plant]\ntopic = plant\nformat = line-protocol\ndetector = {detector}\n"           \
	"channels = value\nstep = 60s\nhorizon = 24\n"

#define BEGIN     1700000040
#define DETECTORS 15

static int minute;

static int start(void **state) {
	(void)state;
	minute = 0;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(&process, &broker, CONFIG);
	process_preload(&process, PRELOAD_SYSTEM);
	process_start(&process);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	await_subscribed(&peer);
	return 0;
}

static void publish_minutes(int count) {
	char payload[4096];

	for (; count > 0; count--, minute++) {
		int length = 0;

		for (int i = 0; i < DETECTORS; i++)
			length += snprintf(payload + length, sizeof(payload) - (size_t)length,
				"m,detector=d%d value=%d %d000000000\n", i, (i + minute) % 11,
				BEGIN + 60 * minute);
		peer_publish(&peer, "plant", payload, (size_t)length, 1, false);
	}
}

static void assert_ends_with(int status) {
	process_signal(&process, SIGTERM);
	assert_int_equal(process_wait(&process, PATIENCE_MS), status);
}

/* After a start without the fault. */
static void assert_nothing_is_lost(void) {
	char expected[32];

	fault_heal(process.fault);
	process_start(&process);
	snprintf(expected, sizeof(expected), "%d", minute * DETECTORS);
	process_await_query(&process, "SELECT count(*) FROM reading", expected);
	process_stop(&process);
}

static void with_a_full_disk(void **state) {
	(void)state;
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_ERROR, ENOSPC);
	publish_minutes(2);
	await_subscribed(&peer);
	assert_ends_with(1);
	assert_true(process_logged(&process, "could not be committed"));
	assert_nothing_is_lost();
}

/* A state takes 1.3 seconds, all of them and copying the log some thirty: readings are committed, and what states
 * there is no time for is made again from them. */
static void with_a_slow_disk(void **state) {
	(void)state;
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_DELAY, 6);
	publish_minutes(2);
	await_subscribed(&peer);
	int64_t begin_ms = now_ms();
	assert_ends_with(0);
	double took_s = (double)(now_ms() - begin_ms) / 1e3;
	double readings = process_query_number(&process, "SELECT count(*) FROM reading");
	double states = process_query_number(&process, "SELECT count(*) FROM state");
	print_message("%.1f s, %.0f of %d states saved\n", took_s, states, DETECTORS);
	assert_true(readings == minute * DETECTORS);
	if (!SANITIZED)
		assert_true(took_s < 10);
	assert_in_range(states, 1, DETECTORS - 1);
	assert_true(process_await(&process, "EXTEND_TIMEOUT_USEC=", 0));
	assert_nothing_is_lost();
	assert_true(process_query_number(&process, "SELECT count(*) FROM state") == DETECTORS);
}

static void with_a_locked_database(void **state) {
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "sqlite3 %s", process_file(&process, "xlstmd.db"));
	FILE *stranger = popen(command, "we");
	assert_non_null(stranger);
	fputs(".timeout 10000\nBEGIN IMMEDIATE;\nUPDATE meta SET value = value;\n", stranger);
	fflush(stranger);
	sleep_ms(500);
	publish_minutes(2);
	await_subscribed(&peer);
	assert_ends_with(1);
	assert_int_equal(pclose(stranger), 0);
	assert_nothing_is_lost();
}

/* What it has no time for waits in the inbox. Sanitizers make it slow. */
static void with_more_work_than_it_can_do(void **state) {
	(void)state;
	publish_minutes(SANITIZED ? 60 : 300);
	assert_ends_with(0);
	assert_nothing_is_lost();
}

static void without_a_broker(void **state) {
	(void)state;
	publish_minutes(2);
	await_subscribed(&peer);
	peer_disconnect(&peer);
	broker_stop(&broker);
	sleep_ms(300);
	assert_ends_with(0);
	process_spawn(&process);
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
	assert_ends_with(0);
	broker_restart(&broker);
	peer_connect(&peer, broker.port);
	assert_nothing_is_lost();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, scene_close)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(with_a_full_disk),
		TEST(with_a_slow_disk),
		TEST(with_a_locked_database),
		TEST(with_more_work_than_it_can_do),
		TEST(without_a_broker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
