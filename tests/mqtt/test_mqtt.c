/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The client and a broker that is well. */

struct scene {
	struct broker broker;
	struct peer peer;
	struct harness harness;
};

static int setup(void **state) {
	static struct scene scene;
	const struct broker_options options = { .lines = "max_queued_messages 0" };

	if (!broker_start(&scene.broker, &options)) {
		fprintf(stderr, "no mosquitto here\n");
		exit(77);
	}
	peer_connect(&scene.peer, scene.broker.port);
	*state = &scene;
	return 0;
}

static int teardown(void **state) {
	struct scene *scene = *state;

	peer_disconnect(&scene->peer);
	broker_finish(&scene->broker);
	return 0;
}

static struct harness *connected(
	struct scene *scene, enum mqtt_version version, const char *filter) {
	struct mqtt_options options = harness_options(scene->broker.server);

	options.version = version;
	harness_init(&scene->harness, &options);
	if (filter)
		assert_int_equal(mqtt_subscribe(scene->harness.mqtt, filter, 1), 0);
	harness_await(&scene->harness, &scene->harness.connected, 1);
	harness_idle(&scene->harness, 50);
	return &scene->harness;
}

static const enum mqtt_version versions[] = { MQTT_VERSION_3_1_1, MQTT_VERSION_5 };

static void messages_arrive_as_they_were_sent(void **state) {
	struct scene *scene = *state;

	for (size_t i = 0; i < 2; i++) {
		struct harness *harness = connected(scene, versions[i], "plant/+/pressure");
		assert_int_equal(harness->code, versions[i]);
		peer_publish(&scene->peer, "plant/p7/pressure", "4.2", 3, 1, false);
		peer_publish(&scene->peer, "plant/p7/other", "no", 2, 1, false);
		harness_await(harness, &harness->messages, 1);
		assert_string_equal(harness->topic, "plant/p7/pressure");
		assert_string_equal(harness->payload, "4.2");
		assert_int_equal(harness->qos, 1);
		assert_false(harness->retained);
		harness_finish(harness);
	}
}

static void an_empty_payload_is_a_message_too(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_AUTO, "empty");

	peer_publish(&scene->peer, "empty", NULL, 0, 0, false);
	harness_await(harness, &harness->messages, 1);
	assert_string_equal(harness->payload, "");
	harness_finish(harness);
}

static void auto_means_5_where_the_broker_speaks_it(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_AUTO, NULL);

	assert_int_equal(harness->code, 5);
	assert_int_equal(mqtt_counters(harness->mqtt).version, 5);
	assert_true(mqtt_counters(harness->mqtt).connected);
	harness_finish(harness);
}

static void what_is_sent_is_heard_by_others(void **state) {
	struct scene *scene = *state;

	peer_subscribe(&scene->peer, "out/#", 1);
	for (size_t i = 0; i < 2; i++) {
		struct harness *harness = connected(scene, versions[i], NULL);
		for (int qos = 0; qos <= 1; qos++) {
			assert_int_equal(harness_send(harness, "out/a", "hello", qos), 0);
			const struct peer_message *message = peer_next(&scene->peer, PATIENCE_MS);
			assert_non_null(message);
			assert_string_equal(message->topic, "out/a");
			assert_string_equal(message->payload, "hello");
			assert_int_equal(message->qos, qos);
		}
		assert_int_equal(mqtt_flush(harness->mqtt, PATIENCE_MS), 0);
		assert_int_equal(mqtt_counters(harness->mqtt).sent, 2);
		assert_int_equal(mqtt_counters(harness->mqtt).sent_bytes, 20);
		assert_int_equal(mqtt_counters(harness->mqtt).send_failures, 0);
		harness_finish(harness);
	}
}

static void an_outbox_goes_out_in_order(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_5, NULL);
	struct outbox outbox;
	char payload[16];

	peer_subscribe(&scene->peer, "box", 1);
	outbox_init(&outbox, 1 << 20);
	for (int i = 0; i < 1000; i++) {
		struct mail mail = { .kind = MAIL_MESSAGE, .topic = SPAN("box") };
		snprintf(payload, sizeof(payload), "%d", i);
		mail.payload = span_text(payload);
		assert_int_equal(outbox_add(&outbox, &mail), 0);
	}
	assert_int_equal(mqtt_send_all(harness->mqtt, &outbox), 1000);
	for (int i = 0; i < 1000; i++) {
		const struct peer_message *message = peer_next(&scene->peer, PATIENCE_MS);
		assert_non_null(message);
		assert_int_equal(atoi(message->payload), i);
	}
	outbox_finish(&outbox);
	harness_finish(harness);
}

/* mosquitto's Receive Maximum is 20: without a window of our own this takes a minute and a half. */
static void a_burst_of_qos_1_is_all_acknowledged(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_5, NULL);

	for (int i = 0; i < 5000; i++)
		assert_int_equal(harness_send(harness, "burst", "x", 1), 0);
	assert_int_equal(mqtt_flush(harness->mqtt, PATIENCE_MS), 0);
	assert_int_equal(mqtt_counters(harness->mqtt).sent, 5000);
	assert_int_equal(mqtt_counters(harness->mqtt).in_flight, 0);
	harness_finish(harness);
}

static void messages_may_expire_with_mqtt_5(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_5, NULL);
	const struct mail mail = {
		.kind = MAIL_MESSAGE,
		.topic = SPAN("short/lived"),
		.payload = SPAN("x"),
		.expiry_s = 3600,
	};

	peer_subscribe(&scene->peer, "short/lived", 1);
	assert_int_equal(mqtt_send(harness->mqtt, &mail), 0);
	const struct peer_message *message = peer_next(&scene->peer, PATIENCE_MS);
	assert_non_null(message);
	assert_in_range(message->expiry_s, 3590, 3600);
	harness_finish(harness);
}

