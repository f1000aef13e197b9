/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "harness.h"
#include "now.h"
#include "timing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The client and a broker that is away, comes back, refuses, freezes, or is somebody else. */

static struct broker broker;
static struct harness harness;

static void start(const struct broker_options *options) {
	if (!broker_start(&broker, options)) {
		fprintf(stderr, "no mosquitto here\n");
		exit(77);
	}
}

static int teardown(void **state) {
	(void)state;
	broker_finish(&broker);
	return 0;
}

static void init_subscribed(const struct mqtt_options *options, const char *filter) {
	harness_init(&harness, options);
	assert_int_equal(mqtt_subscribe(harness.mqtt, filter, 1), 0);
}

static void publish(const char *topic, const char *payload) {
	static struct peer peer;

	peer_connect(&peer, broker.port);
	peer_publish(&peer, topic, payload, strlen(payload), 1, false);
	peer_disconnect(&peer);
}

static void an_absent_broker_is_tried_again_from_the_first_connect_on(void **state) {
	const struct broker_options options = { 0 };

	(void)state;
	start(&options);
	broker_stop(&broker);
	struct mqtt_options client = harness_options(broker.server);
	init_subscribed(&client, "t");
	harness_await(&harness, &harness.refused, 4);
	assert_int_equal(harness_send(&harness, "t", "x", 1), E_BROKER);
	assert_int_equal(mqtt_counters(harness.mqtt).send_failures, 1);
	assert_true(harness.code < 0);
	/* 20, 40, 80 ms, each at least halved by the jitter. */
	assert_true(harness.refused_at_ms[3] - harness.refused_at_ms[0] >= 10 + 20 + 40);

	broker_restart(&broker);
	harness_await(&harness, &harness.connected, 1);
	harness_idle(&harness, 50);
	publish("t", "at last");
	harness_await(&harness, &harness.messages, 1);
	assert_string_equal(harness.payload, "at last");
	harness_finish(&harness);
}

static void a_killed_broker_is_found_again_and_subscribed_to(void **state) {
	const struct broker_options options = { 0 };

	(void)state;
	start(&options);
	struct mqtt_options client = harness_options(broker.server);
	init_subscribed(&client, "t");
	for (int round = 1; round <= 3; round++) {
		harness_await(&harness, &harness.connected, round);
		harness_idle(&harness, 50);
		publish("t", "x");
		harness_await(&harness, &harness.messages, round);
		broker_kill(&broker);
		harness_await(&harness, &harness.lost, round);
		broker_restart(&broker);
	}
	assert_int_equal(mqtt_counters(harness.mqtt).lost, 3);
	harness_finish(&harness);
}

static void a_persistent_session_keeps_messages_while_we_are_away(void **state) {
	const struct broker_options options = { 0 };

	(void)state;
	start(&options);
	for (int version = 4; version <= 5; version++) {
		struct mqtt_options client = harness_options(broker.server);
		client.version = (enum mqtt_version)version;
		client.client_id = version == 5 ? "keeper5" : "keeper4";
		client.persistent = true;
		init_subscribed(&client, "kept/for/us");
		harness_await(&harness, &harness.connected, 1);
		assert_false(harness.session);
		harness_idle(&harness, 100);
		harness_finish(&harness);

		publish("kept/for/us", "meanwhile");
		init_subscribed(&client, "kept/for/us");
		harness_await(&harness, &harness.messages, 1);
		assert_true(harness.session);
		assert_string_equal(harness.payload, "meanwhile");
		harness_finish(&harness);
	}
}

static void the_last_will_tells_of_a_death(void **state) {
	static struct peer peer;
	const struct broker_options options = { 0 };

	(void)state;
	start(&options);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "state", 1);
	pid_t pid = fork();
	if (pid == 0) {
		struct mqtt_options client = harness_options(broker.server);
		client.state_topic = "state";
		harness_init(&harness, &client);
		harness_await(&harness, &harness.connected, 1);
		harness_idle(&harness, 1000);
		_exit(0);
	}
	const struct peer_message *message = peer_next(&peer, PATIENCE_MS);
	assert_non_null(message);
	assert_string_equal(message->payload, "online");
	message = peer_next(&peer, PATIENCE_MS);
	assert_non_null(message);
	assert_string_equal(message->payload, "offline");
	peer_disconnect(&peer);
}

