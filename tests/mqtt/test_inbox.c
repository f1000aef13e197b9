/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "inbox.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define BYTES 65536

/* Longer than any test waits for room on purpose. */
#define LONG_MS 60000

static void count_wake(void *context) {
	atomic_fetch_add((_Atomic int *)context, 1);
}

static struct inbox *create(unsigned wait_ms, _Atomic int *wakes) {
	const struct inbox_options options = {
		.bytes = BYTES,
		.wait_ms = wait_ms,
		.wake = wakes ? count_wake : NULL,
		.context = wakes,
	};
	struct inbox *inbox;

	assert_int_equal(inbox_create(&inbox, &options), 0);
	return inbox;
}

static struct mail message(const char *payload) {
	return (struct mail){
		.kind = MAIL_MESSAGE,
		.topic = SPAN("t"),
		.payload = span_text(payload),
	};
}

/* Pushes messages of 100 bytes until one is refused; returns how many went in. */
static int fill(struct inbox *inbox) {
	char payload[101];
	int count = 0;

	memset(payload, 'x', 100);
	payload[100] = '\0';
	struct mail mail = message(payload);
	while (inbox_push(inbox, &mail) == 0)
		count++;
	return count;
}

static void what_is_pushed_is_taken_in_order(void **state) {
	struct inbox *inbox = create(0, NULL);
	struct mail first = message("1"), second = message("2"), mail;

	(void)state;
	assert_int_equal(inbox_push(inbox, &first), 0);
	assert_int_equal(inbox_push(inbox, &second), 0);

	struct span rest = inbox_take(inbox);
	assert_true(mail_unpack(&rest, &mail));
	assert_true(span_equal(mail.payload, SPAN("1")));
	assert_true(mail_unpack(&rest, &mail));
	assert_true(span_equal(mail.payload, SPAN("2")));
	assert_false(mail_unpack(&rest, &mail));
	assert_int_equal(inbox_take(inbox).length, 0);
	assert_int_equal(inbox_counters(inbox).messages, 2);
	assert_int_equal(inbox_counters(inbox).bytes, 4);
	inbox_destroy(inbox);
}

static void mail_that_was_taken_stays_while_more_comes(void **state) {
	struct inbox *inbox = create(0, NULL);
	struct mail before = message("before"), after = message("after!"), mail;

	(void)state;
	assert_int_equal(inbox_push(inbox, &before), 0);
	struct span rest = inbox_take(inbox);
	assert_int_equal(inbox_push(inbox, &after), 0);
	assert_true(mail_unpack(&rest, &mail));
	assert_true(span_equal(mail.payload, SPAN("before")));

	rest = inbox_take(inbox);
	assert_true(mail_unpack(&rest, &mail));
	assert_true(span_equal(mail.payload, SPAN("after!")));
	inbox_destroy(inbox);
}

static void mail_wakes_only_who_has_seen_nothing(void **state) {
	_Atomic int wakes = 0;
	struct inbox *inbox = create(0, &wakes);
	struct mail mail = message("x");

	(void)state;
	inbox_push(inbox, &mail);
	inbox_push(inbox, &mail);
	assert_int_equal(wakes, 1);
	assert_true(inbox_take(inbox).length > 0);
	inbox_push(inbox, &mail);
	assert_true(inbox_take(inbox).length > 0);
	assert_int_equal(inbox_take(inbox).length, 0);
	assert_int_equal(wakes, 1);
	inbox_push(inbox, &mail);
	assert_int_equal(wakes, 2);
	inbox_destroy(inbox);
}

static void mail_that_is_shed_wakes_nobody(void **state) {
	_Atomic int wakes = 0;
	struct inbox *inbox = create(0, &wakes);
	struct mail mail = message("");
	char *large = calloc(1, BYTES);

	(void)state;
	mail.payload = span_of(large, BYTES);
	assert_int_equal(inbox_push(inbox, &mail), E_TOO_LARGE);
	assert_int_equal(wakes, 0);
	mail = message("x");
	assert_int_equal(inbox_push(inbox, &mail), 0);
	assert_int_equal(wakes, 1);
	free(large);
	inbox_destroy(inbox);
}

static void a_full_inbox_sheds_and_counts_but_takes_news(void **state) {
	struct inbox *inbox = create(1, NULL);
	const struct mail news = { .kind = MAIL_LOST, .payload = SPAN("gone") };
	struct mail mail;

	(void)state;
	int count = fill(inbox);
	assert_true((size_t)count * 100 < BYTES);
	assert_true((size_t)count * 100 > BYTES / 2);
	assert_int_equal(inbox_counters(inbox).shed, 1);
	assert_int_equal(inbox_counters(inbox).waits, 1);
	assert_int_equal(inbox_push(inbox, &news), 0);

	struct span rest = inbox_take(inbox);
	for (int i = 0; i < count; i++) {
		assert_true(mail_unpack(&rest, &mail));
		assert_int_equal(mail.kind, MAIL_MESSAGE);
	}
	assert_true(mail_unpack(&rest, &mail));
	assert_int_equal(mail.kind, MAIL_LOST);
	assert_int_equal(inbox_counters(inbox).messages, count);
	inbox_destroy(inbox);
}

