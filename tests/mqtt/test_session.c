/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"
#include "now.h"
#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct session_options options = {
	.auto_version = true,
	.attempt_ms = 1000,
	.back_off_min_ms = 100,
	.back_off_max_ms = 1600,
	.seed = 1,
};

static void back_off_doubles_up_to_its_limit_with_jitter(void **state) {
	static const int64_t longest[] = { 100, 200, 400, 800, 1600, 1600, 1600 };
	struct random random;

	(void)state;
	random_init(&random, 7);
	for (unsigned failures = 1; failures <= 7; failures++) {
		int64_t low = longest[failures - 1], high = 0;
		for (int i = 0; i < 1000; i++) {
			int64_t ms = backoff_ms(&random, 100, 1600, failures);
			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		int64_t half = longest[failures - 1] / 2;
		assert_in_range(low, half, half + half / 20);
		assert_in_range(high, longest[failures - 1] - half / 20, longest[failures - 1]);
	}
	assert_in_range(backoff_ms(&random, 100, 1600, 4000000000), 800, 1600);
}

static void the_first_attempt_is_due_at_once(void **state) {
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	assert_int_equal(session.phase, PHASE_AWAY);
	assert_true(session.due_ms <= monotonic_ms());
	session_finish(&session);
}

static void a_refusal_is_news_once_and_puts_the_next_attempt_off(void **state) {
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	session_begin(&session);
	assert_true(session_refused(&session, -1, false));
	assert_false(session_refused(&session, -1, false));
	assert_int_equal(session.phase, PHASE_AWAY);
	assert_int_equal(session.refused, 1);
	assert_in_range(session.due_ms - monotonic_ms(), 0, 100);

	for (int i = 0; i < 10; i++) {
		session_begin(&session);
		session_refused(&session, -1, false);
	}
	assert_in_range(session.due_ms - monotonic_ms(), 1600 / 2 - 100, 1600);
	session_finish(&session);
}

static void a_lost_connection_is_news_only_if_there_was_one(void **state) {
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	assert_false(session_lost(&session));
	session_begin(&session);
	assert_true(session_connected(&session));
	assert_false(session_connected(&session));
	assert_false(session_refused(&session, -1, false));
	assert_true(session_lost(&session));
	assert_false(session_lost(&session));
	assert_int_equal(session.connections, 1);
	assert_int_equal(session.lost, 1);
	session_finish(&session);
}

/* Two clients with one name would otherwise throw each other out without a pause. */
static void connections_that_do_not_hold_are_put_off_longer_and_longer(void **state) {
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	for (int i = 0; i < 6; i++) {
		session_begin(&session);
		session_connected(&session);
		session_lost(&session);
	}
	assert_true(session.due_ms - monotonic_ms() > 1600 / 2 - 100);

	session_begin(&session);
	session_connected(&session);
	session.connected_ms -= 2 * 1600;
	session_lost(&session);
	assert_in_range(session.due_ms - monotonic_ms(), 0, 100);
	session_finish(&session);
}

static void a_declined_version_5_falls_back_for_good(void **state) {
	static const int codes[] = { 1, 0x84 };
	struct session session;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(session_init(&session, &options, 5), 0);
		session_begin(&session);
		session_refused(&session, codes[i], false);
		assert_int_equal(session.version, 4);
		for (int k = 0; k < 5; k++) {
			session_begin(&session);
			session_refused(&session, -1, true);
			assert_int_equal(session.version, 4);
		}
		session_finish(&session);
	}
}

static void a_broker_that_hangs_up_is_tried_with_the_other_version(void **state) {
	static const int versions[] = { 5, 4, 4, 5, 5, 4 };
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		session_begin(&session);
		session_refused(&session, -1, true);
		assert_int_equal(session.version, versions[i]);
	}
	session_finish(&session);
}

static void an_absent_broker_or_a_fixed_version_changes_nothing(void **state) {
	struct session_options fixed = options;
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	for (int i = 0; i < 9; i++) {
		session_begin(&session);
		session_refused(&session, -1, false);
		assert_int_equal(session.version, 5);
	}
	session_finish(&session);

	fixed.auto_version = false;
	assert_int_equal(session_init(&session, &fixed, 5), 0);
	session_begin(&session);
	session_refused(&session, 1, true);
	assert_int_equal(session.version, 5);
	session_finish(&session);
}

static void nothing_is_news_once_it_stops(void **state) {
	struct session session;

	(void)state;
	assert_int_equal(session_init(&session, &options, 5), 0);
	session_begin(&session);
	session_connected(&session);
	session_stop(&session);
	assert_false(session_lost(&session));
	assert_int_equal(session.phase, PHASE_AWAY);
	session_await_end(&session, 0);
	session_finish(&session);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_off_doubles_up_to_its_limit_with_jitter),
		cmocka_unit_test(the_first_attempt_is_due_at_once),
		cmocka_unit_test(a_refusal_is_news_once_and_puts_the_next_attempt_off),
		cmocka_unit_test(a_lost_connection_is_news_only_if_there_was_one),
		cmocka_unit_test(connections_that_do_not_hold_are_put_off_longer_and_longer),
		cmocka_unit_test(a_declined_version_5_falls_back_for_good),
		cmocka_unit_test(a_broker_that_hangs_up_is_tried_with_the_other_version),
		cmocka_unit_test(an_absent_broker_or_a_fixed_version_changes_nothing),
		cmocka_unit_test(nothing_is_news_once_it_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
