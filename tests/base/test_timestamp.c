/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "error.h"
#include "random.h"
#include "timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RANDOM_CASES 100000

static void assert_reads(const char *text, int64_t expected) {
	int64_t ms = -1;
	int r = timestamp_read(span_text(text), &ms);

	if (r != 0 || ms != expected)
		fail_msg("\"%s\": %d, %lld instead of %lld", text, r, (long long)ms,
			(long long)expected);
}

static void assert_refused(const char *text, int code) {
	int64_t ms = -1;
	int r = timestamp_read(span_text(text), &ms);

	if (r != code || ms != -1)
		fail_msg("\"%s\": %d, %lld", text, r, (long long)ms);
}

/* What the C library says, for a random time. */
static void dates_agree_with_gmtime(void **state) {
	struct random random;
	char written[TIME_TEXT_MAX], expected[64];
	(void)state;

	random_init(&random, 1);
	for (int i = 0; i < RANDOM_CASES; i++) {
		int64_t ms = (int64_t)(random_uniform(&random) * (double)TIME_MAX_MS);
		time_t seconds = (time_t)(ms / 1000);
		struct tm tm;

		gmtime_r(&seconds, &tm);
		size_t length = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
		if (ms % 1000 != 0)
			length += (size_t)snprintf(expected + length, sizeof(expected) - length,
				".%03d", (int)(ms % 1000));
		snprintf(expected + length, sizeof(expected) - length, "Z");

		assert_int_equal(timestamp_write(written, ms), strlen(expected));
		assert_string_equal(written, expected);
		assert_reads(written, ms);
	}
}

static void every_day_from_1970_to_2200_is_read_and_written(void **state) {
	char written[TIME_TEXT_MAX], expected[64];
	(void)state;

	for (int64_t day = 0; day <= TIME_MAX_MS / 86400000; day++) {
		time_t seconds = (time_t)(day * 86400);
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%d", &tm);
		assert_reads(expected, day * 86400000);
		timestamp_write(written, day * 86400000);
		assert_memory_equal(written, expected, 10);
	}
}

static void all_spellings_of_rfc_3339_are_read(void **state) {
	(void)state;
	/* 2026-11-22T03:24:19Z is 1795317859. */
	assert_reads("2026-11-22T03:24:19Z", 1795317859000);
	assert_reads("2026-11-22t03:24:19z", 1795317859000);
	assert_reads("2026-11-22 03:24:19", 1795317859000);
	assert_reads("2026-11-22T03:24:19.5Z", 1795317859500);
	assert_reads("2026-11-22T03:24:19.123456789Z", 1795317859123);
	assert_reads("2026-11-22T04:24:19+01:00", 1795317859000);
	assert_reads("2026-11-22T04:24:19+0100", 1795317859000);
	assert_reads("2026-11-21T21:54:19-05:30", 1795317859000);
	assert_reads("2026-11-22T03:24Z", 1795317840000);
	assert_reads("2026-11-22 03:24", 1795317840000);
	assert_reads("2026-11-22", 1795305600000);
	assert_reads(" 2026-11-22 ", 1795305600000);
	assert_reads("2026/11/22 3:24", 1795317840000);
	assert_reads("2026/03/09", 1773014400000);
	assert_reads("2026/3/9 07:30", 1773041400000);
	assert_reads("2016-12-31T23:59:60Z", 1483228800000);
	assert_reads("2000-02-29", 951782400000);
}

static void numbers_are_seconds_or_finer_by_their_size(void **state) {
	(void)state;
	assert_reads("1790000000", 1790000000000);
	assert_reads("1790000000.25", 1790000000250);
	assert_reads("1790000000250", 1790000000250);
	assert_reads("1790000000250000", 1790000000250);
	assert_reads("1790000000250000000", 1790000000250);
	assert_reads("1.79e9", 1790000000000);
	assert_reads("0", 0);
	assert_reads("1.5e-3", 2);
	assert_reads("7258118400", TIME_MAX_MS);
}

static void absurd_times_are_refused_by_name(void **state) {
	(void)state;
	assert_refused("-1", E_TIME);
	assert_refused("7258118401", E_TIME);
	assert_refused("1e30", E_TIME);
	assert_refused("1e999", E_TIME);
	assert_refused("-1e18", E_TIME);
	assert_refused("1969-12-31T23:59:59Z", E_TIME);
	assert_refused("2200-01-01T00:00:01Z", E_TIME);
	assert_refused("9999-12-31", E_TIME);
	assert_refused("0000-01-01", E_TIME);
	assert_refused("1970-01-01T00:30:00+01:00", E_TIME);
}