static void a_request_names_where_its_answer_goes(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_5, "request/+");

	peer_subscribe(&scene->peer, "answers/here", 1);
	peer_request(&scene->peer, "request/forecast", "{}", "answers/here", "no. 7");
	harness_await(harness, &harness->messages, 1);
	assert_string_equal(harness->response_topic, "answers/here");
	assert_string_equal(harness->correlation, "no. 7");

	const struct mail answer = {
		.kind = MAIL_MESSAGE,
		.topic = span_text(harness->response_topic),
		.payload = SPAN("done"),
		.correlation = span_text(harness->correlation),
		.qos = 1,
	};
	assert_int_equal(mqtt_send(harness->mqtt, &answer), 0);
	const struct peer_message *message = peer_next(&scene->peer, PATIENCE_MS);
	assert_non_null(message);
	assert_string_equal(message->payload, "done");
	assert_string_equal(message->correlation, "no. 7");
	harness_finish(harness);
}

static void retained_messages_say_so(void **state) {
	struct scene *scene = *state;

	peer_publish(&scene->peer, "kept", "old", 3, 1, true);
	struct harness *harness = connected(scene, MQTT_VERSION_AUTO, "kept");
	harness_await(harness, &harness->messages, 1);
	assert_true(harness->retained);
	harness_finish(harness);
}

static void filters_may_come_and_go(void **state) {
	struct scene *scene = *state;
	struct harness *harness = connected(scene, MQTT_VERSION_AUTO, "one");

	assert_int_equal(mqtt_subscribe(harness->mqtt, "two", 1), 0);
	mqtt_unsubscribe(harness->mqtt, "one");
	mqtt_unsubscribe(harness->mqtt, "never/was");
	mqtt_tend(harness->mqtt);
	harness_idle(harness, 100);
	peer_publish(&scene->peer, "one", "1", 1, 1, false);
	peer_publish(&scene->peer, "two", "2", 1, 1, false);
	harness_await(harness, &harness->messages, 1);
	harness_idle(harness, 50);
	assert_int_equal(harness->messages, 1);
	assert_string_equal(harness->topic, "two");
	harness_finish(harness);
}

static void the_state_topic_tells_of_life_and_orderly_end(void **state) {
	struct scene *scene = *state;
	struct mqtt_options options = harness_options(scene->broker.server);
	const struct peer_message *message;

	options.state_topic = "xlstm/test/state";
	peer_subscribe(&scene->peer, "xlstm/test/state", 1);
	for (size_t i = 0; i < 2; i++) {
		options.version = versions[i];
		harness_init(&scene->harness, &options);
		harness_await(&scene->harness, &scene->harness.connected, 1);
		harness_idle(&scene->harness, 50);
		message = peer_next(&scene->peer, PATIENCE_MS);
		assert_non_null(message);
		assert_string_equal(message->payload, "online");

		harness_finish(&scene->harness);
		message = peer_next(&scene->peer, PATIENCE_MS);
		assert_non_null(message);
		assert_string_equal(message->payload, "offline");
		assert_null(peer_next(&scene->peer, 100));
	}
}

static void options_that_make_no_sense_are_refused(void **state) {
	struct scene *scene = *state;
	struct inbox *inbox;
	const struct inbox_options inbox_options = { .bytes = 65536 };
	struct mqtt_options options;
	struct mqtt *mqtt = NULL;

	assert_int_equal(inbox_create(&inbox, &inbox_options), 0);
#define REFUSED(change, code)                                                                      \
	options = harness_options(scene->broker.server);                                           \
	change;                                                                                    \
	assert_int_equal(mqtt_create(&mqtt, &options, inbox), code);                               \
	assert_null(mqtt)

	REFUSED(options.server = "gopher://localhost", -EINVAL);
	REFUSED(options.client_id = "", -EINVAL);
	REFUSED(options.window = 0, -EINVAL);
	REFUSED(options.keep_alive_s = 0, -EINVAL);
	REFUSED(options.back_off_min_ms = 0, -EINVAL);
	REFUSED(options.back_off_max_ms = 1, -EINVAL);
	REFUSED(options.ca_file = "/does/not/exist", -ENOENT);
#undef REFUSED
	inbox_destroy(inbox);
}

/* Paho obeys it for plain MQTT and then hangs. */
static void an_http_proxy_is_not_obeyed(void **state) {
	struct scene *scene = *state;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	struct harness *harness = connected(scene, MQTT_VERSION_AUTO, NULL);
	assert_int_equal(harness->refused, 0);
	harness_finish(harness);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_as_they_were_sent),
		cmocka_unit_test(an_empty_payload_is_a_message_too),
		cmocka_unit_test(auto_means_5_where_the_broker_speaks_it),
		cmocka_unit_test(what_is_sent_is_heard_by_others),
		cmocka_unit_test(an_outbox_goes_out_in_order),
		cmocka_unit_test(a_burst_of_qos_1_is_all_acknowledged),
		cmocka_unit_test(messages_may_expire_with_mqtt_5),
		cmocka_unit_test(a_request_names_where_its_answer_goes),
		cmocka_unit_test(retained_messages_say_so),
		cmocka_unit_test(filters_may_come_and_go),
		cmocka_unit_test(the_state_topic_tells_of_life_and_orderly_end),
		cmocka_unit_test(options_that_make_no_sense_are_refused),
		cmocka_unit_test(an_http_proxy_is_not_obeyed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
