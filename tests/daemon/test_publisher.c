/* SPDX-License-Identifier: Apache-2.0 */
/* With the real client, for which there is no broker: what it is told of one comes from the test. */
#include "inbox.h"
#include "publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A few messages fit. */
#define OUTBOX_MAX 200

static struct bench {
	uv_loop_t loop;
	struct inbox *inbox;
	struct publisher publisher;
} bench;

static const struct mail message = {
	.kind = MAIL_MESSAGE,
	.topic = { "xlstm/forecast/pump/flow", 24 },
	.payload = { "{\"mean\":[1,2,3]}", 16 },
};

static int setup(void **state) {
	const struct inbox_options inbox = { .bytes = 1 << 20, .wait_ms = 100 };
	struct mqtt_options options = MQTT_OPTIONS_DEFAULT;
	struct mqtt *mqtt;

	(void)state;
	/* Port 9 of loopback discards, where anybody listens at all. */
	options.server = "tcp://127.0.0.1:9";
	options.client_id = "under-test";
	uv_loop_init(&bench.loop);
	assert_int_equal(inbox_create(&bench.inbox, &inbox), 0);
	assert_int_equal(mqtt_create(&mqtt, &options, bench.inbox), 0);
	return publisher_init(&bench.publisher, &bench.loop, mqtt, OUTBOX_MAX);
}

static int teardown(void **state) {
	(void)state;
	publisher_finish(&bench.publisher, 100);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	inbox_destroy(bench.inbox);
	return uv_loop_close(&bench.loop);
}

static void hear(enum mail_kind kind) {
	publisher_hear(&bench.publisher, &(struct mail){ .kind = kind, .code = 5 });
}

static void add(int count) {
	for (int i = 0; i < count; i++)
		publisher_add(&bench.publisher, &message);
}

static uint32_t waiting(void) {
	return bench.publisher.outboxes[bench.publisher.filling].count;
}

static void assert_waiting(uint32_t count, uint64_t unsent) {
	assert_int_equal(waiting(), count);
	assert_int_equal(bench.publisher.unsent, unsent);
}

static void without_a_connection_nothing_is_kept_and_all_is_counted(void **state) {
	(void)state;
	add(3);
	assert_waiting(0, 3);
	hear(MAIL_REFUSED);
	add(1);
	assert_waiting(0, 4);
	hear(MAIL_CONNECTED);
	add(1);
	assert_waiting(1, 4);
	hear(MAIL_LOST);
	add(1);
	assert_waiting(1, 5);
}

static void what_does_not_fit_is_counted(void **state) {
	(void)state;
	hear(MAIL_CONNECTED);
	add(20);
	assert_in_range(waiting(), 1, 19);
	assert_int_equal(waiting() + bench.publisher.unsent, 20);
}

/* While one outbox is on its way the other fills; afterwards both are empty. */
static void what_waits_is_handed_over_once(void **state) {
	(void)state;
	hear(MAIL_CONNECTED);
	bench.publisher.tend = false;
	add(2);
	publisher_start(&bench.publisher);
	assert_waiting(0, 0);
	add(1);
	publisher_start(&bench.publisher); /* the lane is busy */
	assert_waiting(1, 0);
	lane_wait(&bench.publisher.lane);
	assert_int_equal(publisher_counters(&bench.publisher).send_failures, 2);
	publisher_start(&bench.publisher);
	lane_wait(&bench.publisher.lane);
	assert_int_equal(publisher_counters(&bench.publisher).send_failures, 3);
	assert_int_equal(bench.publisher.outboxes[0].count + bench.publisher.outboxes[1].count, 0);
	publisher_start(&bench.publisher);
	assert_false(lane_is_busy(&bench.publisher.lane));

	/* The lane must not see the outbox that fills. */
	bench.publisher.tend = true;
	publisher_start(&bench.publisher);
	assert_null(bench.publisher.job.outbox);
	lane_wait(&bench.publisher.lane);
}

/* News may mean that the connection wants something; messages never do. */
static void news_has_the_connection_tended(void **state) {
	static const enum mail_kind news[] = { MAIL_CONNECTED, MAIL_REFUSED, MAIL_LOST,
		MAIL_FILTER_REFUSED };

	(void)state;
	for (size_t i = 0; i < sizeof(news) / sizeof(news[0]); i++) {
		bench.publisher.tend = false;
		hear(news[i]);
		assert_true(bench.publisher.tend);
	}
	bench.publisher.tend = false;
	hear(MAIL_MESSAGE);
	assert_false(bench.publisher.tend);
}

static void a_series_of_refusals_is_told_once(void **state) {
	(void)state;
	assert_false(bench.publisher.refused);
	hear(MAIL_REFUSED);
	assert_true(bench.publisher.refused);
	hear(MAIL_CONNECTED);
	assert_false(bench.publisher.refused);
}

static void after_the_end_everything_is_unsent(void **state) {
	(void)state;
	hear(MAIL_CONNECTED);
	add(1);
	publisher_stop(&bench.publisher, 100);
	/* What waited was still handed over. */
	assert_int_equal(publisher_counters(&bench.publisher).send_failures, 1);
	add(1);
	assert_waiting(0, 1);
	publisher_start(&bench.publisher);
	assert_false(lane_is_busy(&bench.publisher.lane));
}

static void one_that_never_began_ends_well(void **state) {
	struct publisher publisher = { 0 };

	(void)state;
	publisher_finish(&publisher, 100);
}

#define PUBLISHER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		PUBLISHER_TEST(without_a_connection_nothing_is_kept_and_all_is_counted),
		PUBLISHER_TEST(what_does_not_fit_is_counted),
		PUBLISHER_TEST(what_waits_is_handed_over_once),
		PUBLISHER_TEST(news_has_the_connection_tended),
		PUBLISHER_TEST(a_series_of_refusals_is_told_once),
		PUBLISHER_TEST(after_the_end_everything_is_unsent),
		cmocka_unit_test(one_that_never_began_ends_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
