/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_PEER_H
#define SUPPORT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mosquitto;

/* Messages that have come and have not been asked for, at the most. */
#define PEER_QUEUE 4096

/* One received message, with memory of its own. Text is terminated. */
struct peer_message {
	char *topic;
	char *payload;
	size_t length;
	int qos;
	bool retained;
	uint32_t expiry_s; /* MQTT 5 */
	char *correlation; /* MQTT 5, or NULL */
};

/*
 * The other end of a test's broker: a plain client made of libmosquitto, so that what our client
 * says is heard by somebody else's. Works only while one of its functions runs; anything that goes
 * wrong ends the test program.
 */
struct peer {
	struct mosquitto *mosquitto;
	int waiting; /* acknowledgements */
	struct peer_message queue[PEER_QUEUE];
	unsigned head, tail;
};

/* Connects with MQTT 5 to 127.0.0.1. */
void peer_connect(struct peer *peer, int port);
void peer_disconnect(struct peer *peer);

void peer_subscribe(struct peer *peer, const char *filter, int qos);

/* Returns once the broker has it (QoS 1 and 2) or it was written (QoS 0). */
void peer_publish(struct peer *peer, const char *topic, const void *payload, size_t length, int qos,
	bool retained);

/* A request in the manner of MQTT 5. */
void peer_request(struct peer *peer, const char *topic, const char *payload,
	const char *response_topic, const char *correlation);

/* The next message, or NULL after timeout_ms. Valid until the next call. */
const struct peer_message *peer_next(struct peer *peer, unsigned timeout_ms);

#endif
