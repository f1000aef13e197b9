/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt.h"

#include "client.h"
#include "error.h"
#include "now.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* How often an established connection is looked at, in case Paho lost it without a word. */
#define LOOK_MS 5000

/* After the connection timeout, for an attempt that Paho does not report on. */
#define ATTEMPT_GRACE_MS 5000

/* Of mqtt_stop's time, what is left to the disconnection itself. */
#define DISCONNECT_MS 500

/* ---- Life ---- */

/* The members of mqtt_options that are strings, to be copied and freed. */
static const size_t strings[] = {
	offsetof(struct mqtt_options, server),
	offsetof(struct mqtt_options, client_id),
	offsetof(struct mqtt_options, username),
	offsetof(struct mqtt_options, password),
	offsetof(struct mqtt_options, ca_file),
	offsetof(struct mqtt_options, certificate_file),
	offsetof(struct mqtt_options, key_file),
	offsetof(struct mqtt_options, state_topic),
};
#define STRINGS (sizeof(strings) / sizeof(strings[0]))

static const char **string_at(struct mqtt_options *options, size_t index) {
	return (const char **)(void *)((char *)options + strings[index]);
}

static int copy_options(struct mqtt_options *to, const struct mqtt_options *from) {
	int r = 0;

	*to = *from;
	for (size_t i = 0; i < STRINGS; i++) {
		const char **string = string_at(to, i);
		if (!*string)
			continue;
		*string = strdup(*string);
		if (!*string)
			r = -ENOMEM;
	}
	return r;
}

static void free_options(struct mqtt_options *options) {
	char *password = (char *)(uintptr_t)options->password;

	if (password)
		explicit_bzero(password, strlen(password));
	for (size_t i = 0; i < STRINGS; i++)
		free((void *)(uintptr_t)*string_at(options, i));
}

static int check_options(const struct mqtt_options *options) {
	const char *files[] = { options->ca_file, options->certificate_file, options->key_file };

	if (!options->server || !options->client_id || options->client_id[0] == '\0')
		return -EINVAL;
	if (options->back_off_min_ms == 0 || options->back_off_max_ms < options->back_off_min_ms)
		return -EINVAL;
	if (options->window == 0 || options->keep_alive_s == 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i] && access(files[i], R_OK) < 0)
			return -errno;
	}
	return 0;
}

static int init_session(struct mqtt *mqtt) {
	const struct mqtt_options *options = &mqtt->options;
	const struct session_options session = {
		.auto_version = options->version == MQTT_VERSION_AUTO,
		.attempt_ms = options->connect_timeout_s * 1000 + ATTEMPT_GRACE_MS,
		.back_off_min_ms = options->back_off_min_ms,
		.back_off_max_ms = options->back_off_max_ms,
		.seed = options->seed,
	};

	return session_init(&mqtt->session, &session,
		options->version == MQTT_VERSION_AUTO ? MQTT_VERSION_5 : (int)options->version);
}

int mqtt_create(struct mqtt **ret_mqtt, const struct mqtt_options *options, struct inbox *inbox) {
	int r = check_options(options);
	if (r < 0)
		return r;

	struct mqtt *mqtt = calloc(1, sizeof(*mqtt));
	if (!mqtt)
		return -ENOMEM;
	mqtt->inbox = inbox;

	r = copy_options(&mqtt->options, options);
	if (r < 0)
		goto no_session;
	r = init_session(mqtt);
	if (r < 0)
		goto no_session;
	r = window_init(&mqtt->unsent, UNSENT_MAX);
	if (r < 0)
		goto no_unsent;
	r = window_init(&mqtt->unacknowledged, options->window);
	if (r < 0)
		goto no_unacknowledged;

	unsetenv("http_proxy");
	unsetenv("https_proxy");
	r = connect_prepare(mqtt, dialect_of(mqtt->session.version));
	if (r == 0) {
		*ret_mqtt = mqtt;
		return 0;
	}

	window_finish(&mqtt->unacknowledged);
no_unacknowledged:
	window_finish(&mqtt->unsent);
no_unsent:
	session_finish(&mqtt->session);
no_session:
	free_options(&mqtt->options);
	free(mqtt);
	return r;
}

void mqtt_destroy(struct mqtt *mqtt) {
	if (!mqtt)
		return;
	for (int dialect = 0; dialect < DIALECTS; dialect++) {
		if (mqtt->clients[dialect])
			MQTTAsync_destroy(&mqtt->clients[dialect]);
	}
	while (mqtt->filters) {
		struct filter *filter = mqtt->filters;
		mqtt->filters = filter->next;
		free(filter);
	}
	window_finish(&mqtt->unacknowledged);
	window_finish(&mqtt->unsent);
	session_finish(&mqtt->session);
	text_finish(&mqtt->topic);
	free_options(&mqtt->options);
	free(mqtt);
}

/* ---- Connecting ---- */