static void news_without_end_is_bounded_too(void **state) {
	struct inbox *inbox = create(0, NULL);
	const struct mail news = { .kind = MAIL_REFUSED, .payload = SPAN("no connection") };
	int count = 0;

	(void)state;
	while (inbox_push(inbox, &news) == 0)
		assert_true(++count < BYTES);
	inbox_destroy(inbox);
}

static void what_the_inbox_can_not_hold_is_refused_at_once(void **state) {
	struct inbox *inbox = create(LONG_MS, NULL);
	struct mail mail = message("");
	char *large = calloc(1, BYTES);

	(void)state;
	mail.payload = span_of(large, BYTES);
	assert_int_equal(inbox_push(inbox, &mail), E_TOO_LARGE);
	assert_int_equal(inbox_counters(inbox).too_large, 1);
	assert_int_equal(inbox_counters(inbox).waits, 0);
	free(large);
	inbox_destroy(inbox);
}

static void *push_one(void *inbox) {
	struct mail mail = message("waited");

	return inbox_push(inbox, &mail) == 0 ? inbox : NULL;
}

static void await_waiting(struct inbox *inbox, uint64_t waits) {
	while (inbox_counters(inbox).waits < waits)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void a_message_waits_for_room(void **state) {
	const struct inbox_options options = { .bytes = BYTES, .wait_ms = LONG_MS };
	struct inbox *inbox;
	pthread_t thread;
	void *result;
	struct mail mail;
	char large[BYTES - 8192];

	(void)state;
	assert_int_equal(inbox_create(&inbox, &options), 0);
	memset(large, 'x', sizeof(large));
	mail = message("");
	mail.payload = span_of(large, sizeof(large));
	assert_int_equal(inbox_push(inbox, &mail), 0);
	mail.payload = span_of(large, 3960);
	assert_int_equal(inbox_push(inbox, &mail), 0);

	assert_int_equal(pthread_create(&thread, NULL, push_one, inbox), 0);
	await_waiting(inbox, 1);
	/* What is taken makes room when it has been read, and more is asked for. */
	assert_true(inbox_take(inbox).length > 0);
	struct span rest = inbox_take(inbox);
	pthread_join(thread, &result);
	assert_ptr_equal(result, inbox);
	assert_int_equal(inbox_counters(inbox).shed, 0);

	if (rest.length == 0)
		rest = inbox_take(inbox);
	assert_true(mail_unpack(&rest, &mail));
	assert_true(span_equal(mail.payload, SPAN("waited")));
	inbox_destroy(inbox);
}

static void closing_ends_the_waiting(void **state) {
	struct inbox *inbox = create(LONG_MS, NULL);
	struct mail mail = message("");
	char large[BYTES - 4096 - 64];
	pthread_t thread;
	void *result;

	(void)state;
	memset(large, 'x', sizeof(large));
	mail.payload = span_of(large, sizeof(large));
	assert_int_equal(inbox_push(inbox, &mail), 0);
	assert_int_equal(pthread_create(&thread, NULL, push_one, inbox), 0);
	await_waiting(inbox, 1);
	inbox_close(inbox);
	pthread_join(thread, &result);
	assert_null(result);
	assert_int_equal(inbox_counters(inbox).shed, 1);
	inbox_destroy(inbox);
}

#define WRITERS  3
#define MESSAGES 20000

struct writer {
	struct inbox *inbox;
	int number;
};

static void *push_many(void *context) {
	struct writer *writer = context;
	char payload[32];

	for (int i = 0; i < MESSAGES; i++) {
		snprintf(payload, sizeof(payload), "%d %d", writer->number, i);
		struct mail mail = message(payload);
		if (inbox_push(writer->inbox, &mail) < 0)
			return NULL;
	}
	return writer;
}

/* Each writer's numbers must come without a gap. */
static void note(const struct mail *mail, int next[WRITERS]) {
	char text[32];
	int number, i;

	snprintf(text, sizeof(text), "%.*s", SPAN_PRINT(mail->payload));
	assert_int_equal(sscanf(text, "%d %d", &number, &i), 2);
	assert_int_equal(i, next[number]);
	next[number]++;
}

static void nothing_is_lost_between_threads(void **state) {
	struct inbox *inbox = create(LONG_MS, NULL);
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	int next[WRITERS] = { 0 }, count = 0;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ inbox, i };
		assert_int_equal(pthread_create(&threads[i], NULL, push_many, &writers[i]), 0);
	}
	while (count < WRITERS * MESSAGES) {
		struct span rest = inbox_take(inbox);
		struct mail mail;
		while (mail_unpack(&rest, &mail)) {
			note(&mail, next);
			count++;
		}
		assert_int_equal(rest.length, 0);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(inbox_counters(inbox).shed, 0);
	inbox_destroy(inbox);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pushed_is_taken_in_order),
		cmocka_unit_test(mail_that_was_taken_stays_while_more_comes),
		cmocka_unit_test(mail_wakes_only_who_has_seen_nothing),
		cmocka_unit_test(mail_that_is_shed_wakes_nobody),
		cmocka_unit_test(a_full_inbox_sheds_and_counts_but_takes_news),
		cmocka_unit_test(news_without_end_is_bounded_too),
		cmocka_unit_test(what_the_inbox_can_not_hold_is_refused_at_once),
		cmocka_unit_test(a_message_waits_for_room),
		cmocka_unit_test(closing_ends_the_waiting),
		cmocka_unit_test(nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
