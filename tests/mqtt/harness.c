/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include "now.h"
#include "timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define REFUSALS_KEPT 16

struct mqtt_options harness_options(const char *server) {
	struct mqtt_options options = MQTT_OPTIONS_DEFAULT;

	options.server = server;
	options.client_id = "under-test";
	options.back_off_min_ms = 20;
	options.back_off_max_ms = 160;
	options.seed = 42;
	return options;
}

void harness_init(struct harness *harness, const struct mqtt_options *options) {
	const struct inbox_options inbox = { .bytes = 1 << 20, .wait_ms = 500 };

	*harness = (struct harness){ 0 };
	assert_int_equal(inbox_create(&harness->inbox, &inbox), 0);
	assert_int_equal(mqtt_create(&harness->mqtt, options, harness->inbox), 0);
}

void harness_finish(struct harness *harness) {
	inbox_close(harness->inbox);
	mqtt_stop(harness->mqtt, 2000);
	mqtt_destroy(harness->mqtt);
	inbox_destroy(harness->inbox);
}

static void copy(char *to, size_t size, struct span from) {
	snprintf(to, size, "%.*s", SPAN_PRINT(from));
}

static void note_news(struct harness *harness, const struct mail *mail) {
	switch (mail->kind) {
	case MAIL_CONNECTED: harness->connected++; break;
	case MAIL_REFUSED:
		harness->refused_at_ms[harness->refused++ % REFUSALS_KEPT] = monotonic_ms();
		break;
	case MAIL_LOST: harness->lost++; break;
	case MAIL_FILTER_REFUSED: harness->filters_refused++; break;
	default: fail_msg("unknown mail %d", mail->kind);
	}
	harness->code = mail->code;
	harness->session = mail->session;
	harness->tend_at_ms = 0;
	copy(harness->phrase, sizeof(harness->phrase), mail->payload);
	if (mail->kind == MAIL_FILTER_REFUSED)
		copy(harness->topic, sizeof(harness->topic), mail->topic);
}

static void note_message(struct harness *harness, const struct mail *mail) {
	harness->messages++;
	harness->retained = mail->retained;
	harness->qos = mail->qos;
	copy(harness->topic, sizeof(harness->topic), mail->topic);
	copy(harness->payload, sizeof(harness->payload), mail->payload);
	copy(harness->response_topic, sizeof(harness->response_topic), mail->response_topic);
	copy(harness->correlation, sizeof(harness->correlation), mail->correlation);
}

void harness_turn(struct harness *harness) {
	if (monotonic_ms() >= harness->tend_at_ms) {
		int64_t wait = mqtt_tend(harness->mqtt);
		harness->tend_at_ms = wait < 0 ? INT64_MAX : monotonic_ms() + wait;
	}

	struct span rest = inbox_take(harness->inbox);
	struct mail mail;
	while (mail_unpack(&rest, &mail)) {
		if (mail.kind == MAIL_MESSAGE)
			note_message(harness, &mail);
		else
			note_news(harness, &mail);
	}
	assert_int_equal(rest.length, 0);
}

void harness_await(struct harness *harness, const int *counter, int number) {
	int64_t deadline = monotonic_ms() + PATIENCE_MS;

	for (harness_turn(harness); *counter < number; harness_turn(harness)) {
		if (monotonic_ms() > deadline)
			fail_msg("waited in vain; latest news: %s", harness->phrase);
		sleep_ms(1);
	}
}

void harness_idle(struct harness *harness, unsigned ms) {
	int64_t end = monotonic_ms() + ms;

	while (monotonic_ms() < end) {
		harness_turn(harness);
		sleep_ms(1);
	}
}

int harness_send(struct harness *harness, const char *topic, const char *payload, int qos) {
	const struct mail mail = {
		.kind = MAIL_MESSAGE,
		.topic = span_text(topic),
		.payload = span_text(payload),
		.qos = (uint8_t)qos,
	};

	return mqtt_send(harness->mqtt, &mail);
}
