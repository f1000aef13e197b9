/* SPDX-License-Identifier: Apache-2.0 */
#include "timestamp.h"

#include "error.h"
#include "num.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)

/* Days since 1970-01-01 of a date of the Gregorian calendar (H. Hinnant, "chrono-compatible
 * low-level date algorithms"): years run from March, so that leap days come last. */
static int64_t days_from_date(int year, int month, int day) {
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day) {
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted_month = (5 * day_of_year + 2) / 153;

	*ret_day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
	*ret_month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
	*ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

static bool is_leap_year(int year) {
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

static bool take_char(struct span *rest, char c) {
	if (rest->length == 0 || rest->data[0] != c)
		return false;
	rest->data++;
	rest->length--;
	return true;
}

/* Takes exactly `count` digits. */
static bool take_number(struct span *rest, size_t count, int *ret_number) {
	int number = 0;

	if (rest->length < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		char c = rest->data[i];
		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (c - '0');
	}
	rest->data += count;
	rest->length -= count;
	*ret_number = number;
	return true;
}

/* Takes two digits, or one. */
static bool take_short_number(struct span *rest, int *ret_number) {
	return take_number(rest, 2, ret_number) || take_number(rest, 1, ret_number);
}

/* "2026-11-22", and as spreadsheets write it "2026/3/9", as days since 1970. */
static bool take_date(struct span *rest, int64_t *ret_days) {
	int year, month, day;

	if (!take_number(rest, 4, &year))
		return false;
	if (take_char(rest, '/')) {
		if (!take_short_number(rest, &month) || !take_char(rest, '/') ||
			!take_short_number(rest, &day))
			return false;
	} else if (!take_char(rest, '-') || !take_number(rest, 2, &month) ||
		   !take_char(rest, '-') || !take_number(rest, 2, &day)) {
		return false;
	}
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*ret_days = days_from_date(year, month, day);
	return true;
}

/* Digits after the decimal point of seconds, to milliseconds; further ones are cut. */
static bool take_fraction(struct span *rest, int *ret_ms) {
	int scale = 100, digit, count = 0;

	for (*ret_ms = 0; take_number(rest, 1, &digit); count++, scale /= 10)
		*ret_ms += digit * scale;
	return count > 0;
}

/* "03:24", "03:24:19" or "03:24:19.5" as milliseconds since midnight. A leap second counts as the
 * first of the next minute. */
static bool take_clock(struct span *rest, int64_t *ret_ms) {
	int hour, minute, second = 0, fraction = 0;

	if (!take_short_number(rest, &hour) || !take_char(rest, ':') ||
		!take_number(rest, 2, &minute))
		return false;
	if (take_char(rest, ':')) {
		if (!take_number(rest, 2, &second))
			return false;
		if (take_char(rest, '.') && !take_fraction(rest, &fraction))
			return false;
	}
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_ms = hour * HOUR + minute * MINUTE + second * SECOND + fraction;
	return true;
}

/* "Z", "+01:00" or nothing, as milliseconds to subtract. */
static bool take_offset(struct span *rest, int64_t *ret_ms) {
	int hour, minute;

	*ret_ms = 0;
	if (rest->length == 0 || take_char(rest, 'Z') || take_char(rest, 'z'))
		return true;

	bool west = take_char(rest, '-');
	if (!west && !take_char(rest, '+'))
		return false;
	if (!take_number(rest, 2, &hour))
		return false;
	take_char(rest, ':');
	if (!take_number(rest, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*ret_ms = (hour * HOUR + minute * MINUTE) * (west ? -1 : 1);
	return true;
}

static int read_date_and_clock(struct span text, int64_t *ret_ms) {
	int64_t days, clock = 0, offset = 0;

	if (!take_date(&text, &days))
		return E_SYNTAX;
	if (text.length > 0) {
		if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
			return E_SYNTAX;
		if (!take_clock(&text, &clock) || !take_offset(&text, &offset) || text.length > 0)
			return E_SYNTAX;
	}

	int64_t ms = days * DAY + clock - offset;
	if (ms < 0 || ms > TIME_MAX_MS)
		return E_TIME;
	*ret_ms = ms;
	return 0;
}

int timestamp_from_number(double number, int64_t *ret_ms) {
	/* Seconds reach 7.3e9 in 2200; each finer unit starts well above the former's end. */
	double seconds = number;

	if (fabs(number) >= 1e17)
		seconds = number / 1e9;
	else if (fabs(number) >= 1e14)
		seconds = number / 1e6;
	else if (fabs(number) >= 1e11)
		seconds = number / 1e3;

	double ms = round(seconds * 1e3);
	if (!(ms >= 0 && ms <= (double)TIME_MAX_MS))
		return E_TIME;
	*ret_ms = (int64_t)ms;
	return 0;
}

/* Whether a year leads it, not a number with a negative exponent like "1.5e-3". */
static bool looks_like_date(struct span text) {
	int year;

	return take_number(&text, 4, &year) && (take_char(&text, '-') || take_char(&text, '/'));
}

int timestamp_read(struct span text, int64_t *ret_ms) {
	double number;

	text = span_trim(text);
	if (looks_like_date(text))
		return read_date_and_clock(text, ret_ms);

	int r = num_read(text, &number);
	if (r < 0)
		return r == E_NUMBER ? E_TIME : r;
	return timestamp_from_number(number, ret_ms);
}

size_t timestamp_write(char to[TIME_TEXT_MAX], int64_t ms) {
	int64_t days = ms >= 0 ? ms / DAY : -((-ms + DAY - 1) / DAY);
	int64_t clock = ms - days * DAY;
	int year, month, day;
	char fraction[8] = "";

	date_from_days(days, &year, &month, &day);
	if (clock % SECOND != 0)
		snprintf(fraction, sizeof(fraction), ".%03d", (int)(clock % SECOND));
	int length = snprintf(to, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", year, month,
		day, (int)(clock / HOUR), (int)(clock / MINUTE % 60), (int)(clock / SECOND % 60),
		fraction);
	return length < TIME_TEXT_MAX ? (size_t)length : TIME_TEXT_MAX - 1;
}

struct unit {
	const char *name;
	int64_t ms;
};

/* From the largest, for writing. */
static const struct unit units[] = {
	{ "w", WEEK },
	{ "d", DAY },
	{ "h", HOUR },
	{ "m", MINUTE },
	{ "s", SECOND },
	{ "ms", 1 },
};
#define UNITS (sizeof(units) / sizeof(units[0]))

/* Cuts the unit off the text; without one seconds are meant. */
static int64_t take_unit(struct span *text) {
	size_t digits = 0;

	while (digits < text->length && !(text->data[digits] >= 'a' && text->data[digits] <= 'z'))
		digits++;

	struct span name = span_of(text->data + digits, text->length - digits);
	text->length = digits;
	if (name.length == 0)
		return SECOND;
	for (size_t i = 0; i < UNITS; i++) {
		if (span_equal(name, span_text(units[i].name)))
			return units[i].ms;
	}
	return 0;
}

int duration_read(struct span text, int64_t *ret_ms) {
	double number;

	text = span_trim(text);
	int64_t unit = take_unit(&text);
	if (unit == 0)
		return E_SYNTAX;

	int r = num_read(text, &number);
	if (r < 0)
		return r;
	if (number < 0 || number * (double)unit > (double)TIME_MAX_MS)
		return E_NUMBER;
	*ret_ms = (int64_t)round(number * (double)unit);
	return 0;
}

size_t duration_write(char to[TIME_TEXT_MAX], int64_t ms) {
	size_t unit = 0;

	while (unit < UNITS - 1 && (ms == 0 || ms % units[unit].ms != 0))
		unit++;
	int length = snprintf(
		to, TIME_TEXT_MAX, "%lld%s", (long long)(ms / units[unit].ms), units[unit].name);
	return (size_t)length;
}