static void try_to_connect(struct mqtt *mqtt, int version) {
	enum dialect dialect = dialect_of(version);

	session_begin(&mqtt->session);
	int r = connect_prepare(mqtt, dialect);
	if (r < 0) {
		callbacks_refused(mqtt, MQTTASYNC_FAILURE, error_text(r));
		return;
	}

	mqtt->client = mqtt->clients[dialect];
	r = connect_start(mqtt, dialect);
	if (r != MQTTASYNC_SUCCESS)
		callbacks_refused(mqtt, r, MQTTAsync_strerror(r));
}

/* ---- Subscribing ---- */

static struct filter *find_filter(struct mqtt *mqtt, const char *text) {
	struct filter *filter = mqtt->filters;

	while (filter && strcmp(filter->text, text) != 0)
		filter = filter->next;
	return filter;
}

int mqtt_subscribe(struct mqtt *mqtt, const char *text, int qos) {
	struct filter *filter = find_filter(mqtt, text);

	if (!filter) {
		size_t size = strlen(text) + 1;
		filter = calloc(1, sizeof(*filter) + size);
		if (!filter)
			return -ENOMEM;
		memcpy(filter->text, text, size);
		filter->mqtt = mqtt;
		filter->next = mqtt->filters;
		mqtt->filters = filter;
	}
	filter->wanted = true;
	filter->qos = qos;
	filter->sent_in = 0;
	return 0;
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *text) {
	struct filter *filter = find_filter(mqtt, text);

	if (!filter || !filter->wanted)
		return;
	filter->wanted = false;
	filter->sent_in = 0;
}

static void send_filter(struct filter *filter, const struct session *session) {
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	MQTTAsync client = filter->mqtt->client;
	int r;

	callbacks_subscribe(filter, &options, dialect_of(session->version));
	/* Retained readings come with a new subscription, not with each reconnection. */
	options.subscribeOptions.retainHandling = 1;
	if (filter->wanted)
		r = MQTTAsync_subscribe(client, filter->text, filter->qos, &options);
	else
		r = MQTTAsync_unsubscribe(client, filter->text, &options);
	if (r == MQTTASYNC_SUCCESS)
		filter->sent_in = session->connections;
}

/* Subscriptions live as long as the session; one that was removed in an earlier connection is taken
 * back in this one, in case the broker still knows it. */
static void send_filters(struct mqtt *mqtt, const struct session *session) {
	for (struct filter *filter = mqtt->filters; filter; filter = filter->next) {
		if (filter->sent_in != session->connections)
			send_filter(filter, session);
	}
}

/* ---- Sending ---- */

static int add_number(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t number) {
	MQTTProperty property = { .identifier = code };

	property.value.integer4 = number;
	return MQTTProperties_add(properties, &property);
}

static int add_bytes(MQTTProperties *properties, enum MQTTPropertyCodes code, struct span bytes) {
	MQTTProperty property = { .identifier = code };

	property.value.data.data = (char *)(uintptr_t)bytes.data;
	property.value.data.len = (int)bytes.length;
	return MQTTProperties_add(properties, &property);
}

/* Only for MQTT 5; the caller frees them. */
static void add_properties(MQTTProperties *properties, const struct mail *mail) {
	if (mail->expiry_s > 0)
		(void)add_number(
			properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, mail->expiry_s);
	if (mail->response_topic.length > 0)
		(void)add_bytes(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, mail->response_topic);
	if (mail->correlation.length > 0)
		(void)add_bytes(properties, MQTTPROPERTY_CODE_CORRELATION_DATA, mail->correlation);
}

/* The message has its place in the window. */
static int hand_over(struct mqtt *mqtt, const struct mail *mail, struct window *window) {
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	enum dialect dialect = mqtt->client == mqtt->clients[DIALECT_5] ? DIALECT_5 : DIALECT_3_1_1;

	text_reset(&mqtt->topic);
	text_add(&mqtt->topic, mail->topic);
	text_add_char(&mqtt->topic, '\0');
	if (text_failed(&mqtt->topic))
		return -ENOMEM;

	callbacks_send(window, &options, dialect);
	if (dialect == DIALECT_5)
		add_properties(&options.properties, mail);
	int r = MQTTAsync_send(mqtt->client, mqtt->topic.data, (int)mail->payload.length,
		mail->payload.data, mail->qos, mail->retained, &options);
	MQTTProperties_free(&options.properties);
	return r == MQTTASYNC_SUCCESS ? 0 : E_BROKER;
}

static int send_before(struct mqtt *mqtt, const struct mail *mail, int64_t deadline_ms) {
	struct window *window = mail->qos > 0 ? &mqtt->unacknowledged : &mqtt->unsent;
	int r = E_BROKER;

	if (!mqtt->client || session_snapshot(&mqtt->session).phase != PHASE_CONNECTED)
		goto failed;
	if (!window_take(window, deadline_ms)) {
		r = E_OVERFLOW;
		goto failed;
	}

	r = hand_over(mqtt, mail, window);
	if (r == 0) {
		mqtt->sent_bytes += mail->topic.length + mail->payload.length;
		return 0;
	}
	window_return(window);
failed:
	mqtt->send_failures++;
	return r;
}

