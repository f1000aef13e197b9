/* SPDX-License-Identifier: Apache-2.0 */
#include "now.h"
#include "window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LONG_MS 60000

static void no_more_places_than_the_limit(void **state) {
	struct window window;

	(void)state;
	assert_int_equal(window_init(&window, 2), 0);
	assert_true(window_take(&window, 0));
	assert_true(window_take(&window, 0));
	assert_false(window_take(&window, monotonic_ms() + 1));
	window_settle(&window, true);
	assert_true(window_take(&window, 0));
	assert_int_equal(window_snapshot(&window).in_flight, 2);
	assert_int_equal(window_snapshot(&window).delivered, 1);
	window_finish(&window);
}

static void *settle_one(void *window) {
	window_settle(window, false);
	return NULL;
}

static void a_settled_message_makes_room_for_the_one_that_waits(void **state) {
	struct window window;
	pthread_t thread;

	(void)state;
	assert_int_equal(window_init(&window, 1), 0);
	assert_true(window_take(&window, 0));
	assert_int_equal(pthread_create(&thread, NULL, settle_one, &window), 0);
	assert_true(window_take(&window, monotonic_ms() + LONG_MS));
	pthread_join(thread, NULL);
	assert_int_equal(window_snapshot(&window).failed, 1);
	window_finish(&window);
}

static void a_smaller_limit_holds_for_what_comes(void **state) {
	struct window window;

	(void)state;
	assert_int_equal(window_init(&window, 3), 0);
	for (int i = 0; i < 3; i++)
		assert_true(window_take(&window, 0));
	window_set_limit(&window, 1);
	window_settle(&window, true);
	window_settle(&window, true);
	assert_false(window_take(&window, 0));
	window_settle(&window, true);
	assert_true(window_take(&window, 0));
	window_finish(&window);
}

static void empty_is_when_all_have_settled_or_were_returned(void **state) {
	struct window window;
	pthread_t thread;

	(void)state;
	assert_int_equal(window_init(&window, 2), 0);
	assert_true(window_await_empty(&window, 0));
	assert_true(window_take(&window, 0));
	assert_false(window_await_empty(&window, 0));
	assert_true(window_take(&window, 0));
	window_return(&window);
	assert_int_equal(pthread_create(&thread, NULL, settle_one, &window), 0);
	assert_true(window_await_empty(&window, monotonic_ms() + LONG_MS));
	pthread_join(thread, NULL);
	window_finish(&window);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_places_than_the_limit),
		cmocka_unit_test(a_settled_message_makes_room_for_the_one_that_waits),
		cmocka_unit_test(a_smaller_limit_holds_for_what_comes),
		cmocka_unit_test(empty_is_when_all_have_settled_or_were_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
