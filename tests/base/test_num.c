/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "error.h"
#include "num.h"
#include "random.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define RANDOM_CASES 300000

static double read_or_fail(const char *text) {
	double value;

	if (num_read(span_text(text), &value) != 0)
		fail_msg("\"%s\" was not read", text);
	return value;
}

static void assert_reads_like_strtod(const char *text) {
	double expected = strtod(text, NULL), value = 1234;
	int r = num_read(span_text(text), &value);

	if (isinf(expected))
		assert_int_equal(r, E_NUMBER);
	else if (r != 0 || memcmp(&value, &expected, sizeof(value)) != 0)
		fail_msg("\"%s\": %a, strtod says %a", text, value, expected);
}

static double random_double(struct random *random) {
	for (;;) {
		uint64_t bits = random_next(random);
		double value;
		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			return value;
	}
}

static void numbers_are_read_like_strtod(void **state) {
	static const char *const texts[] = { "0", "-0", "1", "+1", "-1", "0.1", ".5", "5.", "-.5",
		"1e5", "1E5", "1e+5", "1e-5", "1e22", "1e23", "123456789012345678",
		"9007199254740993", "9007199254740992.5", "1.7976931348623157e308",
		"1.7976931348623159e308", "2.2250738585072014e-308", "4.9e-324", "2e-324", "1e-400",
		"1e400", "-1e400", "0e999999999999", "1e-999999999999",
		"0.000000000000000000000000000000000000000000000000001",
		"10000000000000000000000000000000000000000000000000000", "1790000000.25",
		"1790000000123456789", "18446744073709551615", "9999999999999999999999",
		"0.30000000000000004", "8.5e-7", "123456789e-9", "6.02214076e23" };
	struct random random;
	char text[64];
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_reads_like_strtod(texts[i]);

	random_init(&random, 1);
	for (int i = 0; i < RANDOM_CASES; i++) {
		double value = random_double(&random);
		int digits = 1 + (int)(random_next(&random) % 19);

		snprintf(text, sizeof(text), "%.*g", digits, value);
		assert_reads_like_strtod(text);
		snprintf(text, sizeof(text), "%.*f", digits % 12, random_normal(&random) * 1e4);
		assert_reads_like_strtod(text);
	}
}

static void what_is_no_number_is_refused(void **state) {
	static const char *const texts[] = { "", " ", "-", "+", ".", "-.", "e5", "1e", "1e+", "1e-",
		"0x10", "nan", "NaN", "inf", "-inf", "infinity", "1,5", "1 2", "1..2", "--1", "+-1",
		"1e5.5", "1f", "1_000", "٣" };
	double value = 7;
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (num_read(span_text(texts[i]), &value) != E_SYNTAX)
			fail_msg("\"%s\" was read", texts[i]);
	}
	assert_int_equal(num_read(SPAN_EMPTY, &value), E_SYNTAX);
	assert_int_equal(num_read(SPAN("1\0"), &value), E_SYNTAX);
	assert_true(value == 7);
}

static void a_number_of_ten_thousand_digits_is_refused_without_reading_it(void **state) {
	char *text = malloc(10000);
	double value;
	(void)state;

	memset(text, '1', 10000);
	assert_int_equal(num_read(span_of(text, 10000), &value), E_SYNTAX);
	free(text);
}

static void blanks_around_a_number_do_not_matter(void **state) {
	(void)state;
	assert_true(read_or_fail(" \t21.5\r\n") == 21.5);
}

static void integers_are_read_exactly_or_not_at_all(void **state) {
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "+17", 0, 17 },
		{ " 42 ", 0, 42 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775807", 0, -INT64_MAX },
		{ "9223372036854775808", E_NUMBER, 0 },
		{ "99999999999999999999", E_NUMBER, 0 },
		{ "10000000000000000000000", E_NUMBER, 0 },
		{ "1.0", E_SYNTAX, 0 },
		{ "1e3", E_SYNTAX, 0 },
		{ "-", E_SYNTAX, 0 },
		{ "", E_SYNTAX, 0 },
		{ "1-2", E_SYNTAX, 0 },
		{ "+.", E_SYNTAX, 0 },
		{ "5.", E_SYNTAX, 0 },
		{ ".5", E_SYNTAX, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = 0;
		int r = num_read_int(span_text(cases[i].text), &value);
		if (r != cases[i].result || (r == 0 && value != cases[i].value))
			fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long)value);
	}
}

/* Text of the JSON grammar: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_json_number(const char *at) {
	at += *at == '-';
	if (*at == '0')
		at++;
	else if (*at >= '1' && *at <= '9')
		at += strspn(at, "0123456789");
	else
		return false;
	if (*at == '.') {
		size_t digits = strspn(++at, "0123456789");
		if (digits == 0)
			return false;
		at += digits;
	}
	if (*at == 'e') {
		at++;
		at += *at == '+' || *at == '-';
		size_t digits = strspn(at, "0123456789");
		if (digits == 0)
			return false;
		at += digits;
	}
	return *at == '\0';
}

static void assert_written_to_seven_digits(double value) {
	char text[NUM_TEXT_MAX + 1], expected[64];

	memset(text, 'x', sizeof(text));
	size_t length = num_write(text, value);
	if (length >= NUM_TEXT_MAX)
		fail_msg("%a took %zu bytes", value, length);
	text[length] = '\0';
	if (!is_json_number(text))
		fail_msg("%a was written as %s", value, text);

	/* Half of the seventh digit, and what doubles cannot tell apart. */
	snprintf(expected, sizeof(expected), "%.6e", value);
	double again = strtod(text, NULL), unit = fabs(value) < DBL_MIN ? DBL_MIN : 0;
	unit = fmax(unit, pow(10, floor(log10(fabs(value))) - 6));
	if (value != 0 && !(fabs(again - value) <= 0.5000001 * unit))
		fail_msg("%.17g was written as %s", value, text);
	if (value == 0)
		assert_string_equal(text, "0");
}

