/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct output *make_output(void) {
	static const char *const columns[] = { "series", "lead", "mae" };
	struct output *output;

	assert_int_equal(output_create(&output, columns, 3), 0);
	output_add_text(output, SPAN("K\xc3\xbchlung \"7\""));
	output_add_integer(output, 1);
	output_add_real(output, 1.0 / 3);
	output_add_text(output, SPAN("x"));
	output_add_integer(output, INT64_C(9007199254740993));
	output_add_real(output, NAN);
	return output;
}

static void assert_prints(struct output *output, bool json, const char *expected) {
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	assert_int_equal(output_print(output, file, json), 0);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, expected);
	free(text);
	output_destroy(output);
}

static void columns_line_up_by_characters_with_numbers_to_the_right(void **state) {
	(void)state;
	assert_prints(make_output(), false,
		"series                   lead       mae\n"
		"K\xc3\xbchlung \"7\"                 1  0.333333\n"
		"x            9007199254740993         -\n");
}

static void json_keeps_every_digit_and_escapes(void **state) {
	(void)state;
	assert_prints(make_output(), true,
		"[\n"
		"{\"series\":\"K\xc3\xbchlung \\\"7\\\"\",\"lead\":1,\"mae\":0.3333333333333333},\n"
		"{\"series\":\"x\",\"lead\":9007199254740993,\"mae\":null}\n"
		"]\n");
}

static void a_table_without_rows_is_its_heading(void **state) {
	static const char *const columns[] = { "a", "b" };
	struct output *output;

	(void)state;
	assert_int_equal(output_create(&output, columns, 2), 0);
	assert_int_equal(output_row_count(output), 0);
	assert_prints(output, false, "a  b\n");
}

static void a_file_that_takes_nothing_is_an_error(void **state) {
	struct output *output = make_output();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_true(output_print(output, full, true) < 0);
	fclose(full);
	output_destroy(output);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up_by_characters_with_numbers_to_the_right),
		cmocka_unit_test(json_keeps_every_digit_and_escapes),
		cmocka_unit_test(a_table_without_rows_is_its_heading),
		cmocka_unit_test(a_file_that_takes_nothing_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
