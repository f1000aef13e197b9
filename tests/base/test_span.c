/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "span.h"

#include <iconv.h>
#include <stdlib.h>

/* What the C library's converter says; glibc's goes on beyond the last code point. */
static bool iconv_accepts(iconv_t converter, const char *bytes, size_t length) {
	uint32_t points[4] = { 0 };
	char copy[4], *to = (char *)points, *from = copy;
	size_t room = sizeof(points), left = length;

	memcpy(copy, bytes, length);
	iconv(converter, NULL, NULL, NULL, NULL);
	if (iconv(converter, &from, &left, &to, &room) == (size_t)-1 || left > 0)
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (points[i] > 0x10ffff)
			return false;
	}
	return true;
}

static void utf8_is_what_iconv_takes_for_it(void **state) {
	iconv_t converter = iconv_open("UCS-4LE", "UTF-8");
	/* All first and second bytes; third and fourth at the edges of what may follow. */
	static const unsigned char edges[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
		0xc0, 0xff };
	(void)state;

	if (converter == (iconv_t)-1)
		skip();
	for (unsigned bytes = 0; bytes < 65536; bytes++) {
		for (size_t third = 0; third < sizeof(edges); third++) {
			for (size_t fourth = 0; fourth < sizeof(edges); fourth++) {
				char text[4] = { (char)(bytes >> 8), (char)bytes,
					(char)edges[third], (char)edges[fourth] };
				for (size_t length = 1; length <= 4; length++) {
					if (length < 4 && fourth > 0)
						continue;
					bool ours = span_is_utf8(span_of(text, length));
					if (ours != iconv_accepts(converter, text, length))
						fail_msg("%02x %02x %02x %02x, %zu bytes: %d",
							text[0] & 0xff, text[1] & 0xff,
							text[2] & 0xff, text[3] & 0xff, length,
							ours);
				}
			}
		}
	}
	iconv_close(converter);
}

static void a_bad_byte_is_found_wherever_it_is(void **state) {
	char text[40];
	(void)state;

	for (size_t length = 1; length <= sizeof(text); length++) {
		for (size_t at = 0; at < length; at++) {
			memset(text, 'a', sizeof(text));
			assert_true(span_is_utf8(span_of(text, length)));
			text[at] = (char)0xff;
			assert_false(span_is_utf8(span_of(text, length)));
		}
	}
	assert_true(span_is_utf8(SPAN_EMPTY));
}

static void control_characters_are_found(void **state) {
	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[3] = { 'a', (char)c, 'b' };
		assert_int_equal(span_has_control(span_of(text, 3)), c < 0x20 || c == 0x7f);
	}
	assert_false(span_has_control(SPAN_EMPTY));
	assert_true(span_has_control(SPAN("a\xc2\x80")));
	assert_true(span_has_control(SPAN("\xc2\x9b"
					  "31m")));
	assert_false(span_has_control(SPAN("\xc2\xa0\xc3\x80")));
}

static void trimming_takes_blanks_at_both_ends(void **state) {
	(void)state;
	assert_true(span_equal(span_trim(SPAN(" \t\r\n a b \n")), SPAN("a b")));
	assert_true(span_equal(span_trim(SPAN("a")), SPAN("a")));
	assert_int_equal(span_trim(SPAN("  ")).length, 0);
	assert_int_equal(span_trim(SPAN_EMPTY).length, 0);
}

static void cutting_ends_with_a_null_rest(void **state) {
	struct span rest = SPAN("a//b");
	(void)state;

	assert_true(span_equal(span_cut(&rest, '/'), SPAN("a")));
	assert_true(span_equal(span_cut(&rest, '/'), SPAN("")));
	assert_non_null(rest.data);
	assert_true(span_equal(span_cut(&rest, '/'), SPAN("b")));
	assert_null(rest.data);

	rest = SPAN("a/");
	span_cut(&rest, '/');
	assert_non_null(rest.data);
	assert_int_equal(span_cut(&rest, '/').length, 0);
	assert_null(rest.data);
}

static void prefixes_and_equality_look_at_lengths(void **state) {
	(void)state;
	assert_true(span_starts_with(SPAN("abc"), SPAN("ab")));
	assert_true(span_starts_with(SPAN("abc"), SPAN_EMPTY));
	assert_true(span_starts_with(SPAN_EMPTY, SPAN_EMPTY));
	assert_false(span_starts_with(SPAN("a"), SPAN("ab")));
	assert_false(span_equal(SPAN("a"), SPAN("ab")));
	assert_true(span_equal(SPAN_EMPTY, SPAN("")));
	assert_true(span_equal(span_text(NULL), SPAN_EMPTY));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_what_iconv_takes_for_it),
		cmocka_unit_test(a_bad_byte_is_found_wherever_it_is),
		cmocka_unit_test(control_characters_are_found),
		cmocka_unit_test(trimming_takes_blanks_at_both_ends),
		cmocka_unit_test(cutting_ends_with_a_null_rest),
		cmocka_unit_test(prefixes_and_equality_look_at_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
