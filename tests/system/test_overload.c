/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"
#include "scene.h"
#include "timing.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* More comes than can be worked off: forecasts that newer readings overtake are shed; the broker is held back; a
 * message that finds no room for a second is dropped and counted, and everything else is stored. */
#define BEGIN INT64_C(1700000040000)

/* Milliseconds. */
#define MINUTE 60000

/* Messages that tell how fast the machine is. */
#define TRIAL 30

/* Detectors, and so readings of one message, which is one minute of each: most tests have a few, one has more than
 * the thousand readings that make a backlog. */
#define FEW         100
#define MANY        2000
#define PAYLOAD_MAX 131072

/* Messages of a flood at least: of these some hundred find room in the broker (20 queued, 20 in flight), the inbox
 * and among the readings that wait (4000), however slow the machine is. */
#define FLOOD_LEAST 250

/* Two journals and two outboxes of 16 MB each, the inbox, and some. */
#define GROWTH_MAX (80 << 20)

/* Of those published in this test: readings of each, how many, when the first was made, and how far apart they are. */
static int detectors, minute;
static int64_t first_ms, step_ms;

/* Of the flood; "test_overload 60" for a minute. */
static int seconds = 4;

static void publish_minute(void) {
	static char payload[PAYLOAD_MAX];
	int length = 0;

	for (int i = 0; i < detectors; i++)
		length += snprintf(payload + length, sizeof(payload) - (size_t)length,
			"m,detector=d%d value=%d %" PRId64 "000000\n", i, (i + minute) % 11,
			first_ms + minute * step_ms);
	peer_publish(&peer, "flood", payload, (size_t)length, 1, false);
	minute++;
}

#define SOURCE_OF(step)                                                                            \
	"[source flood]\ntopic = flood\nformat = line-protocol\ndetector = {detector}\n"           \
	"channels = value\nstep = " step "\n"
#define SOURCE  SOURCE_OF("60s")
#define NETWORK "[forecast]\nmodel = " MODELS "/base-2.safetensors\n"

/* What is held back is the same without a network, and takes less time. */
#define NO_NETWORK "[forecast]\nmodel = none\n"

static void begin(int of, int64_t at_ms, int64_t apart_ms) {
	detectors = of;
	minute = 0;
	first_ms = at_ms;
	step_ms = apart_ms;
}

/* The statistics of now, not those that have waited to be read. */
static void skip_old_news(void) {
	while (peer_next(&peer, 0))
		continue;
}

static void await_trouble(const char *name, const char *cost, bool expected) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	bool told;

	do {
		json_t *stats = await_json(&peer, "xlstm/main/stats");

		told = json_number_at(find_trouble(stats, name), cost) > 0;
		json_decref(stats);
	} while (told != expected && now_ms() < deadline_ms);
	assert_int_equal(told, expected);
}

/* The disk is so slow that no room is made in the inbox for seconds. */
static void what_finds_no_room_is_dropped_and_counted(void **state) {
	char expected[32];

	(void)state;
	begin(FEW, BEGIN, MINUTE);
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
	await_trouble("overload", "messages", true);
	fault_heal(process.fault);
	await_subscribed(&peer);
	skip_old_news();

	json_t *stats = await_stats(&peer, "messages", 1);
	double shed = json_number_at(stats, "inbox.shed");
	print_message("%.0f of %d messages dropped\n", shed, minute);
	assert_true(shed > 0);
	assert_true(json_number_at(stats, "readings") == detectors * (minute - shed));
	json_decref(stats);
	json_decref(await_stats(&peer, "refused.overflow", shed));
	snprintf(expected, sizeof(expected), "%.0f", detectors * (minute - shed));
	process_await_query(&process, "SELECT count(*) FROM reading", expected);
	await_trouble("overload", "messages", false);
	process_stop(&process);
}

/* What one look at the statistics tells. */
struct look {
	double ticks, resident, readings, messages, forecasts, forecasts_shed;
};

