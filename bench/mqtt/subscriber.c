/* SPDX-License-Identifier: Apache-2.0 */
#include "subscriber.h"

#include "program.h"
#include "timing.h"

#include <MQTTAsync.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FILTER       "bench/#"
#define KEEP_ALIVE_S 30

#define START_MS 10000

/* Of `received` until the subscription is there. */
#define NOT_SUBSCRIBED (-1)

static void fail(void) {
	_exit(1);
}

static void count(_Atomic int *received) {
	atomic_fetch_add_explicit(received, 1, memory_order_relaxed);
}

/* ---- libmosquitto ---- */

static void on_message(
	struct mosquitto *mosquitto, void *received, const struct mosquitto_message *message) {
	(void)mosquitto;
	(void)message;
	count(received);
}

static void on_subscribed(
	struct mosquitto *mosquitto, void *received, int id, int filters, const int *granted_qos) {
	(void)mosquitto;
	(void)id;
	(void)filters;
	(void)granted_qos;
	atomic_store((_Atomic int *)received, 0);
}

static void on_connect(struct mosquitto *mosquitto, void *received, int code) {
	(void)received;
	if (code != 0 || mosquitto_subscribe(mosquitto, NULL, FILTER, 0) != MOSQ_ERR_SUCCESS)
		fail();
}

static void run_mosquitto(_Atomic int *received, int port) {
	mosquitto_lib_init();
	struct mosquitto *mosquitto = mosquitto_new(NULL, true, (void *)received);

	mosquitto_message_callback_set(mosquitto, on_message);
	mosquitto_connect_callback_set(mosquitto, on_connect);
	mosquitto_subscribe_callback_set(mosquitto, on_subscribed);
	if (mosquitto_connect(mosquitto, "127.0.0.1", port, KEEP_ALIVE_S) != MOSQ_ERR_SUCCESS)
		fail();
	mosquitto_loop_forever(mosquitto, -1, 1);
}

/* ---- Paho ---- */

/* Of the one client. */
struct paho {
	MQTTAsync client;
	_Atomic int *received;
};

static int on_paho_message(
	void *context, char *topic, int topic_length, MQTTAsync_message *message) {
	struct paho *paho = context;

	(void)topic_length;
	count(paho->received);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

static void on_paho_failure(void *context, MQTTAsync_failureData5 *data) {
	(void)context;
	(void)data;
	fail();
}

static void on_paho_subscribed(void *context, MQTTAsync_successData5 *data) {
	struct paho *paho = context;

	(void)data;
	atomic_store(paho->received, 0);
}

static void on_paho_connected(void *context, MQTTAsync_successData5 *data) {
	struct paho *paho = context;
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

	(void)data;
	options.context = paho;
	options.onSuccess5 = on_paho_subscribed;
	options.onFailure5 = on_paho_failure;
	if (MQTTAsync_subscribe(paho->client, FILTER, 0, &options) != MQTTASYNC_SUCCESS)
		fail();
}

static void run_paho(_Atomic int *received, int port) {
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
	MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
	struct paho paho = { .received = received };
	char server[64];

	snprintf(server, sizeof(server), "tcp://127.0.0.1:%d", port);
	create.MQTTVersion = MQTTVERSION_5;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	if (MQTTAsync_createWithOptions(&paho.client, server, "bench-paho",
		    MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) != MQTTASYNC_SUCCESS ||
		MQTTAsync_setCallbacks(paho.client, &paho, NULL, on_paho_message, NULL) !=
			MQTTASYNC_SUCCESS)
		fail();
	connect.keepAliveInterval = KEEP_ALIVE_S;
	connect.cleanstart = 1;
	connect.context = &paho;
	connect.onSuccess5 = on_paho_connected;
	connect.onFailure5 = on_paho_failure;
	if (MQTTAsync_connect(paho.client, &connect) != MQTTASYNC_SUCCESS)
		fail();
	for (;;)
		pause();
}

/* ---- Either ---- */

static bool is_subscribed(void *context) {
	const struct subscriber *subscriber = context;

	return atomic_load(subscriber->received) != NOT_SUBSCRIBED;
}

static void give_up(const char *what) {
	fprintf(stderr, "subscriber: %s\n", what);
	exit(1);
}

void subscriber_start(struct subscriber *subscriber, enum subscriber_library library, int port) {
	_Atomic int *received = mmap(NULL, sizeof(*subscriber->received), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (received == MAP_FAILED)
		give_up("memory");

	atomic_store(received, NOT_SUBSCRIBED);
	pid_t pid = fork();
	if (pid < 0)
		give_up("fork");
	*subscriber = (struct subscriber){ pid, received };
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (library == SUBSCRIBER_PAHO)
			run_paho(received, port);
		else
			run_mosquitto(received, port);
		_exit(0);
	}
	if (!wait_until(is_subscribed, subscriber, START_MS))
		give_up("no subscription");
}

void subscriber_finish(struct subscriber *subscriber) {
	program_end(subscriber->pid);
	munmap((void *)subscriber->received, sizeof(*subscriber->received));
}
