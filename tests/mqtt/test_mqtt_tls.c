/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct broker broker;
static struct harness harness;

static int setup(void **state) {
	const struct broker_options options = { .tls = true, .client_certificates = true };

	(void)state;
	if (!broker_start(&broker, &options)) {
		fprintf(stderr, "no mosquitto here\n");
		exit(77);
	}
	return 0;
}

static int teardown(void **state) {
	(void)state;
	broker_finish(&broker);
	return 0;
}

static struct mqtt_options proper_options(void) {
	struct mqtt_options options = harness_options(broker.server);

	options.ca_file = broker_file(&broker, "ca.crt");
	options.certificate_file = broker_file(&broker, "client.crt");
	options.key_file = broker_file(&broker, "client.key");
	return options;
}

static void certificates_of_both_sides_make_a_connection(void **state) {
	struct mqtt_options options = proper_options();

	(void)state;
	harness_init(&harness, &options);
	assert_int_equal(mqtt_subscribe(harness.mqtt, "echo", 1), 0);
	harness_await(&harness, &harness.connected, 1);
	harness_idle(&harness, 50);
	assert_int_equal(harness_send(&harness, "echo", "secret", 1), 0);
	harness_await(&harness, &harness.messages, 1);
	assert_string_equal(harness.payload, "secret");
	harness_finish(&harness);
}

static void is_refused(const struct mqtt_options *options) {
	harness_init(&harness, options);
	harness_await(&harness, &harness.refused, 2);
	assert_int_equal(harness.connected, 0);
	harness_finish(&harness);
}

static void a_strangers_authority_is_refused_by_default(void **state) {
	struct mqtt_options options = proper_options();

	(void)state;
	options.ca_file = broker_file(&broker, "stranger.crt");
	is_refused(&options);
	assert_non_null(strstr(harness.phrase, "certificate verify failed"));
}

static void the_systems_authorities_do_not_know_our_broker(void **state) {
	struct mqtt_options options = proper_options();

	(void)state;
	options.ca_file = NULL;
	is_refused(&options);
}

static void a_name_that_is_not_the_certificates_is_refused(void **state) {
	struct mqtt_options options = proper_options();
	char server[64];

	(void)state;
	snprintf(server, sizeof(server), "ssl://127.0.0.2:%d", broker.port);
	options.server = server;
	is_refused(&options);
}

static void without_a_certificate_of_ours_the_broker_refuses(void **state) {
	struct mqtt_options options = proper_options();

	(void)state;
	options.certificate_file = NULL;
	options.key_file = NULL;
	is_refused(&options);
}

static void insecure_accepts_any_certificate(void **state) {
	struct mqtt_options options = proper_options();

	(void)state;
	options.ca_file = broker_file(&broker, "stranger.crt");
	options.insecure = true;
	harness_init(&harness, &options);
	harness_await(&harness, &harness.connected, 1);
	harness_finish(&harness);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_of_both_sides_make_a_connection),
		cmocka_unit_test(a_strangers_authority_is_refused_by_default),
		cmocka_unit_test(the_systems_authorities_do_not_know_our_broker),
		cmocka_unit_test(a_name_that_is_not_the_certificates_is_refused),
		cmocka_unit_test(without_a_certificate_of_ours_the_broker_refuses),
		cmocka_unit_test(insecure_accepts_any_certificate),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
