/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "journal.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Allocations fail while this is set: the linker sends the program's realloc here. */
static bool out_of_memory;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
	return out_of_memory ? NULL : __real_realloc(old, size);
}

static int setup(void **state) {
	*state = calloc(1, sizeof(struct journal));
	return *state ? 0 : -1;
}

static int teardown(void **state) {
	out_of_memory = false;
	journal_finish(*state);
	free(*state);
	return 0;
}

static void assert_span(struct span span, const char *expected) {
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(span.data, expected, span.length);
}

static struct detector_row detector(const char *name) {
	return (struct detector_row){ .id = 7,
		.name = span_text(name),
		.source = SPAN("plant"),
		.group = SPAN("road"),
		.aggregate = SPAN("mean"),
		.step_ms = 60000,
		.latitude = 48.25,
		.longitude = NAN };
}

static void records_come_back_in_order_with_their_texts(void **state) {
	struct journal *journal = *state;
	struct detector_row row = detector("pump7");
	enum journal_kind kind;
	union journal_row read;
	size_t at = 0;

	assert_int_equal(journal_detector(journal, &row), 0);
	assert_int_equal(journal_forecast(journal,
				 &(struct forecast_row){
					 .series = 3, .issued_ms = 99, .json = SPAN("{\"a\":1}") }),
		0);
	assert_int_equal(journal_meta(journal, SPAN("key"), SPAN("")), 0);

	assert_true(journal_next(journal, &at, &kind, &read));
	assert_int_equal(kind, JOURNAL_DETECTOR);
	assert_int_equal(read.detector.id, 7);
	assert_span(read.detector.name, "pump7");
	assert_span(read.detector.source, "plant");
	assert_span(read.detector.group, "road");
	assert_span(read.detector.aggregate, "mean");
	assert_true(read.detector.latitude == 48.25);
	assert_true(isnan(read.detector.longitude));

	assert_true(journal_next(journal, &at, &kind, &read));
	assert_int_equal(kind, JOURNAL_FORECAST);
	assert_int_equal(read.forecast.issued_ms, 99);
	assert_span(read.forecast.json, "{\"a\":1}");

	assert_true(journal_next(journal, &at, &kind, &read));
	assert_int_equal(kind, JOURNAL_META);
	assert_span(read.meta.key, "key");
	assert_span(read.meta.value, "");
	assert_false(journal_next(journal, &at, &kind, &read));
}

static void texts_are_copied(void **state) {
	struct journal *journal = *state;
	char name[] = "pump7";
	struct detector_row row = detector(name);
	enum journal_kind kind;
	union journal_row read;
	size_t at = 0;

	assert_int_equal(journal_detector(journal, &row), 0);
	memset(name, 'x', sizeof(name));
	assert_true(journal_next(journal, &at, &kind, &read));
	assert_span(read.detector.name, "pump7");
}

static void records_survive_the_growth_of_the_arena(void **state) {
	struct journal *journal = *state;
	enum journal_kind kind;
	union journal_row read;
	size_t at = 0;

	for (uint32_t i = 0; i < 5000; i++) {
		struct detector_row row = detector(i % 2 ? "odd" : "even name");

		row.id = i;
		assert_int_equal(journal_detector(journal, &row), 0);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		assert_true(journal_next(journal, &at, &kind, &read));
		assert_int_equal(read.detector.id, i);
		assert_span(read.detector.name, i % 2 ? "odd" : "even name");
	}
	assert_false(journal_next(journal, &at, &kind, &read));
}

static void a_states_bytes_are_written_in_place(void **state) {
	struct journal *journal = *state;
	enum journal_kind kind;
	union journal_row read;
	size_t at = 0;
	void *bytes;

	assert_int_equal(
		journal_state(journal,
			&(struct state_row){ .detector = 1, .sequence = 9, .bytes = { NULL, 5 } },
			&bytes),
		0);
	memcpy(bytes, "\0\1\2\3\4", 5);
	assert_int_equal(journal_meta(journal, SPAN("next"), SPAN("one")), 0);

	assert_true(journal_next(journal, &at, &kind, &read));
	assert_int_equal(kind, JOURNAL_STATE);
	assert_int_equal(read.state.sequence, 9);
	assert_int_equal(read.state.bytes.length, 5);
	assert_memory_equal(read.state.bytes.data, "\0\1\2\3\4", 5);
	assert_true(journal_next(journal, &at, &kind, &read));
	assert_span(read.meta.value, "one");
}

static void names_that_could_harm_a_terminal_or_are_no_text_are_refused(void **state) {
	static const struct {
		const char *name;
		int code;
	} cases[] = {
		{ "pump\x1b[2J", E_NAME },
		{ "pump\n7", E_NAME },
		{ "pump\x7f", E_NAME },
		{ "pump\xff", E_ENCODING },
		{ "pump\xc0\xaf", E_ENCODING },
	};
	struct journal *journal = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detector_row row = detector(cases[i].name);

		assert_int_equal(journal_detector(journal, &row), cases[i].code);
		assert_int_equal(
			journal_meta(journal, span_text(cases[i].name), SPAN("x")), cases[i].code);
	}
	assert_int_equal(journal_meta(journal, SPAN("stats"), SPAN("\xff")), E_ENCODING);
	assert_true(journal_is_empty(journal));
}

static void a_failed_allocation_adds_nothing_and_is_forgotten(void **state) {
	struct journal *journal = *state;
	struct detector_row row = detector("pump7");
	struct reading_row reading = { .series = 1 };

	out_of_memory = true;
	assert_int_equal(journal_detector(journal, &row), -ENOMEM);
	assert_int_equal(journal_reading(journal, &reading), -ENOMEM);
	out_of_memory = false;
	assert_true(journal_is_empty(journal));

	assert_int_equal(journal_detector(journal, &row), 0);
	assert_int_equal(journal_reading(journal, &reading), 0);
	assert_int_equal(journal->reading_count, 1);
	assert_false(journal_is_empty(journal));
}

static void reset_empties_it(void **state) {
	struct journal *journal = *state;
	struct detector_row row = detector("pump7");

	assert_int_equal(journal_detector(journal, &row), 0);
	assert_int_equal(journal_reading(journal, &(struct reading_row){ .series = 1 }), 0);
	journal_floor(journal, 5);
	journal_input(journal, 8);
	assert_true(journal_size(journal) > 0);
	journal_reset(journal);
	assert_true(journal_is_empty(journal));
	assert_int_equal(journal_size(journal), 0);
}

static void floors_only_rise(void **state) {
	struct journal *journal = *state;

	journal_floor(journal, 5);
	journal_floor(journal, 3);
	assert_int_equal(journal->floor, 5);
	assert_false(journal_is_empty(journal));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(records_come_back_in_order_with_their_texts),
		TEST(texts_are_copied),
		TEST(records_survive_the_growth_of_the_arena),
		TEST(a_states_bytes_are_written_in_place),
		TEST(names_that_could_harm_a_terminal_or_are_no_text_are_refused),
		TEST(a_failed_allocation_adds_nothing_and_is_forgotten),
		TEST(reset_empties_it),
		TEST(floors_only_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
