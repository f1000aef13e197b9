/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_MQTT_HARNESS_H
#define TESTS_MQTT_HARNESS_H

#include "broker.h"
#include "mqtt.h"
#include "peer.h"

/* Longer than anything takes on a busy machine. */
#define PATIENCE_MS 60000

/*
 * A client under test, tended and drained by one thread as the daemon's publish lane and loop do
 * by turns. Keeps the latest news; messages go to `on_message`.
 */
struct harness {
	struct inbox *inbox;
	struct mqtt *mqtt;
	int64_t tend_at_ms;
	int64_t refused_at_ms[16]; /* when each refusal was tended */
	int connected, refused, lost, filters_refused, messages;
	int code; /* of the latest news */
	bool session;
	char phrase[512]; /* of the latest news */
	char topic[256]; /* of the latest message */
	char payload[256];
	char response_topic[256];
	char correlation[256];
	bool retained;
	int qos;
};

/* Options for short tests: quick back-off, a client id of its own. */
struct mqtt_options harness_options(const char *server);

void harness_init(struct harness *harness, const struct mqtt_options *options);
void harness_finish(struct harness *harness);

/* Tends if it is due and drains the inbox. */
void harness_turn(struct harness *harness);

/* Turns until *counter reaches the number, or fails the test. */
void harness_await(struct harness *harness, const int *counter, int number);

/* Turns for a while. */
void harness_idle(struct harness *harness, unsigned ms);

/* Sends text. */
int harness_send(struct harness *harness, const char *topic, const char *payload, int qos);

#endif
