/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"
#include "nodelay.h"
#include "now.h"
#include "reason.h"

#include <stdio.h>

/*
 * What Paho tells us, on its own threads and with its own mutex held. Everything here copies,
 * pushes and returns; the locks taken (inbox, session, window) are never held while anybody calls
 * into Paho.
 */

/* Places in the broker's Receive Maximum that are left free. */
#define WINDOW_MARGIN 4

/* Paho's words for a connection closed between CONNECT and CONNACK; its code is the same for
 * everything. */
#define HUNG_UP "TCP connect completion failure"

static void push_news(struct mqtt *mqtt, const struct mail *news, const char *phrase) {
	struct mail mail = *news;

	mail.time_ms = wall_ms();
	mail.payload = span_text(phrase);
	(void)inbox_push(mqtt->inbox, &mail);
}

void callbacks_refused(struct mqtt *mqtt, int code, const char *message) {
	const struct mail news = { .kind = MAIL_REFUSED, .code = code };
	char tls_error[PHRASE_MAX];
	bool hung_up = message && strcmp(message, HUNG_UP) == 0;
	char phrase[2 * PHRASE_MAX];

	monitor_lock(&mqtt->session.monitor);
	memcpy(tls_error, mqtt->tls_error, sizeof(tls_error));
	monitor_unlock(&mqtt->session.monitor);
	const char *detail = tls_error[0] ? tls_error : message;

	if (!session_refused(&mqtt->session, code, hung_up))
		return;
	if (code > 0)
		snprintf(phrase, sizeof(phrase), "%s", reason_text(code));
	else if (hung_up)
		snprintf(phrase, sizeof(phrase), "the broker hung up instead of answering");
	else
		snprintf(phrase, sizeof(phrase), "%s%s%s", reason_text(code), detail ? ": " : "",
			detail ? detail : "");
	push_news(mqtt, &news, phrase);
}

void callbacks_connected(struct mqtt *mqtt, bool known) {
	const struct mail news = {
		.kind = MAIL_CONNECTED,
		.code = session_snapshot(&mqtt->session).version,
		.session = known,
	};

	nodelay_all();
	if (session_connected(&mqtt->session))
		push_news(mqtt, &news, "connected");
}

void callbacks_lost(struct mqtt *mqtt, int code) {
	const struct mail news = { .kind = MAIL_LOST, .code = code };

	if (session_lost(&mqtt->session))
		push_news(mqtt, &news, reason_text(code));
}

static void on_refused(void *context, MQTTAsync_failureData *data) {
	callbacks_refused(
		context, data ? data->code : MQTTASYNC_FAILURE, data ? data->message : NULL);
}

static void on_refused5(void *context, MQTTAsync_failureData5 *data) {
	int code = data->reasonCode > 0 ? (int)data->reasonCode : data->code;

	callbacks_refused(context, code, data->message);
}

static void on_connected(void *context, MQTTAsync_successData *data) {
	callbacks_connected(context, data->alt.connect.sessionPresent);
}

