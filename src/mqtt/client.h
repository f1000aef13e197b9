/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_CLIENT_H
#define MQTT_CLIENT_H

#include "mqtt.h"
#include "session.h"
#include "window.h"

#include <MQTTAsync.h>

/* Private to the mqtt layer: what its client is made of, and the callbacks that Paho gets. */

#define PHRASE_MAX 256

/* What the state topic says. */
#define ONLINE  "online"
#define OFFLINE "offline"

/* A subscription. Kept until the end, because Paho may still report on one that was removed. */
struct filter {
	struct filter *next;
	struct mqtt *mqtt;
	int qos;
	bool wanted;
	uint64_t sent_in; /* number of the connection it was last sent in */
	char text[];
};

/* What a client speaks, and its index. */
enum dialect {
	DIALECT_3_1_1,
	DIALECT_5,
	DIALECTS,
};

/* QoS 0 messages with Paho that the socket has not taken yet. */
#define UNSENT_MAX 1000

struct mqtt {
	struct mqtt_options options; /* with strings of its own */
	struct inbox *inbox;
	struct session session;
	struct window unsent; /* QoS 0 */
	struct window unacknowledged; /* QoS 1 and 2 */
	_Atomic uint64_t sent_bytes;
	_Atomic uint64_t send_failures; /* that never reached Paho */

	/* What OpenSSL said during this attempt; locked by the session's monitor. */
	char tls_error[PHRASE_MAX];

	/* The publish lane's alone. */
	MQTTAsync clients[DIALECTS]; /* made when first needed */
	MQTTAsync client; /* of the current connection or attempt */
	struct filter *filters;
	uint64_t announced_in; /* number of the connection that has heard "online" */
	struct text topic; /* terminated, for Paho */
};

static inline enum dialect dialect_of(int version) {
	return version == MQTT_VERSION_5 ? DIALECT_5 : DIALECT_3_1_1;
}

/* Makes the client that speaks the dialect, unless there is one. 0, -EINVAL or E_BROKER. */
int connect_prepare(struct mqtt *mqtt, enum dialect dialect);

/* Begins an attempt; its result comes by callback. Paho's code. */
int connect_start(struct mqtt *mqtt, enum dialect dialect);

/* Registers the callbacks of a new client. Paho's code. */
int callbacks_register(struct mqtt *mqtt, MQTTAsync client, enum dialect dialect);

/* Fill in who is told how an operation went. */
void callbacks_connect(struct mqtt *mqtt, MQTTAsync_connectOptions *options, enum dialect dialect);
void callbacks_tls(struct mqtt *mqtt, MQTTAsync_SSLOptions *options);
void callbacks_disconnect(
	struct mqtt *mqtt, MQTTAsync_disconnectOptions *options, enum dialect dialect);
void callbacks_send(
	struct window *window, MQTTAsync_responseOptions *options, enum dialect dialect);
void callbacks_subscribe(
	struct filter *filter, MQTTAsync_responseOptions *options, enum dialect dialect);

/* What the callbacks say of an attempt that Paho stays silent about. */
void callbacks_refused(struct mqtt *mqtt, int code, const char *message);
void callbacks_connected(struct mqtt *mqtt, bool known);
void callbacks_lost(struct mqtt *mqtt, int code);

#endif
