/* SPDX-License-Identifier: Apache-2.0 */
#include "num.h"

#include "error.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Powers of ten that a double holds exactly. */
static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define POWER_MAX 22

/* Longer numbers than any sane sender writes; they would only cost time. */
#define NUMBER_LENGTH_MAX 64

/* A decimal number taken apart: mantissa * 10^exponent. */
struct decimal {
	bool negative;
	uint64_t mantissa; /* the first nineteen digits */
	int exponent;
	bool exact; /* all digits fit into the mantissa */
};

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

/* Takes in the digits from `at`; returns where they end. `scale` is what each of them adds to the
 * exponent: 0 before the point, -1 after it. */
static const char *take_digits(
	const char *at, const char *end, int scale, struct decimal *decimal) {
	for (; at < end && is_digit(*at); at++) {
		if (decimal->mantissa < UINT64_C(1000000000000000000)) {
			decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(*at - '0');
			decimal->exponent += scale;
		} else {
			decimal->exact &= *at == '0';
			decimal->exponent += scale + 1;
		}
	}
	return at;
}

/* Takes in "e-12" if there is one; NULL if it has no digits. */
static const char *take_exponent(const char *at, const char *end, struct decimal *decimal) {
	if (at == end || (*at != 'e' && *at != 'E'))
		return at;
	at++;

	bool negative = at < end && *at == '-';
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (at == end || !is_digit(*at))
		return NULL;

	int exponent = 0;
	for (; at < end && is_digit(*at); at++) {
		if (exponent < 100000)
			exponent = exponent * 10 + (*at - '0');
	}
	decimal->exponent += negative ? -exponent : exponent;
	return at;
}

static int take_apart(struct span text, struct decimal *decimal) {
	const char *at = text.data, *end = text.data + text.length;

	*decimal = (struct decimal){ .exact = true };
	if (at < end && (*at == '-' || *at == '+'))
		decimal->negative = *at++ == '-';

	const char *digits = at;
	at = take_digits(at, end, 0, decimal);
	size_t count = (size_t)(at - digits);
	if (at < end && *at == '.') {
		digits = ++at;
		at = take_digits(at, end, -1, decimal);
		count += (size_t)(at - digits);
	}
	if (count == 0)
		return E_SYNTAX;

	at = take_exponent(at, end, decimal);
	return at == end ? 0 : E_SYNTAX;
}

/* The slow way, for what the exact powers do not cover; the text has been checked. */
static double read_slowly(struct span text) {
	static locale_t c_locale;
	char copy[NUMBER_LENGTH_MAX + 1];

	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	return strtod_l(copy, NULL, c_locale);
}

int num_read(struct span text, double *ret_value) {
	struct decimal decimal;

	text = span_trim(text);
	if (text.length > NUMBER_LENGTH_MAX)
		return E_SYNTAX;
	int r = take_apart(text, &decimal);
	if (r < 0)
		return r;

	/* With both factors exact one operation rounds once (Clinger 1990). */
	double value;
	if (decimal.exact && decimal.mantissa <= UINT64_C(1) << 53 &&
		abs(decimal.exponent) <= POWER_MAX) {
		value = (double)decimal.mantissa;
		value = decimal.exponent < 0 ? value / powers[-decimal.exponent]
					     : value * powers[decimal.exponent];
		value = decimal.negative ? -value : value;
	} else {
		value = read_slowly(text);
	}
	if (!isfinite(value))
		return E_NUMBER;
	*ret_value = value;
	return 0;
}

int num_read_int(struct span text, int64_t *ret_value) {
	struct decimal decimal;

	text = span_trim(text);
	int r = text.length > NUMBER_LENGTH_MAX ? E_SYNTAX : take_apart(text, &decimal);
	if (r < 0)
		return r;
	for (size_t i = 0; i < text.length; i++) {
		if (!is_digit(text.data[i]) && i > 0)
			return E_SYNTAX;
	}
	if (!decimal.exact || decimal.exponent != 0 || decimal.mantissa > INT64_MAX)
		return E_NUMBER;
	*ret_value = decimal.negative ? -(int64_t)decimal.mantissa : (int64_t)decimal.mantissa;
	return 0;
}

#define DIGITS 7

/* The exponent of the leading decimal digit of a positive value between 1e-15 and 1e15. */
static int leading_exponent(double value) {
	int binary;

	frexp(value, &binary);
	/* log10(2) from below, so that the estimate is right or one too small. */
	int exponent = (int)floor((binary - 1) * 0.30102999566398114);
	double next = exponent + 1 >= 0 ? powers[exponent + 1] : 1 / powers[-exponent - 1];
	return value >= next ? exponent + 1 : exponent;
}

/* Writes count digits of number, leading zeros included. */
static void write_digits(char *to, uint64_t number, int count) {
	for (int i = count - 1; i >= 0; i--) {
		to[i] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* Writes mantissa * 10^(exponent - DIGITS + 1), its seven digits in plain decimal notation. */
static size_t write_plain(char *to, uint64_t mantissa, int exponent) {
	int digits = DIGITS;

	for (; digits > 1 && digits > exponent + 1 && mantissa % 10 == 0; digits--)
		mantissa /= 10;

	if (exponent < 0) {
		memcpy(to, "0.0000000", 9);
		write_digits(to + 1 - exponent, mantissa, digits);
		return (size_t)(1 - exponent + digits);
	}
	if (exponent + 1 >= digits) {
		write_digits(to, mantissa, digits);
		memset(to + digits, '0', (size_t)(exponent + 1 - digits));
		return (size_t)(exponent + 1);
	}

	write_digits(to, mantissa, digits);
	memmove(to + exponent + 2, to + exponent + 1, (size_t)(digits - exponent - 1));
	to[exponent + 1] = '.';
	return (size_t)digits + 1;
}

size_t num_write(char *to, double value) {
	size_t sign = 0;

	if (value < 0) {
		*to++ = '-';
		sign = 1;
		value = -value;
	}
	if (value == 0) {
		*to = '0';
		return sign + 1;
	}
	if (value < 1e-5 || value >= 1e15)
		return sign + (size_t)snprintf(to, NUM_TEXT_MAX - 1, "%.7g", value);

	int exponent = leading_exponent(value);
	int shift = DIGITS - 1 - exponent;
	double scaled = shift >= 0 ? value * powers[shift] : value / powers[-shift];
	uint64_t mantissa = (uint64_t)(scaled + 0.5);
	if (mantissa >= UINT64_C(10000000)) {
		mantissa /= 10;
		exponent++;
	}
	return sign + write_plain(to, mantissa, exponent);
}

size_t num_write_exact(char *to, double value) {
	for (int digits = 15; digits < 17; digits++) {
		int length = snprintf(to, NUM_TEXT_MAX, "%.*g", digits, value);
		double again;
		if (num_read(span_of(to, (size_t)length), &again) == 0 && again == value)
			return (size_t)length;
	}
	return (size_t)snprintf(to, NUM_TEXT_MAX, "%.17g", value);
}

size_t num_write_int(char *to, int64_t value) {
	char digits[NUM_TEXT_MAX];
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	size_t count = 0, length = 0;

	do {
		digits[count++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);

	if (value < 0)
		to[length++] = '-';
	while (count > 0)
		to[length++] = digits[--count];
	return length;
}
