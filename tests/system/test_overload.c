/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* More comes than can be worked off: a message that finds no room for a second is dropped and counted,
 * and everything else is stored. */
#define BEGIN 1700000040

/* Detectors, and so readings of one message, which is one minute of each. */
#define DETECTORS   100
#define PAYLOAD_MAX 8192

static int minute;

static void publish_minute(void) {
	char payload[PAYLOAD_MAX];
	int length = 0;

	for (int i = 0; i < DETECTORS; i++)
		length += snprintf(payload + length, sizeof(payload) - (size_t)length,
			"m,detector=d%d value=%d %d000000000\n", i, (i + minute) % 11,
			BEGIN + 60 * minute);
	peer_publish(&peer, "flood", payload, (size_t)length, 1, false);
	minute++;
}

#define SOURCE                                                                                     \
	"[source flood]\ntopic = flood\nformat = line-protocol\ndetector = {detector}\n"           \
	"channels = value\nstep = 60s\n"

/* The statistics of now, not those that have waited to be read. */
static void skip_old_news(void) {
	while (peer_next(&peer, 0))
		continue;
}

static bool tells_of_overload(const json_t *stats) {
	json_t *trouble;
	size_t i;

	json_array_foreach(json_object_get(stats, "troubles"), i, trouble) {
		const char *name = json_string_value(json_object_get(trouble, "name"));

		if (strcmp(name, "overload") == 0)
			return json_number_at(trouble, "messages") > 0;
	}
	return false;
}

static void await_overload(bool expected) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	bool told;

	do {
		json_t *stats = await_json(&peer, "xlstm/main/stats");

		told = tells_of_overload(stats);
		json_decref(stats);
	} while (told != expected && now_ms() < deadline_ms);
	assert_int_equal(told, expected);
}

/* The disk is so slow that no room is made in the inbox for seconds. */
static void what_finds_no_room_is_dropped_and_counted(void **state) {
	char expected[32];

	(void)state;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(
		&process, &broker, "[mqtt]\ninbox = 64k\n[forecast]\nenabled = off\n" SOURCE);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/#", 0);
	process_preload(&process, PRELOAD_SYSTEM);
	process_start(&process);
	await_subscribed(&peer);
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_DELAY, 400);
	for (int i = 0; i < 60; i++)
		publish_minute();
	await_overload(true);
	fault_heal(process.fault);
	await_subscribed(&peer);
	skip_old_news();

	json_t *stats = await_stats(&peer, "messages", 1);
	double shed = json_number_at(stats, "inbox.shed");
	print_message("%.0f of %d messages dropped\n", shed, minute);
	assert_true(shed > 0);
	assert_true(json_number_at(stats, "readings") == DETECTORS * (minute - shed));
	json_decref(stats);
	json_decref(await_stats(&peer, "refused.overflow", shed));
	snprintf(expected, sizeof(expected), "%.0f", DETECTORS * (minute - shed));
	process_await_query(&process, "SELECT count(*) FROM reading", expected);
	await_overload(false);
	process_stop(&process);
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_close)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(what_finds_no_room_is_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
