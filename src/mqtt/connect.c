/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "error.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/*
 * What Paho C 1.3.12 makes us do:
 *
 * - A client made for MQTT 5 can't speak 3.1.1, and destroying one while its threads run races. So
 *   there is at most one client for each, and they are destroyed at the end.
 * - It looks only once a second for room below maxInflight. So that is out of the way, and our own
 *   window is narrower.
 * - Its threads inherit the signal mask of whoever connects; signals are the loop's.
 * - Debian's build notes each call of a function for a trace that nobody reads, much of what a
 *   message costs it. So it is told to note errors only, unless somebody asks for the trace.
 */
#define MAX_INFLIGHT 65535

static bool is_tls(const struct mqtt_options *options) {
	struct span server = span_text(options->server);

	return span_starts_with(server, SPAN("ssl://")) ||
	       span_starts_with(server, SPAN("mqtts://")) ||
	       span_starts_with(server, SPAN("wss://"));
}

static void quieten_trace(void) {
	if (!getenv("MQTT_C_CLIENT_TRACE"))
		MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

/* Makes the client that speaks the version, unless there is one. */
int connect_prepare(struct mqtt *mqtt, enum dialect dialect) {
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
	MQTTAsync client;

	if (mqtt->clients[dialect])
		return 0;

	options.MQTTVersion = dialect == DIALECT_5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
	quieten_trace();
	options.maxBufferedMessages = UNSENT_MAX + MAX_INFLIGHT;
	int r = MQTTAsync_createWithOptions(&client, mqtt->options.server, mqtt->options.client_id,
		MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (r == MQTTASYNC_BAD_PROTOCOL || r == MQTTASYNC_BAD_UTF8_STRING)
		return -EINVAL;
	if (r != MQTTASYNC_SUCCESS)
		return E_BROKER;

	r = callbacks_register(mqtt, client, dialect);
	if (r != MQTTASYNC_SUCCESS) {
		MQTTAsync_destroy(&client);
		return E_BROKER;
	}
	mqtt->clients[dialect] = client;
	return 0;
}

static void fill_tls(struct mqtt *mqtt, MQTTAsync_SSLOptions *tls) {
	const struct mqtt_options *options = &mqtt->options;

	tls->trustStore = options->ca_file;
	tls->disableDefaultTrustStore = options->ca_file != NULL;
	tls->keyStore = options->certificate_file;
	tls->privateKey = options->key_file;
	tls->enableServerCertAuth = !options->insecure;
	tls->verify = !options->insecure;
	callbacks_tls(mqtt, tls);
}

static MQTTAsync_connectOptions connect_options(struct mqtt *mqtt, enum dialect dialect) {
	const MQTTAsync_connectOptions v3 = MQTTAsync_connectOptions_initializer;
	const MQTTAsync_connectOptions v5 = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_connectOptions options = dialect == DIALECT_5 ? v5 : v3;

	options.keepAliveInterval = (int)mqtt->options.keep_alive_s;
	options.connectTimeout = (int)mqtt->options.connect_timeout_s;
	options.maxInflight = MAX_INFLIGHT;
	options.username = mqtt->options.username;
	options.password = mqtt->options.password;
	options.MQTTVersion = dialect == DIALECT_5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
	if (dialect == DIALECT_5)
		options.cleanstart = !mqtt->options.persistent;
	else
		options.cleansession = !mqtt->options.persistent;
	callbacks_connect(mqtt, &options, dialect);
	return options;
}

/* Paho's threads start here, and inherit the signal mask. */
static int connect_with_signals_blocked(MQTTAsync client, const MQTTAsync_connectOptions *options) {
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = MQTTAsync_connect(client, options);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int connect_start(struct mqtt *mqtt, enum dialect dialect) {
	MQTTAsync_connectOptions options = connect_options(mqtt, dialect);
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;

	if (is_tls(&mqtt->options)) {
		fill_tls(mqtt, &tls);
		options.ssl = &tls;
	}
	if (mqtt->options.state_topic) {
		will.topicName = mqtt->options.state_topic;
		will.message = OFFLINE;
		will.retained = 1;
		will.qos = 1;
		options.will = &will;
	}
	if (dialect == DIALECT_5 && mqtt->options.persistent) {
		MQTTProperty expiry = { .identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL };

		expiry.value.integer4 = mqtt->options.session_s;
		(void)MQTTProperties_add(&properties, &expiry);
		options.connectProperties = &properties;
	}

	int r = connect_with_signals_blocked(mqtt->clients[dialect], &options);
	MQTTProperties_free(&properties);
	return r;
}