static struct look look(void) {
	skip_old_news();
	json_t *stats = await_json(&peer, "xlstm/main/stats");
	struct look now = {
		.ticks = json_number_at(stats, "ticks"),
		.resident = json_number_at(stats, "memory.resident"),
		.readings = json_number_at(stats, "readings"),
		.messages = json_number_at(stats, "messages"),
		.forecasts = json_number_at(stats, "forecasts"),
		.forecasts_shed = json_number_at(stats, "forecasts_shed"),
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
	while (after.ticks - before.ticks < TRIAL * detectors);
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
	for (; sent < FLOOD_LEAST; sent++)
		publish_minute();
	return fmax(most, look().resident);
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
	begin(FEW, BEGIN, MINUTE);
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 20" });
	process_create(
		&process, &broker, "[mqtt]\ninbox = 64k\n" NO_NETWORK SOURCE "horizon = 24\n");
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
	assert_true(after.readings == detectors * after.messages);
	if (!SANITIZED)
		assert_true(most - before < GROWTH_MAX);
	snprintf(expected, sizeof(expected), "%.0f", after.readings);
	process_await_query(&process, "SELECT count(*) FROM reading", expected);
	process_stop(&process);
}

/* Of the messages of now. */
#define STEP_MS 100

/* Who sends what is forecast how. */
struct crowd {
	int detectors, horizon;
	int messages; /* 0: as many as take a while */
	const char *forecasting;
};

static void start_again(const char *backlog, const struct crowd *crowd, struct process *fed) {
	char configuration[512];

	snprintf(configuration, sizeof(configuration),
		"[limits]\nbacklog = %s\nfuture = 1h\n%s" SOURCE_OF("100ms") "horizon = %d\n",
		backlog, crowd->forecasting, crowd->horizon);
	process_create(fed, &broker, configuration);
	process_start(fed);
	await_subscribed(&peer);
}

/* Publishes so many and waits until they are worked off. Seconds that it took. */
static double work_off(int messages) {
	int64_t start_ms = now_ms();

	while (minute < messages)
		publish_minute();
	do
		continue;
	while (look().forecasts < messages * detectors);
	return (double)(now_ms() - start_ms) / 1e3;
}

/* What it was fed is in the database, and of each detector the forecast of now. */
static void assert_stored(const struct process *fed, int messages, double forecasts) {
	char expected[64];

	snprintf(expected, sizeof(expected), "%d|%.0f|%d", messages * detectors, forecasts,
		detectors);
	process_await_query(fed,
		"SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM forecast),"
		" (SELECT count(*) FROM forecast WHERE issued_ms = (SELECT max(time_ms) FROM "
		"reading))",
		expected);
}

/* On a slow machine one end may be too short to save every state; readings wait then until one contains them. */
static void stop_whole(struct process *fed) {
	process_stop(fed);
	for (int i = 0; i < 20 && process_query_number(fed, "SELECT count(*) FROM pending") > 0;
		i++) {
		process_start(fed);
		process_stop(fed);
	}
}

/* One is fed at its pace for as long as it likes, the other one sheds: it stores fewer forecasts, those that
 * were overtaken, but all readings, and has learned the same, bit for bit. */
static void shed(const struct crowd *crowd) {
	static struct process patient;
	int64_t now = (int64_t)time(NULL) * 1000;

	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/#", 0);

	begin(crowd->detectors, now - 1800 * 1000, STEP_MS);
	start_again("never", crowd, &patient);
	int messages = crowd->messages;
	if (messages == 0)
		messages = TRIAL + (int)(measure_rate() * seconds / 2);
	double patient_s = work_off(messages);
	struct look after = look();
	assert_true(after.forecasts_shed == 0);
	assert_stored(&patient, messages, messages * detectors);
	stop_whole(&patient);

	begin(crowd->detectors, now - 1800 * 1000, STEP_MS);
	start_again("100ms", crowd, &process);
	double shedding_s = work_off(messages);
	after = look();
	print_message(
		"%d messages of %d readings at once: worked off in %.1f s, and in %.1f s with "
		"%.0f of %.0f forecasts shed\n",
		messages, detectors, patient_s, shedding_s, after.forecasts_shed, after.forecasts);
	assert_true(after.forecasts_shed > 0);
	assert_true(process_logged(&process, "trouble begins: backlog"));
	assert_stored(&process, messages, after.forecasts - after.forecasts_shed);
	await_trouble("backlog", "forecasts", false);
	stop_whole(&process);

	assert_true(compare_rows(&patient, &process, LEARNED) == 0);
	assert_true(compare_rows(&patient, &process, OF_SERIES("time_ms, value", "reading")) == 0);
	assert_true(compare_rows(&patient, &process,
			    OF_SERIES("time_ms, value, low, high", "anomaly")) == 0);
	process_finish(&patient);
}

static void forecasts_that_are_overtaken_are_shed_and_nothing_else(void **state) {
	(void)state;
	if (SANITIZED) /* the other one sheds, too */
		skip();
	shed(&(struct crowd){ FEW, .horizon = 24, .forecasting = NETWORK });
}

/* While the newest are worked off a thousand still wait. */
static void the_newest_forecast_of_each_is_never_shed(void **state) {
	(void)state;
	shed(&(struct crowd){
		MANY, .horizon = 2, .messages = 12, .forecasting = NO_NETWORK "rows = lean\n" });
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_close)

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		TEST(forecasts_that_are_overtaken_are_shed_and_nothing_else),
		TEST(the_newest_forecast_of_each_is_never_shed),
		TEST(ten_times_too_much_work_is_held_back),
		TEST(what_finds_no_room_is_dropped_and_counted),
	};

	if (argc > 1)
		seconds = (int)strtol(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