int mqtt_send(struct mqtt *mqtt, const struct mail *mail) {
	return send_before(mqtt, mail, monotonic_ms() + mqtt->options.window_wait_ms);
}

uint32_t mqtt_send_all(struct mqtt *mqtt, const struct outbox *outbox) {
	/* One deadline for all: a broker that takes nothing must not hold the lane for hours. */
	int64_t deadline = monotonic_ms() + mqtt->options.window_wait_ms;
	struct span rest = outbox_mail(outbox);
	struct mail mail;
	uint32_t sent = 0;

	while (mail_unpack(&rest, &mail))
		sent += send_before(mqtt, &mail, deadline) == 0;
	return sent;
}

static int send_state(struct mqtt *mqtt, const char *state) {
	const struct mail mail = {
		.kind = MAIL_MESSAGE,
		.qos = 1,
		.retained = true,
		.topic = span_text(mqtt->options.state_topic),
		.payload = span_text(state),
	};

	return mqtt->options.state_topic ? mqtt_send(mqtt, &mail) : 0;
}

/* ---- Tending ---- */

static int64_t tend_connection(struct mqtt *mqtt, const struct session *session) {
	if (!MQTTAsync_isConnected(mqtt->client)) {
		callbacks_lost(mqtt, 0);
		return -1;
	}
	if (mqtt->announced_in != session->connections && send_state(mqtt, ONLINE) == 0)
		mqtt->announced_in = session->connections;
	send_filters(mqtt, session);
	return LOOK_MS;
}

/* An attempt that Paho has not reported on in time. */
static void give_up(struct mqtt *mqtt) {
	if (MQTTAsync_isConnected(mqtt->client))
		callbacks_connected(mqtt, false);
	else
		callbacks_refused(mqtt, MQTTASYNC_FAILURE, "no answer in time");
}

int64_t mqtt_tend(struct mqtt *mqtt) {
	struct session session = session_snapshot(&mqtt->session);
	int64_t left = session.due_ms - monotonic_ms();

	if (session.phase == PHASE_CONNECTED)
		return tend_connection(mqtt, &session);
	if (left > 0)
		return left;
	if (session.phase == PHASE_CONNECTING) {
		give_up(mqtt);
		return -1;
	}
	try_to_connect(mqtt, session.version);
	return mqtt->options.connect_timeout_s * 1000 + ATTEMPT_GRACE_MS;
}

/* ---- Ending ---- */

int mqtt_flush(struct mqtt *mqtt, unsigned timeout_ms) {
	int64_t deadline = monotonic_ms() + timeout_ms;

	if (window_await_empty(&mqtt->unsent, deadline) &&
		window_await_empty(&mqtt->unacknowledged, deadline))
		return 0;
	return -ETIMEDOUT;
}

void mqtt_stop(struct mqtt *mqtt, unsigned timeout_ms) {
	int64_t deadline = monotonic_ms() + timeout_ms;
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
	const MQTTAsync_disconnectOptions v5 = MQTTAsync_disconnectOptions_initializer5;
	struct session session = session_snapshot(&mqtt->session);

	session_stop(&mqtt->session);
	if (session.phase != PHASE_CONNECTED)
		return;

	(void)send_state(mqtt, OFFLINE);
	(void)mqtt_flush(mqtt, timeout_ms > DISCONNECT_MS ? timeout_ms - DISCONNECT_MS : 0);
	if (dialect_of(session.version) == DIALECT_5)
		options = v5;
	callbacks_disconnect(mqtt, &options, dialect_of(session.version));
	if (MQTTAsync_disconnect(mqtt->client, &options) == MQTTASYNC_SUCCESS)
		session_await_end(&mqtt->session, deadline);
}

struct mqtt_counters mqtt_counters(struct mqtt *mqtt) {
	struct session session = session_snapshot(&mqtt->session);
	struct window unsent = window_snapshot(&mqtt->unsent);
	struct window unacknowledged = window_snapshot(&mqtt->unacknowledged);

	return (struct mqtt_counters){
		.connected = session.phase == PHASE_CONNECTED,
		.version = session.connections > 0 ? session.version : 0,
		.connections = session.connections,
		.refused = session.refused,
		.lost = session.lost,
		.sent = unsent.delivered + unacknowledged.delivered,
		.sent_bytes = mqtt->sent_bytes,
		.send_failures = mqtt->send_failures + unsent.failed + unacknowledged.failed,
		.in_flight = (uint64_t)unsent.in_flight + unacknowledged.in_flight,
	};
}