static void wrong_passwords_are_named_and_right_ones_accepted(void **state) {
	const struct broker_options options = { .user = "sensor", .password = "right horse" };

	(void)state;
	start(&options);
	for (int version = 4; version <= 5; version++) {
		struct mqtt_options client = harness_options(broker.server);
		client.version = (enum mqtt_version)version;
		client.username = "sensor";
		client.password = "wrong horse";
		harness_init(&harness, &client);
		harness_await(&harness, &harness.refused, 2);
		assert_true(
			strstr(harness.phrase, "authorised") || strstr(harness.phrase, "password"));
		harness_finish(&harness);

		client.password = "right horse";
		harness_init(&harness, &client);
		harness_await(&harness, &harness.connected, 1);
		harness_finish(&harness);
	}
}

static void a_frozen_broker_is_given_up(void **state) {
	const struct broker_options options = { 0 };

	(void)state;
	start(&options);
	struct mqtt_options client = harness_options(broker.server);
	client.keep_alive_s = 1;
	client.window_wait_ms = 100;
	harness_init(&harness, &client);
	harness_await(&harness, &harness.connected, 1);
	broker_freeze(&broker);

	/* The window fills, then messages are given up after a bounded wait. */
	int r = 0;
	for (unsigned i = 0; r == 0 && i <= client.window; i++)
		r = harness_send(&harness, "t", "x", 1);
	assert_int_equal(r, E_OVERFLOW);
	harness_await(&harness, &harness.lost, 1);
	broker_thaw(&broker);
	harness_await(&harness, &harness.connected, 2);
	harness_finish(&harness);
}

static bool has_waited(void *inbox) {
	return inbox_counters(inbox).waits > 0;
}

static void a_full_inbox_pushes_back_and_loses_nothing(void **state) {
	const struct broker_options options = { .lines = "max_queued_messages 100000" };
	static struct peer peer;
	char payload[1000] = "x";

	(void)state;
	start(&options);
	struct mqtt_options client = harness_options(broker.server);
	init_subscribed(&client, "much");
	harness_await(&harness, &harness.connected, 1);
	harness_idle(&harness, 50);
	peer_connect(&peer, broker.port);
	/* Twice what the inbox holds; nobody takes until a message has to wait. */
	for (int i = 0; i < 2000; i++) {
		peer_publish(&peer, "much", payload, sizeof(payload), 1, false);
		if (has_waited(harness.inbox))
			harness_turn(&harness);
	}
	assert_true(wait_until(has_waited, harness.inbox, PATIENCE_MS));
	harness_await(&harness, &harness.messages, 2000);
	assert_int_equal(inbox_counters(harness.inbox).messages, 2000);
	assert_int_equal(inbox_counters(harness.inbox).shed, 0);
	peer_disconnect(&peer);
	harness_finish(&harness);
}

/* ---- Brokers of another kind than mosquitto, played by a few bytes ---- */

enum manner {
	DECLINES_5,
	HANGS_UP_ON_5,
	ENDS_5, /* accepts version 5, and then says that somebody else took the session over */
};

struct actor {
	enum manner manner;
	int listener;
	char server[64];
	pthread_t thread;
};

