/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include "sanitizers.h"
#include "timing.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A test that waits for something else does not look after its connection. */
#define KEEP_ALIVE_S 3600

/* The broker is busy, too, where sanitized tests run beside each other. */
#define ANSWER_MS (SANITIZED ? 60000 : 10000)
#define TURN_MS   20

static void check(int code, const char *what) {
	if (code == MOSQ_ERR_SUCCESS)
		return;
	fprintf(stderr, "peer: %s: %s\n", what, mosquitto_strerror(code));
	exit(1);
}

static void on_answer(struct mosquitto *mosquitto, void *context, int code) {
	(void)mosquitto;
	check(code, "connection");
	((struct peer *)context)->waiting--;
}

static void on_subscribed(
	struct mosquitto *mosquitto, void *context, int id, int count, const int *granted) {
	(void)mosquitto;
	(void)id;
	if (count != 1 || granted[0] >= 128)
		check(MOSQ_ERR_ACL_DENIED, "subscription");
	((struct peer *)context)->waiting--;
}

static void on_published(struct mosquitto *mosquitto, void *context, int id) {
	(void)mosquitto;
	(void)id;
	((struct peer *)context)->waiting--;
}

static char *copy_text(const void *data, size_t length) {
	char *copy = malloc(length + 1);

	if (!copy)
		check(MOSQ_ERR_NOMEM, "message");
	if (length > 0)
		memcpy(copy, data, length);
	copy[length] = '\0';
	return copy;
}

static void on_message(struct mosquitto *mosquitto, void *context,
	const struct mosquitto_message *message, const mosquitto_property *properties) {
	struct peer *peer = context;
	struct peer_message *slot = &peer->queue[peer->tail++ % PEER_QUEUE];
	void *correlation = NULL;
	uint16_t length = 0;

	(void)mosquitto;
	if (peer->tail - peer->head > PEER_QUEUE)
		check(MOSQ_ERR_NOMEM, "queue");
	*slot = (struct peer_message){
		.topic = copy_text(message->topic, strlen(message->topic)),
		.payload = copy_text(message->payload, (size_t)message->payloadlen),
		.length = (size_t)message->payloadlen,
		.qos = message->qos,
		.retained = message->retain,
	};
	mosquitto_property_read_int32(
		properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &slot->expiry_s, false);
	if (mosquitto_property_read_binary(
		    properties, MQTT_PROP_CORRELATION_DATA, &correlation, &length, false))
		slot->correlation = copy_text(correlation, length);
	free(correlation);
}

static void turn(struct peer *peer) {
	check(mosquitto_loop(peer->mosquitto, TURN_MS, 1), "loop");
}

static void await_answers(struct peer *peer) {
	int64_t deadline = now_ms() + ANSWER_MS;

	while (peer->waiting > 0) {
		turn(peer);
		if (now_ms() > deadline)
			check(MOSQ_ERR_CONN_LOST, "no answer");
	}
}

void peer_connect(struct peer *peer, int port) {
	*peer = (struct peer){ .waiting = 1 };
	mosquitto_lib_init();
	peer->mosquitto = mosquitto_new(NULL, true, peer);
	if (!peer->mosquitto)
		check(MOSQ_ERR_NOMEM, "new");
	mosquitto_int_option(peer->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	mosquitto_int_option(peer->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_connect_callback_set(peer->mosquitto, on_answer);
	mosquitto_subscribe_callback_set(peer->mosquitto, on_subscribed);
	mosquitto_publish_callback_set(peer->mosquitto, on_published);
	mosquitto_message_v5_callback_set(peer->mosquitto, on_message);
	check(mosquitto_connect(peer->mosquitto, "127.0.0.1", port, KEEP_ALIVE_S), "connect");
	await_answers(peer);
}

static void release(struct peer_message *message) {
	free(message->topic);
	free(message->payload);
	free(message->correlation);
	*message = (struct peer_message){ 0 };
}

void peer_disconnect(struct peer *peer) {
	if (!peer->mosquitto)
		return;
	mosquitto_disconnect(peer->mosquitto);
	mosquitto_loop(peer->mosquitto, TURN_MS, 1);
	mosquitto_destroy(peer->mosquitto);
	peer->mosquitto = NULL;
	mosquitto_lib_cleanup();
	for (unsigned i = 0; i < PEER_QUEUE; i++)
		release(&peer->queue[i]);
}

void peer_subscribe(struct peer *peer, const char *filter, int qos) {
	peer->waiting++;
	check(mosquitto_subscribe(peer->mosquitto, NULL, filter, qos), "subscribe");
	await_answers(peer);
}

void peer_publish(struct peer *peer, const char *topic, const void *payload, size_t length, int qos,
	bool retained) {
	peer->waiting++;
	check(mosquitto_publish(peer->mosquitto, NULL, topic, (int)length, payload, qos, retained),
		"publish");
	await_answers(peer);
}

void peer_request(struct peer *peer, const char *topic, const char *payload,
	const char *response_topic, const char *correlation) {
	mosquitto_property *properties = NULL;

	mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, response_topic);
	mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation,
		(uint16_t)strlen(correlation));
	peer->waiting++;
	check(mosquitto_publish_v5(peer->mosquitto, NULL, topic, (int)strlen(payload), payload, 1,
		      false, properties),
		"publish");
	mosquitto_property_free_all(&properties);
	await_answers(peer);
}

const struct peer_message *peer_next(struct peer *peer, unsigned timeout_ms) {
	int64_t deadline = now_ms() + timeout_ms;

	if (peer->head > 0)
		release(&peer->queue[(peer->head - 1) % PEER_QUEUE]);
	while (peer->head == peer->tail) {
		if (now_ms() > deadline)
			return NULL;
		turn(peer);
	}
	return &peer->queue[peer->head++ % PEER_QUEUE];
}
