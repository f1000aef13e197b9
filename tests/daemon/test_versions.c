/* SPDX-License-Identifier: Apache-2.0 */
#include "versions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_next(
	const struct versions *versions, struct span detector, struct span expected) {
	struct text name = { 0 };

	versions_write_next(versions, SPAN("base-1"), detector, &name);
	assert_true(span_equal(text_span(&name), expected));
	text_finish(&name);
}

static void numbers_are_never_used_twice(void **state) {
	(void)state;
	struct versions versions = { 0 };

	expect_next(&versions, SPAN_EMPTY, SPAN("base-1+1"));
	versions_add(&versions, SPAN("base-1+7"), SPAN("base-1"), 1);
	expect_next(&versions, SPAN_EMPTY, SPAN("base-1+8"));
	versions_add(&versions, SPAN("base-1+9@hall+3/a"), SPAN("base-1"), 2);
	expect_next(&versions, SPAN("pump7"), SPAN("base-1+10@pump7"));
	versions_remove(&versions, versions_find(&versions, SPAN("base-1+9@hall+3/a")));
	assert_null(versions_find(&versions, SPAN("base-1+9@hall+3/a")));
	expect_next(&versions, SPAN_EMPTY, SPAN("base-1+10"));
	versions_add(&versions, SPAN("other"), SPAN_EMPTY, 3);
	expect_next(&versions, SPAN_EMPTY, SPAN("base-1+10"));
	versions_finish(&versions);
}

static void a_name_says_whose_it_is_and_what_it_comes_from(void **state) {
	(void)state;
	assert_true(span_equal(version_detector(SPAN("base-1+9@a/b")), SPAN("a/b")));
	assert_int_equal(version_detector(SPAN("base-1+9")).length, 0);
	assert_true(version_is_of(SPAN("base-1+9"), SPAN("base-1")));
	assert_false(version_is_of(SPAN("base-1"), SPAN("base-1")));
	assert_false(version_is_of(SPAN("base-12+9"), SPAN("base-1")));
}

static void the_oldest_of_too_many_goes_but_not_the_one_in_use(void **state) {
	(void)state;
	struct versions versions = { 0 };

	versions_add(&versions, SPAN("b+1"), SPAN("b"), 1);
	versions_add(&versions, SPAN("b+2@x"), SPAN("b"), 2);
	versions_add(&versions, SPAN("b+3"), SPAN("b+1"), 3);
	assert_null(versions_surplus(&versions, SPAN_EMPTY, 2, SPAN("b+3")));
	versions_add(&versions, SPAN("b+4"), SPAN("b+3"), 4);
	const struct version *surplus = versions_surplus(&versions, SPAN_EMPTY, 2, SPAN("b+4"));
	assert_true(span_equal(text_span(&surplus->name), SPAN("b+1")));
	surplus = versions_surplus(&versions, SPAN_EMPTY, 2, SPAN("b+1"));
	assert_true(span_equal(text_span(&surplus->name), SPAN("b+3")));
	assert_null(versions_surplus(&versions, SPAN("x"), 1, SPAN_EMPTY));
	versions_finish(&versions);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_never_used_twice),
		cmocka_unit_test(a_name_says_whose_it_is_and_what_it_comes_from),
		cmocka_unit_test(the_oldest_of_too_many_goes_but_not_the_one_in_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