static void reply(int fd, const unsigned char *bytes, size_t length) {
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* Accepts version 3.1.1 and refuses every subscription, until the client goes. */
static void speak_3_1_1(int fd) {
	const unsigned char accepted[] = { 0x20, 2, 0, 0 };
	unsigned char packet[512];

	reply(fd, accepted, sizeof(accepted));
	while (recv(fd, packet, sizeof(packet), 0) > 0) {
		const unsigned char refused[] = { 0x90, 3, packet[2], packet[3], 0x80 };
		if (packet[0] == 0x82)
			reply(fd, refused, sizeof(refused));
	}
}

static void speak_5(int fd, enum manner manner) {
	const unsigned char declined[] = { 0x20, 2, 0, 1 };
	const unsigned char taken_over[] = { 0x20, 3, 0, 0, 0, 0xe0, 2, 0x8e, 0 };

	if (manner == DECLINES_5)
		reply(fd, declined, sizeof(declined));
	if (manner == ENDS_5)
		reply(fd, taken_over, sizeof(taken_over));
}

static void *act(void *context) {
	struct actor *actor = context;
	unsigned char packet[512];

	for (int fd; (fd = accept(actor->listener, NULL, NULL)) >= 0; close(fd)) {
		/* Fixed header of two bytes, "MQTT" with its length, then the version. */
		if (recv(fd, packet, sizeof(packet), 0) < 9)
			continue;
		if (packet[8] == 4)
			speak_3_1_1(fd);
		else
			speak_5(fd, actor->manner);
	}
	return NULL;
}

static void actor_start(struct actor *actor, enum manner manner) {
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	actor->manner = manner;
	actor->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(actor->listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(actor->listener, 8), 0);
	assert_int_equal(getsockname(actor->listener, (struct sockaddr *)&address, &length), 0);
	snprintf(actor->server, sizeof(actor->server), "tcp://127.0.0.1:%d",
		ntohs(address.sin_port));
	assert_int_equal(pthread_create(&actor->thread, NULL, act, actor), 0);
}

static void actor_end(struct actor *actor) {
	shutdown(actor->listener, SHUT_RDWR);
	pthread_join(actor->thread, NULL);
	close(actor->listener);
}

static void connects_with_3_1_1(enum manner manner, int refusals) {
	struct actor actor;

	actor_start(&actor, manner);
	struct mqtt_options client = harness_options(actor.server);
	harness_init(&harness, &client);
	harness_await(&harness, &harness.connected, 1);
	assert_int_equal(harness.code, 4);
	assert_int_equal(harness.refused, refusals);
	harness_finish(&harness);
	actor_end(&actor);
}

static void a_broker_that_declines_5_gets_3_1_1(void **state) {
	(void)state;
	connects_with_3_1_1(DECLINES_5, 1);
}

static void a_broker_that_hangs_up_on_5_gets_3_1_1(void **state) {
	(void)state;
	connects_with_3_1_1(HANGS_UP_ON_5, 2);
}

static void a_refused_subscription_is_reported(void **state) {
	struct actor actor;

	(void)state;
	actor_start(&actor, DECLINES_5);
	struct mqtt_options client = harness_options(actor.server);
	client.version = MQTT_VERSION_3_1_1;
	init_subscribed(&client, "forbidden/#");
	harness_await(&harness, &harness.filters_refused, 1);
	assert_string_equal(harness.topic, "forbidden/#");
	assert_int_equal(harness.code, 0x80);
	harness_finish(&harness);
	actor_end(&actor);
}

static void a_session_taken_over_is_named(void **state) {
	struct actor actor;

	(void)state;
	actor_start(&actor, ENDS_5);
	struct mqtt_options client = harness_options(actor.server);
	harness_init(&harness, &client);
	for (int times = 1; times <= 2; times++) {
		harness_await(&harness, &harness.lost, times);
		assert_int_equal(harness.code, 0x8e);
		assert_non_null(strstr(harness.phrase, "took the session over"));
	}
	harness_finish(&harness);
	actor_end(&actor);
}

int main(void) {
#define TROUBLE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TROUBLE(an_absent_broker_is_tried_again_from_the_first_connect_on),
		TROUBLE(a_killed_broker_is_found_again_and_subscribed_to),
		TROUBLE(a_persistent_session_keeps_messages_while_we_are_away),
		TROUBLE(the_last_will_tells_of_a_death),
		TROUBLE(wrong_passwords_are_named_and_right_ones_accepted),
		TROUBLE(a_frozen_broker_is_given_up),
		TROUBLE(a_full_inbox_pushes_back_and_loses_nothing),
		TROUBLE(a_broker_that_declines_5_gets_3_1_1),
		TROUBLE(a_broker_that_hangs_up_on_5_gets_3_1_1),
		TROUBLE(a_refused_subscription_is_reported),
		TROUBLE(a_session_taken_over_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
