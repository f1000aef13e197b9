/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LENGTH 64

/* A first value far away spoils the base that floats are relative to; once the scale is that of the
 * series again, so is the base. */
static void a_first_value_far_off_is_forgotten(void **unused) {
	(void)unused;
	struct history history = { 0 };
	float values[LENGTH];
	int moved = 0;
	history_push(&history, values, LENGTH, 0, 0);
	for (int t = 1; t < 200000; t++) {
		history_push(&history, values, LENGTH, 1e9 + t % 7, 0);
		if (!history_is_far(&history, history.newest))
			continue;
		history_rebase(&history, values, LENGTH);
		moved++;
	}
	assert_int_equal(moved, 1);
	for (int k = 0; k < LENGTH; k++)
		assert_true(history_back(&history, values, LENGTH, (uint64_t)k) ==
			    1e9 + (199999 - k) % 7);
}

static void the_past_before_the_first_tick_is_the_oldest_kept(void **unused) {
	(void)unused;
	struct history history = { 0 };
	float values[LENGTH];
	for (int t = 0; t < 3; t++)
		history_push(&history, values, LENGTH, 10 + t, 0);
	assert_true(history_back(&history, values, LENGTH, 2) == 10);
	assert_true(history_back(&history, values, LENGTH, 50) == 10);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_value_far_off_is_forgotten),
		cmocka_unit_test(the_past_before_the_first_tick_is_the_oldest_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