/* Leaves some of the broker's Receive Maximum free, if it names one. */
static unsigned window_within(unsigned window, MQTTProperties *properties) {
	if (!MQTTProperties_hasProperty(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
		return window;

	unsigned most = (unsigned)MQTTProperties_getNumericValue(
		properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
	most = most > 2 * WINDOW_MARGIN ? most - WINDOW_MARGIN : (most + 1) / 2;
	return window < most ? window : most;
}

static void on_connected5(void *context, MQTTAsync_successData5 *data) {
	struct mqtt *mqtt = context;

	window_set_limit(
		&mqtt->unacknowledged, window_within(mqtt->options.window, &data->properties));
	callbacks_connected(mqtt, data->alt.connect.sessionPresent);
}

void callbacks_connect(struct mqtt *mqtt, MQTTAsync_connectOptions *options, enum dialect dialect) {
	options->context = mqtt;
	if (dialect == DIALECT_5) {
		options->onSuccess5 = on_connected5;
		options->onFailure5 = on_refused5;
	} else {
		options->onSuccess = on_connected;
		options->onFailure = on_refused;
	}
}

static void on_lost(void *context, char *cause) {
	(void)cause; /* always NULL */
	callbacks_lost(context, 0);
}

/* A broker of MQTT 5 says why; Paho then does not call on_lost. */
static void on_disconnected5(
	void *context, MQTTProperties *properties, enum MQTTReasonCodes reason) {
	(void)properties;
	callbacks_lost(context, (int)reason);
}

static void on_disconnected(void *context, MQTTAsync_successData *data) {
	(void)data;
	callbacks_lost(context, 0);
}

static void on_disconnected_by_us5(void *context, MQTTAsync_successData5 *data) {
	(void)data;
	callbacks_lost(context, 0);
}

void callbacks_disconnect(
	struct mqtt *mqtt, MQTTAsync_disconnectOptions *options, enum dialect dialect) {
	options->context = mqtt;
	if (dialect == DIALECT_5)
		options->onSuccess5 = on_disconnected_by_us5;
	else
		options->onSuccess = on_disconnected;
}

/* Keeps the first line of OpenSSL's account, the most telling one. */
static int on_tls_error(const char *text, size_t length, void *context) {
	struct mqtt *mqtt = context;
	struct span line = span_trim(span_of(text, length));

	monitor_lock(&mqtt->session.monitor);
	if (mqtt->tls_error[0] == '\0')
		snprintf(mqtt->tls_error, sizeof(mqtt->tls_error), "%.*s", SPAN_PRINT(line));
	monitor_unlock(&mqtt->session.monitor);
	return 1;
}

void callbacks_tls(struct mqtt *mqtt, MQTTAsync_SSLOptions *options) {
	monitor_lock(&mqtt->session.monitor);
	mqtt->tls_error[0] = '\0';
	monitor_unlock(&mqtt->session.monitor);
	options->ssl_error_cb = on_tls_error;
	options->ssl_error_context = mqtt;
}

static void on_sent(void *window, MQTTAsync_successData *data) {
	(void)data;
	window_settle(window, true);
}

static void on_sent5(void *window, MQTTAsync_successData5 *data) {
	(void)data;
	window_settle(window, true);
}

static void on_not_sent(void *window, MQTTAsync_failureData *data) {
	(void)data;
	window_settle(window, false);
}

static void on_not_sent5(void *window, MQTTAsync_failureData5 *data) {
	(void)data;
	window_settle(window, false);
}

void callbacks_send(
	struct window *window, MQTTAsync_responseOptions *options, enum dialect dialect) {
	options->context = window;
	if (dialect == DIALECT_5) {
		options->onSuccess5 = on_sent5;
		options->onFailure5 = on_not_sent5;
	} else {
		options->onSuccess = on_sent;
		options->onFailure = on_not_sent;
	}
}

static void filter_refused(struct filter *filter, int code) {
	const struct mail news = {
		.kind = MAIL_FILTER_REFUSED,
		.code = code,
		.topic = span_text(filter->text),
	};

	/* A connection that broke meanwhile refused nothing; the next one subscribes again. */
	if (code > 0)
		push_news(filter->mqtt, &news, reason_text(code));
}

static void on_not_subscribed(void *filter, MQTTAsync_failureData *data) {
	filter_refused(filter, data->code);
}

static void on_not_subscribed5(void *filter, MQTTAsync_failureData5 *data) {
	filter_refused(filter, data->reasonCode > 0 ? (int)data->reasonCode : data->code);
}

void callbacks_subscribe(
	struct filter *filter, MQTTAsync_responseOptions *options, enum dialect dialect) {
	options->context = filter;
	if (dialect == DIALECT_5)
		options->onFailure5 = on_not_subscribed5;
	else
		options->onFailure = on_not_subscribed;
}

static struct span property_bytes(MQTTProperties *properties, enum MQTTPropertyCodes code) {
	MQTTProperty *property = MQTTProperties_getProperty(properties, code);

	if (!property)
		return SPAN_EMPTY;
	return span_of(property->value.data.data, (size_t)property->value.data.len);
}

/* Whatever this answers, Paho acknowledges the message once it has returned. */
static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message) {
	struct mqtt *mqtt = context;
	MQTTProperties *properties = &message->properties;
	struct mail mail = {
		.kind = MAIL_MESSAGE,
		.time_ms = wall_ms(),
		.qos = (uint8_t)message->qos,
		.retained = message->retained,
		/* Paho says 0 when the topic holds no zero byte. */
		.topic = topic_length > 0 ? span_of(topic, (size_t)topic_length) : span_text(topic),
		.payload = span_of(message->payload, (size_t)message->payloadlen),
	};

	if (message->struct_version >= 1 && properties->count > 0) {
		mail.response_topic = property_bytes(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
		mail.correlation = property_bytes(properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
	}
	(void)inbox_push(mqtt->inbox, &mail);

	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

int callbacks_register(struct mqtt *mqtt, MQTTAsync client, enum dialect dialect) {
	int r = MQTTAsync_setCallbacks(client, mqtt, on_lost, on_message, NULL);

	if (r == MQTTASYNC_SUCCESS && dialect == DIALECT_5)
		r = MQTTAsync_setDisconnected(client, mqtt, on_disconnected5);
	return r;
}
