/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy.h"
#include "scene.h"
#include "timing.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * The broker is away, is slow, refuses, falls silent, or gives the session to somebody else. The
 * daemon reaches it over a proxy, readings come to it directly. It stays up, says what is wrong, comes
 * back by itself, and of the readings that were published meanwhile none is missing.
 */
#define KEEP_ALIVE_S 5
#define CONFIG                                                                                     \
	"[mqtt]\nsession_expiry = 1h\nkeep_alive = 5s\n"                                           \
	"[source plant]\ntopic = plant/{detector}/{channel}\nformat = json\nstep = 60s\n"          \
	"horizon = 4\n"

#define BEGIN 1700000040

/* Readings that are published while something is wrong. */
#define MEANWHILE 20

static struct proxy proxy;
static int minute;

static void configure(const char *lines) {
	struct broker way = broker;

	snprintf(way.server, sizeof(way.server), "tcp://127.0.0.1:%d", proxy.port);
	process_configure(&process, &way, lines);
}

static int start(void **state) {
	(void)state;
	minute = 0;
	/* A broker that is killed still knows sessions and what waits for them. */
	system_broker(&broker, &(struct broker_options){ .user = "xlstmd",
				       .password = "right horse",
				       .lines = "allow_anonymous true\nmax_queued_messages 10000\n"
						"persistence true\nautosave_on_changes "
						"true\nautosave_interval 1" });
	proxy_start(&proxy, broker.port);
	process_create(&process, &broker, CONFIG);
	configure(CONFIG);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/#", 1);
	process_start(&process);
	await_subscribed(&peer);
	return 0;
}

static int finish(void **state) {
	proxy_finish(&proxy);
	return scene_close(state);
}

static void publish_minutes(int count) {
	char text[64];

	for (; count > 0; count--, minute++) {
		snprintf(text, sizeof(text), "{\"time\":%d,\"value\":%d}", BEGIN + 60 * minute,
			minute % 7);
		publish_text(&peer, "plant/pump/pressure", text);
	}
}

/* Each minute has the value that was published for it. */
static void await_all_stored(void) {
	char sql[128], expected[32];

	snprintf(sql, sizeof(sql),
		"SELECT count(*), sum(value=(time_ms/1000-%d)/60%%7) FROM reading", BEGIN);
	snprintf(expected, sizeof(expected), "%d|%d", minute, minute);
	process_await_query(&process, sql, expected);
}

static void await_logged(const char *text) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;

	while (!process_logged(&process, text)) {
		if (now_ms() > deadline_ms)
			fail_msg("the log never tells: %s", text);
		sleep_ms(20);
	}
}

/* The service manager is told as well. */
static void await_trouble(void) {
	await_logged("trouble begins: broker");
	assert_true(process_await(&process, "trouble: broker", PATIENCE_MS));
}

static void await_no_trouble(void) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	size_t troubles;

	do {
		json_t *stats = await_json(&peer, "xlstm/main/stats");

		troubles = json_array_size(json_object_get(stats, "troubles"));
		json_decref(stats);
	} while (troubles > 0 && now_ms() < deadline_ms);
	assert_int_equal(troubles, 0);
}

static void await_recovery(void) {
	await_logged("trouble is over after");
	await_all_stored();
	assert_true(process_await(&process, "broker connected", PATIENCE_MS));
	await_no_trouble();
	process_stop(&process);
}

static void peer_comes_back(void) {
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/#", 1);
}

static void a_broker_that_is_absent_at_the_start_is_waited_for(void **state) {
	(void)state;
	process_stop(&process);
	publish_minutes(MEANWHILE);
	peer_disconnect(&peer);
	broker_stop(&broker);
	process_start(&process);
	await_trouble();
	broker_restart(&broker);
	peer_comes_back();
	publish_minutes(MEANWHILE);
	await_recovery();
}

static void a_broker_that_is_killed_is_found_again(void **state) {
	(void)state;
	proxy_behave(&proxy, PROXY_REFUSES);
	await_trouble();
	publish_minutes(MEANWHILE);
	/* It saves at its next turn, some hundred milliseconds away. */
	sleep_ms(500);
	peer_disconnect(&peer);
	broker_kill(&broker);
	proxy_behave(&proxy, PROXY_FORWARDS);
	broker_restart(&broker);
	peer_comes_back();
	publish_minutes(MEANWHILE);
	await_recovery();
}

