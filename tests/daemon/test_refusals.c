/* SPDX-License-Identifier: Apache-2.0 */
#include "caught_log.h"
#include "error.h"
#include "refusals.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_written(const struct refusals *refusals, const char *expected) {
	struct text text = { 0 };

	refusals_write(refusals, &text);
	assert_true(span_equal(text_span(&text), span_text(expected)));
	text_finish(&text);
}

static void they_are_counted_by_name(void **state) {
	struct refusals refusals = { 0 };

	(void)state;
	assert_written(&refusals, "{}");
	refusals_add(&refusals, E_LATE, 1, 0, SPAN("a/b"));
	refusals_add(&refusals, E_LATE, 2, 0, SPAN("a/b"));
	refusals_add(&refusals, E_ENCODING, 1, 0, SPAN("a/b"));
	refusals_add(&refusals, E_SYNTAX, 0, 0, SPAN("a/b"));
	assert_written(&refusals, "{\"late\":3,\"not_utf8\":1}");
	assert_int_equal(refusals.total, 4);
}

static void errors_of_the_system_are_one_kind(void **state) {
	struct refusals refusals = { 0 };

	(void)state;
	refusals_add(&refusals, -ENOMEM, 1, 0, SPAN("a"));
	refusals_add(&refusals, -EIO, 1, 0, SPAN("a"));
	assert_written(&refusals, "{\"system\":2}");
}

static void a_kind_is_told_once_a_minute_at_most(void **state) {
	struct refusals refusals = { 0 };
	int before = lines_logged("");

	(void)state;
	for (int64_t ms = 0; ms < 120000; ms += 100)
		refusals_add(&refusals, E_LATE, 1, ms, SPAN("a/b"));
	assert_int_equal(lines_logged("") - before, 2);
	refusals_add(&refusals, E_SYNTAX, 1, 119999, SPAN("a/b"));
	assert_int_equal(lines_logged("") - before, 3);
}

static void a_hostile_topic_does_not_break_the_log(void **state) {
	struct refusals refusals = { 0 };
	int before = lines_logged("");
	char longest[65536];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	refusals_add(&refusals, E_LATE, 1, 0, SPAN("a\nb\nc"));
	refusals_add(&refusals, E_SYNTAX, 1, 0, SPAN("\xff\xfe"));
	refusals_add(&refusals, E_FORMAT, 1, 0, span_of(longest, sizeof(longest)));
	assert_int_equal(lines_logged("") - before, 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_counted_by_name),
		cmocka_unit_test(errors_of_the_system_are_one_kind),
		cmocka_unit_test(a_kind_is_told_once_a_minute_at_most),
		cmocka_unit_test(a_hostile_topic_does_not_break_the_log),
	};

	return cmocka_run_group_tests(tests, catch_log, release_log);
}
