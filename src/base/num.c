/* SPDX-License-Identifier: Apache-2.0 */
#include "num.h"

#include "error.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdatomic.h>
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
	if (text.length == 0)
		return E_SYNTAX;

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

/* The "C" locale, made once however many threads ask. Without memory for it the program's own one has to do,
 * which is "C" too unless it was changed. */
static locale_t c_locale(void) {
	static _Atomic(locale_t) shared;
	locale_t locale = atomic_load(&shared);
	locale_t none = (locale_t)0;

	if (locale)
		return locale;
	locale = newlocale(LC_ALL_MASK, "C", none);
	if (!locale)
		return LC_GLOBAL_LOCALE;
	if (atomic_compare_exchange_strong(&shared, &none, locale))
		return locale;
	freelocale(locale);
	return none;
}

/* The slow way, for what the exact powers do not cover; the text has been checked. */
static double read_slowly(struct span text) {
	char copy[NUMBER_LENGTH_MAX + 1];

	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	return strtod_l(copy, NULL, c_locale());
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

/* An optional sign and digits, no point and no exponent. */
static bool is_integer(struct span text) {
	size_t sign = text.length > 0 && (text.data[0] == '-' || text.data[0] == '+');

	for (size_t i = sign; i < text.length; i++) {
		if (!is_digit(text.data[i]))
			return false;
	}
	return text.length > sign;
}

int num_read_int(struct span text, int64_t *ret_value) {
	struct decimal decimal;

	text = span_trim(text);
	if (text.length > NUMBER_LENGTH_MAX || !is_integer(text))
		return E_SYNTAX;
	int r = take_apart(text, &decimal);
	if (r < 0)
		return r;

	uint64_t limit = (uint64_t)INT64_MAX + decimal.negative;
	if (!decimal.exact || decimal.exponent != 0 || decimal.mantissa > limit)
		return E_NUMBER;
	*ret_value = (int64_t)(decimal.negative ? 0 - decimal.mantissa : decimal.mantissa);
	return 0;
}

#define DIGITS 7

/* Plain decimal notation serves from here ... */
#define PLAIN_MIN 1e-5
/* ... to here; beyond them an exponent is shorter. */
#define PLAIN_MAX 1e15

/* What moves a value whose leading digit has exponent -6 to 15 to seven digits before the point. */
static const double scales[] = { 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1e0,
	1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9 };
#define SCALE_OF_EXPONENT_0 6

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

static void write_pair(char *to, uint32_t number) {
	memcpy(to, digit_pairs + 2 * (size_t)number, 2);
}

/* The seven digits of a number below ten million. */
static void write_digits(char to[DIGITS], uint32_t number) {
	to[0] = (char)('0' + number / 1000000);
	write_pair(to + 1, number / 10000 % 100);
	write_pair(to + 3, number / 100 % 100);
	write_pair(to + 5, number % 100);
}

/* A value from PLAIN_MIN to PLAIN_MAX as its seven leading digits; returns the exponent of the first. */
static int leading_digits(double value, uint32_t *ret_mantissa) {
	uint64_t bits;

	/* log10(2) is 1233/4096, a little less: the estimate is right or one too small. */
	memcpy(&bits, &value, sizeof(bits));
	int exponent = (((int)(bits >> 52) - 1023) * 1233) >> 12;
	double scaled = value * scales[exponent + SCALE_OF_EXPONENT_0];
	if (scaled >= 9999999.5)
		scaled = value * scales[++exponent + SCALE_OF_EXPONENT_0];
	*ret_mantissa = (uint32_t)(scaled + 0.5);
	return exponent;
}

static size_t write_plain(char *to, double value) {
	uint32_t mantissa;
	int exponent = leading_digits(value, &mantissa);
	char digits[DIGITS];
	int count = DIGITS;

	write_digits(digits, mantissa);
	while (count > 1 && digits[count - 1] == '0')
		count--;

	if (exponent < 0) {
		memcpy(to, "0.00000", 7);
		memcpy(to + 1 - exponent, digits, DIGITS);
		return (size_t)(1 - exponent + count);
	}
	if (exponent >= count - 1) {
		memset(to, '0', (size_t)exponent + 1);
		memcpy(to, digits, (size_t)count);
		return (size_t)exponent + 1;
	}
	memcpy(to, digits, DIGITS);
	memcpy(to + exponent + 2, digits + exponent + 1, (size_t)(DIGITS - exponent - 1));
	to[exponent + 1] = '.';
	return (size_t)count + 1;
}

/* snprintf's, with a decimal point in every locale. */
static size_t write_slowly(char *to, int digits, double value) {
	locale_t before = uselocale(c_locale());
	int length = snprintf(to, NUM_TEXT_MAX, "%.*g", digits, value);

	uselocale(before);
	return (size_t)length;
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
	if (value >= PLAIN_MIN && value < PLAIN_MAX)
		return sign + write_plain(to, value);

	char slow[NUM_TEXT_MAX];
	size_t length = write_slowly(slow, DIGITS, value);
	memcpy(to, slow, length);
	return sign + length;
}

size_t num_write_exact(char *to, double value) {
	for (int digits = 15; digits < 17; digits++) {
		size_t length = write_slowly(to, digits, value);
		double again;
		if (num_read(span_of(to, length), &again) == 0 && again == value)
			return length;
	}
	return write_slowly(to, 17, value);
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