static void a_slow_broker_is_borne(void **state) {
	(void)state;
	proxy_behave(&proxy, PROXY_DELAYS);
	int64_t before_ms = now_ms();
	assert_true(is_subscribed(&peer, PATIENCE_MS));
	assert_true(now_ms() - before_ms >= 2 * PROXY_DELAY_MS);
	publish_minutes(10 * MEANWHILE);
	await_all_stored();
	assert_false(process_logged(&process, "trouble begins"));
	json_t *stats = await_stats(&peer, "readings", minute);
	assert_true(json_number_at(stats, "inbox.shed") == 0);
	json_decref(stats);
	process_stop(&process);
}

static void a_broker_that_hangs_up_at_once_is_tried_again(void **state) {
	(void)state;
	proxy_behave(&proxy, PROXY_REFUSES);
	int before = proxy.accepted;
	await_trouble();
	publish_minutes(MEANWHILE);
	for (int waited = 0; proxy.accepted < before + 5 && waited < PATIENCE_MS; waited += 10)
		sleep_ms(10);
	assert_true(proxy.accepted >= before + 5);
	proxy_behave(&proxy, PROXY_FORWARDS);
	await_recovery();
}

static void set_password(const char *password) {
	char command[256];

	snprintf(command, sizeof(command), "mosquitto_passwd -b %s xlstmd '%s'",
		broker_file(&broker, "passwords"), password);
	assert_int_equal(system(command), 0);
	assert_int_equal(kill(broker.pid, SIGHUP), 0);
}

/* The daemon keeps its password, the broker learns it. */
static void a_password_that_is_wrong_is_named_and_tried_again(void **state) {
	char lines[512];

	(void)state;
	process_stop(&process);
	publish_minutes(MEANWHILE);
	FILE *file = fopen(process_file(&process, "password"), "we");
	assert_non_null(file);
	fputs("wrong horse\n", file);
	assert_int_equal(fclose(file), 0);
	snprintf(lines, sizeof(lines), "[mqtt]\nuser = xlstmd\npassword_file = %s\n" CONFIG,
		process_file(&process, "password"));
	configure(lines);
	process_start(&process);
	await_trouble();
	await_logged("trouble begins: broker: connection refused");
	await_logged("uthorised");
	set_password("wrong horse");
	await_recovery();
}

static void a_connection_that_is_half_open_is_given_up(void **state) {
	(void)state;
	publish_minutes(1);
	await_all_stored();
	proxy_behave(&proxy, PROXY_IS_SILENT);
	int64_t before_ms = now_ms();
	publish_minutes(MEANWHILE);
	await_trouble();
	assert_true(now_ms() - before_ms < 4000 * KEEP_ALIVE_S);
	assert_true(process_query_number(&process, "SELECT count(*) FROM reading") == 1);
	proxy_behave(&proxy, PROXY_FORWARDS);
	await_recovery();
}

/* Somebody else with the daemon's client id goes on with its session, until he is sent away. */
static void take_session_over(struct mosquitto *stranger) {
	mosquitto_property *properties = NULL;

	mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 3600);
	int connected =
		mosquitto_connect_bind_v5(stranger, "127.0.0.1", broker.port, 60, NULL, properties);
	mosquitto_property_free_all(&properties);
	assert_int_equal(connected, MOSQ_ERR_SUCCESS);
	while (mosquitto_loop(stranger, 20, 1) == MOSQ_ERR_SUCCESS)
		continue;
}

static void a_session_that_was_taken_over_is_taken_back(void **state) {
	struct mosquitto *stranger = mosquitto_new("xlstmd-main", false, NULL);

	(void)state;
	publish_minutes(MEANWHILE);
	await_all_stored();
	assert_non_null(stranger);
	mosquitto_int_option(stranger, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	for (int taken = 0; taken < 3; taken++) {
		take_session_over(stranger);
		await_subscribed(&peer);
		publish_minutes(MEANWHILE);
		await_all_stored();
	}
	mosquitto_destroy(stranger);
	await_logged("connection lost");
	process_stop(&process);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_broker_that_is_absent_at_the_start_is_waited_for),
		TEST(a_broker_that_is_killed_is_found_again),
		TEST(a_slow_broker_is_borne),
		TEST(a_broker_that_hangs_up_at_once_is_tried_again),
		TEST(a_password_that_is_wrong_is_named_and_tried_again),
		TEST(a_connection_that_is_half_open_is_given_up),
		TEST(a_session_that_was_taken_over_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