static void what_is_no_time_is_refused(void **state) {
	static const char *const texts[] = { "", " ", "now", "2026-13-01", "2026-00-01",
		"2026-02-30", "2025-02-29", "1900-02-29", "2026-11-31", "2026-11-22T24:00:00Z",
		"2026-11-22T03:60:00Z", "2026-11-22T03:24:61Z", "2026-11-22T03:24:19.Z",
		"2026-11-22T03:24:19+24:00", "2026-11-22T03:24:19+01:60", "2026-11-22T03:24:19+1",
		"2026-11-22T03", "2026-11-22T", "2026-11-22X03:24:19", "2026-1-22", "2026-11-2",
		"2026/13/1", "2026/2/30", "2026/11-22", "2026-11-22T03:24:19ZZ", "03:24:19",
		"2026-11", "20261122", "nan", "inf" };
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		/* Eight digits are a number of seconds. */
		if (strcmp(texts[i], "20261122") == 0)
			assert_reads(texts[i], 20261122000);
		else
			assert_refused(texts[i], E_SYNTAX);
	}
	int64_t ms;
	assert_int_equal(timestamp_read(SPAN_EMPTY, &ms), E_SYNTAX);
}

static void numbers_that_are_no_times_are_refused(void **state) {
	static const double numbers[] = { -1, 8e9, 1e300, -1e300, 1e19 };
	int64_t ms = -1;
	(void)state;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_int_equal(timestamp_from_number(numbers[i], &ms), E_TIME);
	assert_int_equal(timestamp_from_number(strtod("nan", NULL), &ms), E_TIME);
	assert_int_equal(timestamp_from_number(strtod("inf", NULL), &ms), E_TIME);
	assert_int_equal(ms, -1);
}

static void durations_are_read_with_every_unit(void **state) {
	static const struct {
		const char *text;
		int result;
		int64_t ms;
	} cases[] = { { "250ms", 0, 250 }, { "60s", 0, 60000 }, { "15m", 0, 900000 },
		{ "1h", 0, 3600000 }, { "7d", 0, 604800000 }, { "2w", 0, 1209600000 },
		{ "60", 0, 60000 }, { "0.5", 0, 500 }, { "1.5h", 0, 5400000 }, { "0", 0, 0 },
		{ " 5 m ", 0, 300000 }, { "-1s", E_NUMBER, 0 }, { "1y", E_SYNTAX, 0 },
		{ "", E_SYNTAX, 0 }, { "s", E_SYNTAX, 0 }, { "5 minutes", E_SYNTAX, 0 },
		{ "1e300w", E_SYNTAX, 0 }, { "100000000000000w", E_NUMBER, 0 },
		{ "1h30m", E_SYNTAX, 0 } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = 0;
		int r = duration_read(span_text(cases[i].text), &ms);
		if (r != cases[i].result || (r == 0 && ms != cases[i].ms))
			fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long)ms);
	}
}

static void a_written_duration_is_read_back(void **state) {
	char text[TIME_TEXT_MAX];
	struct random random;
	(void)state;

	random_init(&random, 2);
	for (int i = 0; i < 10000; i++) {
		int64_t ms = i < 10 ? i : (int64_t)(random_next(&random) % TIME_MAX_MS), again = -1;

		size_t length = duration_write(text, ms);
		assert_int_equal(length, strlen(text));
		assert_int_equal(duration_read(span_text(text), &again), 0);
		assert_int_equal(again, ms);
	}
	duration_write(text, 900000);
	assert_string_equal(text, "15m");
	duration_write(text, 1209600000);
	assert_string_equal(text, "2w");
	duration_write(text, 0);
	assert_string_equal(text, "0ms");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_agree_with_gmtime),
		cmocka_unit_test(every_day_from_1970_to_2200_is_read_and_written),
		cmocka_unit_test(all_spellings_of_rfc_3339_are_read),
		cmocka_unit_test(numbers_are_seconds_or_finer_by_their_size),
		cmocka_unit_test(absurd_times_are_refused_by_name),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(numbers_that_are_no_times_are_refused),
		cmocka_unit_test(durations_are_read_with_every_unit),
		cmocka_unit_test(a_written_duration_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
