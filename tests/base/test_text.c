/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"
#include "text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static void assert_json_string(struct span bytes, struct span expected) {
	struct text text = { 0 };

	text_add_json_string(&text, bytes);
	assert_false(text_failed(&text));
	if (!span_equal(text_span(&text), expected))
		fail_msg("%.*s", SPAN_PRINT(text_span(&text)));
	text_finish(&text);
}

static void json_strings_are_escaped(void **state) {
	(void)state;
	assert_json_string(SPAN_EMPTY, SPAN("\"\""));
	assert_json_string(SPAN("plain"), SPAN("\"plain\""));
	assert_json_string(SPAN("\"\\\n\r\t"), SPAN("\"\\\"\\\\\\n\\r\\t\""));
	assert_json_string(SPAN("\x01\x1f\x7f"), SPAN("\"\\u0001\\u001f\\u007f\""));
	assert_json_string(SPAN("a\0b"), SPAN("\"a\\u0000b\""));
	assert_json_string(SPAN("°C €  𝄞"), SPAN("\"°C €  𝄞\""));
}

static void malformed_utf8_becomes_a_replacement_character(void **state) {
	(void)state;
	assert_json_string(SPAN("a\xff"
				"b"),
		SPAN("\"a\xef\xbf\xbd"
		     "b\""));
	assert_json_string(SPAN("\xe2\x82"), SPAN("\"\xef\xbf\xbd\xef\xbf\xbd\""));
	assert_json_string(SPAN("\xed\xa0\x80"), SPAN("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
}

/* Whatever goes in, a parser reads it, and well-formed text comes back the same. */
static void any_bytes_make_valid_json(void **state) {
	struct random random;
	struct text text = { 0 };
	(void)state;

	random_init(&random, 1);
	for (int i = 0; i < 20000; i++) {
		char bytes[24];
		size_t length = random_next(&random) % sizeof(bytes);
		for (size_t j = 0; j < length; j++)
			bytes[j] = (char)random_next(&random);

		text_reset(&text);
		text_add_json_string(&text, span_of(bytes, length));
		json_t *json =
			json_loadb(text.data, text.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		if (span_is_utf8(span_of(bytes, length))) {
			assert_int_equal(json_string_length(json), length);
			assert_memory_equal(json_string_value(json), bytes, length);
		}
		json_decref(json);
	}
	text_finish(&text);
}

static void what_is_no_number_is_null_in_json(void **state) {
	struct text text = { 0 };
	(void)state;

	text_add_json_number(&text, NAN);
	text_add_json_number(&text, INFINITY);
	text_add_json_number(&text, -INFINITY);
	text_add_json_number(&text, -1.25);
	assert_true(span_equal(text_span(&text), SPAN("nullnullnull-1.25")));
	text_finish(&text);
}

static void text_grows_and_is_reused(void **state) {
	struct text text = { 0 };
	(void)state;

	for (int i = 0; i < 100000; i++)
		text_add_format(&text, "%d,", i % 10);
	assert_int_equal(text.length, 200000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(text.data[2 * i], '0' + i % 10);

	char *before = text.data;
	text_reset(&text);
	assert_int_equal(text.length, 0);
	text_add_char(&text, 'x');
	assert_ptr_equal(text.data, before);
	text_finish(&text);
	assert_null(text.data);
}

static void a_failed_write_makes_the_rest_nothing(void **state) {
	struct text text = { 0 };
	(void)state;

	text_add(&text, SPAN("a"));
	assert_null(text_reserve(&text, SIZE_MAX / 2));
	assert_true(text_failed(&text));
	text_add(&text, SPAN("b"));
	text_add_format(&text, "%d", 1);
	text_add_json_string(&text, SPAN("c"));
	text_add_json_number(&text, 1);
	assert_true(span_equal(text_span(&text), SPAN("a")));
	text_reset(&text);
	assert_false(text_failed(&text));
	text_add(&text, SPAN("b"));
	assert_true(span_equal(text_span(&text), SPAN("b")));
	text_finish(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(malformed_utf8_becomes_a_replacement_character),
		cmocka_unit_test(any_bytes_make_valid_json),
		cmocka_unit_test(what_is_no_number_is_null_in_json),
		cmocka_unit_test(text_grows_and_is_reused),
		cmocka_unit_test(a_failed_write_makes_the_rest_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
