/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* More comes than can be worked off: the broker is held back; a message that finds no room for a second is
 * dropped and counted, and everything else is stored. */
#define BEGIN 1700000040

/* Messages that tell how fast the machine is. */
#define TRIAL 30

/* Detectors, and so readings of one message, which is one minute of each. */
#define DETECTORS   100
#define PAYLOAD_MAX 8192

/* Two journals and two outboxes of 16 MB each, the inbox, and some. */
#define GROWTH_MAX (80 << 20)

static int minute; /* of those published in this test */

/* Of the flood; "test_overload 60" for a minute. */
static int seconds = 4;

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
	minute = 0;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(
		&process, &broker, "[mqtt]\ninbox = 64k\n[forecast]\nenabled = off\n" SOURCE);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/#", 0);
	process_preload(&process, PRELOAD_SYSTEM);
	process_start(&process);
	await_subscribed(&peer);
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_DELAY, 250);
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

/* What one look at the statistics tells. */
struct look {
	double ticks, resident, readings, messages;
};

static struct look look(void) {
	skip_old_news();
	json_t *stats = await_json(&peer, "xlstm/main/stats");
	struct look now = {
		.ticks = json_number_at(stats, "ticks"),
		.resident = json_number_at(stats, "memory.resident"),
		.readings = json_number_at(stats, "readings"),
		.messages = json_number_at(stats, "messages"),
	};

	json_decref(stats);
	return now;
}

/* Messages a second that are worked off: forecasts and all. */
static double measure_rate(void) {
	struct look before = look(), after;
	int64_t begin_ms = now_ms();

	for (int i = 0; i < TRIAL; i++)
		publish_minute();
	do
		after = look();
	while (after.ticks - before.ticks < TRIAL * DETECTORS);
	return TRIAL * 1e3 / (double)(now_ms() - begin_ms);
}

/* Publishes ten times as much as can be worked off. The most memory that was seen, bytes. */
static double flood(double rate) {
	int64_t begin_ms = now_ms();
	double most = 0;
	int sent = 0;

	while (now_ms() - begin_ms < seconds * 1000) {
		double due = 10 * rate * (double)(now_ms() - begin_ms) / 1e3;

		for (; sent < due; sent++)
			publish_minute();
		most = fmax(most, look().resident);
	}
	return most;
}

/* Nothing comes any more, and everything that came has its forecast: each reading makes a tick here, and so may
 * a minute that the broker has dropped. */
static struct look await_worked_off(void) {
	int64_t deadline_ms = now_ms() + 4 * PATIENCE_MS;
	struct look before = { 0 }, now = look();

	while ((now.messages > before.messages || now.ticks > before.ticks ||
		       now.ticks < now.readings) &&
		now_ms() < deadline_ms) {
		before = now;
		now = look();
	}
	assert_true(now.ticks >= now.readings);
	return now;
}

/* The connection is held back while too many readings wait for their forecasts, so that the broker
 * decides what to drop; what came is stored, memory is bounded, and what waits is worked off within
 * moments. */
static void ten_times_too_much_work_is_held_back(void **state) {
	char expected[32];

	(void)state;
	minute = 0;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 20" });
	process_create(&process, &broker,
		"[mqtt]\ninbox = 64k\n[forecast]\nmodel = " MODELS "/base-2.safetensors\n" SOURCE
		"horizon = 24\n");
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/#", 0);
	process_start(&process);
	await_subscribed(&peer);
	measure_rate();
	double rate = measure_rate();
	double before = look().resident, most = flood(rate);
	int64_t begin_ms = now_ms();
	struct look after = await_worked_off();

	print_message(
		"%.1f messages a second; %d s of ten times as many: %.1f MB more at the most, "
		"%.0f of %d came, all worked off after %.1f s\n",
		rate, seconds, (most - before) / 1e6, after.messages, minute,
		(double)(now_ms() - begin_ms) / 1e3);
	assert_true(after.messages < minute);
	assert_true(after.readings == DETECTORS * after.messages);
	if (!SANITIZED)
		assert_true(most - before < GROWTH_MAX);
	snprintf(expected, sizeof(expected), "%.0f", after.readings);
	process_await_query(&process, "SELECT count(*) FROM reading", expected);
	process_stop(&process);
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_close)

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		TEST(ten_times_too_much_work_is_held_back),
		TEST(what_finds_no_room_is_dropped_and_counted),
	};

	if (argc > 1)
		seconds = (int)strtol(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
