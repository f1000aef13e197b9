/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_MQTT_H
#define MQTT_MQTT_H

#include "inbox.h"
#include "outbox.h"

/*
 * One connection to an MQTT broker for the daemon's life, over Eclipse Paho C (paho-mqtt3as).
 *
 * Threads. Paho calls back from its own threads, holding its lock; the callbacks copy what they
 * were given into the inbox and return. Everything that calls into Paho (mqtt_tend, mqtt_send,
 * mqtt_stop, mqtt_subscribe, mqtt_unsubscribe) is for one thread at a time, the publish lane,
 * so that nobody who drains the inbox can ever meet Paho's lock. mqtt_counters is for any thread.
 *
 * The connection is tended: call mqtt_tend at the start, after each mail that is not a
 * MAIL_MESSAGE, and when the milliseconds that it returned have passed. It connects, and after
 * each connection announces "online" on the state topic and subscribes; a failed or lost
 * connection is tried again after a random time that doubles from back_off_min_ms to
 * back_off_max_ms, the first connection too.
 */
struct mqtt;

enum mqtt_version {
	MQTT_VERSION_AUTO, /* 5; and 3.1.1 if the broker declines that */
	MQTT_VERSION_3_1_1 = 4,
	MQTT_VERSION_5 = 5,
};

/* Strings are borrowed during mqtt_create only. */
struct mqtt_options {
	const char *server; /* tcp://host:port, ssl://host:port; also mqtt:// and mqtts:// */
	const char *client_id; /* not empty */
	enum mqtt_version version;
	bool persistent; /* the broker keeps the session, and QoS 1 messages, while we are away */
	uint32_t session_s; /* for how long (MQTT 5) */
	unsigned keep_alive_s;
	unsigned connect_timeout_s;
	unsigned back_off_min_ms;
	unsigned back_off_max_ms;
	unsigned window; /* QoS 1 messages sent and not yet acknowledged, at the most */
	unsigned window_wait_ms; /* that mqtt_send waits for room in the window */
	const char *username; /* NULL: none */
	const char *password;
	const char *ca_file; /* PEM; NULL: the system's authorities */
	const char *certificate_file; /* PEM, for mutual TLS; NULL: none */
	const char *key_file;
	bool insecure; /* accepts any certificate: for trials only */
	const char *state_topic; /* retained "online", and the last will "offline"; NULL: none */
	uint64_t seed; /* of the back-off's jitter */
};

#define MQTT_OPTIONS_DEFAULT                                                                       \
	{                                                                                          \
		.server = "tcp://localhost:1883", .client_id = "xlstmd", .session_s = 86400,       \
		.keep_alive_s = 30, .connect_timeout_s = 10, .back_off_min_ms = 250,               \
		.back_off_max_ms = 30000, .window = 16, .window_wait_ms = 5000,                    \
	}

struct mqtt_counters {
	bool connected;
	int version; /* of the connection: 4 for 3.1.1, 5; 0 before the first */
	uint64_t connections; /* made */
	uint64_t refused; /* attempts that failed */
	uint64_t lost;
	uint64_t sent; /* messages handed to the network (QoS 0) or acknowledged (QoS 1) */
	uint64_t sent_bytes; /* of their topics and payloads */
	uint64_t send_failures; /* messages given up: no connection, window full, refused */
	uint64_t in_flight; /* handed to Paho, not yet sent or acknowledged */
};

/* Reads options, makes the client; connects nothing yet. Call it before other threads start: it
 * removes http_proxy and https_proxy from the environment, which Paho would obey for plain MQTT
 * and then hang. The inbox is borrowed until mqtt_destroy. 0, -ENOMEM, -EINVAL for options that
 * make no sense, -ENOENT or -EACCES for certificate files that cannot be read, E_BROKER if Paho
 * declines. */
int mqtt_create(struct mqtt **ret_mqtt, const struct mqtt_options *options, struct inbox *inbox);

/* Call mqtt_stop first if it was ever tended. */
void mqtt_destroy(struct mqtt *mqtt);

/* Adds a filter to what is subscribed to, now or at the next connection, or changes its QoS.
 * Nothing is sent before the next mqtt_tend. 0 or -ENOMEM. */
int mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos);

/* Takes it away again; unknown filters are fine. */
void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter);

/* Does what is due. Returns the milliseconds after which to call again, or -1: not before news. */
int64_t mqtt_tend(struct mqtt *mqtt);

/* Hands one message to Paho, which copies it. QoS 1 and more wait for room in the window.
 * 0, E_BROKER without a connection, E_OVERFLOW if no room came in time. */
int mqtt_send(struct mqtt *mqtt, const struct mail *mail);

/* All messages of an outbox; failures are counted. Returns how many were handed over. */
uint32_t mqtt_send_all(struct mqtt *mqtt, const struct outbox *outbox);

/* Waits until what was handed over has left or been acknowledged. 0 or -ETIMEDOUT. */
int mqtt_flush(struct mqtt *mqtt, unsigned timeout_ms);

/* Flushes, says "offline", disconnects. Takes at most about timeout_ms. */
void mqtt_stop(struct mqtt *mqtt, unsigned timeout_ms);

struct mqtt_counters mqtt_counters(struct mqtt *mqtt);

#endif