static void numbers_are_written_to_seven_digits(void **state) {
	struct random random;
	(void)state;

	random_init(&random, 2);
	for (int i = 0; i < RANDOM_CASES; i++) {
		double value = random_double(&random);

		assert_written_to_seven_digits(value);
		assert_written_to_seven_digits((double)(float)random_normal(&random));
		assert_written_to_seven_digits(
			random_normal(&random) * pow(10, 40 * random_uniform(&random) - 20));
	}
}

static void numbers_at_powers_of_ten_and_their_neighbours_are_written_right(void **state) {
	(void)state;

	for (int exponent = -310; exponent <= 308; exponent++) {
		double power = pow(10, exponent), below = power, above = power;

		for (int i = 0; i < 4; i++) {
			assert_written_to_seven_digits(below);
			assert_written_to_seven_digits(-above);
			assert_written_to_seven_digits(power * (1 - 0.5e-7 - i * 1e-16));
			assert_written_to_seven_digits(power * (1 + 0.5e-7 + i * 1e-16));
			below = nextafter(below, 0);
			above = nextafter(above, INFINITY);
		}
	}
	assert_written_to_seven_digits(DBL_MAX);
	assert_written_to_seven_digits(-DBL_MAX);
	assert_written_to_seven_digits(DBL_TRUE_MIN);
}

static void short_numbers_are_written_short(void **state) {
	static const struct {
		double value;
		const char *text;
	} cases[] = { { 0, "0" }, { -0.0, "0" }, { 1, "1" }, { -1, "-1" }, { 4.21, "4.21" },
		{ 0.5, "0.5" }, { 0.1, "0.1" }, { 100, "100" }, { 1200000, "1200000" },
		{ 123456789, "123456800" }, { 0.00001, "0.00001" }, { 1.5e-12, "1.5e-12" },
		{ 1e15, "1e+15" }, { 9999999.6, "10000000" }, { 0.99999996, "1" },
		{ -273.15, "-273.15" }, { 12.5, "12.5" } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[NUM_TEXT_MAX + 1];
		text[num_write(text, cases[i].value)] = '\0';
		assert_string_equal(text, cases[i].text);
	}
}

static void exact_numbers_come_back(void **state) {
	struct random random;
	(void)state;

	random_init(&random, 3);
	for (int i = 0; i < RANDOM_CASES / 4; i++) {
		double value = random_double(&random);
		char text[NUM_TEXT_MAX + 1];

		size_t length = num_write_exact(text, value);
		assert_true(length < NUM_TEXT_MAX);
		text[length] = '\0';
		assert_true(is_json_number(text));
		assert_true(strtod(text, NULL) == value);
		assert_true(read_or_fail(text) == value);
	}
	char text[NUM_TEXT_MAX + 1];
	text[num_write_exact(text, 61.5)] = '\0';
	assert_string_equal(text, "61.5");
}

static void integers_are_written_like_printf(void **state) {
	static const int64_t edges[] = { 0, 1, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN };
	char text[NUM_TEXT_MAX + 1], expected[NUM_TEXT_MAX];
	struct random random;
	(void)state;

	random_init(&random, 4);
	for (int i = 0; i < 10000; i++) {
		int64_t value =
			i < 9 ? edges[i]
			      : (int64_t)random_next(&random) >> (random_next(&random) % 64);
		text[num_write_int(text, value)] = '\0';
		snprintf(expected, sizeof(expected), "%lld", (long long)value);
		assert_string_equal(text, expected);
	}
}

static void a_locale_with_a_decimal_comma_changes_nothing(void **state) {
	static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8" };
	char text[NUM_TEXT_MAX + 1];
	bool set = false;
	(void)state;

	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]) && !set; i++)
		set = setlocale(LC_ALL, locales[i]) != NULL;
	if (!set)
		skip();
	text[num_write(text, 1.5e-12)] = '\0';
	assert_string_equal(text, "1.5e-12");
	text[num_write_exact(text, 0.1)] = '\0';
	assert_string_equal(text, "0.1");
	assert_true(read_or_fail("0.30000000000000004") == 0.30000000000000004);
	setlocale(LC_ALL, "C");
}

static void *read_slow_numbers(void *data) {
	double *sum = data;
	double value;

	for (int i = 0; i < 1000; i++) {
		if (num_read(SPAN("1.7976931348623157e300"), &value) == 0)
			*sum += value / 1e300;
	}
	return NULL;
}

static void threads_may_read_slow_numbers_at_once(void **state) {
	pthread_t threads[4];
	double sums[4] = { 0 };
	(void)state;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_slow_numbers, &sums[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(fabs(sums[i] - 1797.6931348623157) < 1e-6);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_may_read_slow_numbers_at_once),
		cmocka_unit_test(numbers_are_read_like_strtod),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(a_number_of_ten_thousand_digits_is_refused_without_reading_it),
		cmocka_unit_test(blanks_around_a_number_do_not_matter),
		cmocka_unit_test(integers_are_read_exactly_or_not_at_all),
		cmocka_unit_test(numbers_are_written_to_seven_digits),
		cmocka_unit_test(numbers_at_powers_of_ten_and_their_neighbours_are_written_right),
		cmocka_unit_test(short_numbers_are_written_short),
		cmocka_unit_test(exact_numbers_come_back),
		cmocka_unit_test(integers_are_written_like_printf),
		cmocka_unit_test(a_locale_with_a_decimal_comma_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
