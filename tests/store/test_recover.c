/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int expect_pump(void *user, const struct detector_row *row) {
	uint32_t *seen = user;

	assert_int_equal(row->id, ++*seen);
	assert_int_equal(row->name.length, 5);
	assert_int_equal(row->name.data[4], '0' + (int)row->id);
	assert_true(span_equal(row->source, SPAN("plant")));
	assert_int_equal(row->group.length, 0);
	assert_int_equal(row->step_ms, 60000);
	assert_true(isnan(row->latitude));
	return 0;
}

static int expect_channel(void *user, const struct series_row *row) {
	uint32_t *seen = user;

	assert_int_equal(row->id, ++*seen);
	assert_int_equal(row->detector, (row->id + 1) / 2);
	assert_int_equal(row->index, (row->id + 1) % 2);
	assert_true(span_equal(row->channel, row->index ? SPAN("flow") : SPAN("pressure")));
	assert_true(span_equal(row->unit, row->index ? SPAN("l/s") : SPAN("bar")));
	return 0;
}

static void detectors_and_series_are_recovered(void **state) {
	const struct fixture *fixture = *state;
	uint32_t seen = 0;

	fixture_make(fixture, 3);
	struct store *store = fixture_open(fixture);
	assert_int_equal(store_each_detector(store, expect_pump, &seen), 0);
	assert_int_equal(seen, 3);
	seen = 0;
	assert_int_equal(store_each_series(store, expect_channel, &seen), 0);
	assert_int_equal(seen, 6);
	store_close(store);
}

static int stop_at_two(void *user, const struct detector_row *row) {
	++*(uint32_t *)user;
	return row->id == 2 ? 42 : 0;
}

static void a_visit_can_end_the_recovery(void **state) {
	const struct fixture *fixture = *state;
	uint32_t seen = 0;

	fixture_make(fixture, 3);
	struct store *store = fixture_open(fixture);
	assert_int_equal(store_each_detector(store, stop_at_two, &seen), 42);
	assert_int_equal(seen, 2);
	store_close(store);
}

static void add_state(
	struct journal *journal, uint32_t detector, uint64_t sequence, const char *text) {
	struct state_row row = { .detector = detector,
		.layout = UINT64_C(0xfedcba9876543210),
		.sequence = sequence,
		.saved_ms = 5,
		.bytes = { NULL, strlen(text) } };
	void *bytes;

	assert_int_equal(journal_state(journal, &row, &bytes), 0);
	memcpy(bytes, text, row.bytes.length);
}

struct states {
	uint32_t count;
	char bytes[3][32];
	size_t lengths[3];
};

static int take_state(void *user, const struct state_row *row) {
	struct states *states = user;

	assert_true(row->layout == UINT64_C(0xfedcba9876543210));
	assert_int_equal(row->sequence, 10 * row->detector);
	assert_int_equal(row->saved_ms, 5);
	states->lengths[states->count] = row->bytes.length;
	if (row->bytes.length > 0)
		memcpy(states->bytes[states->count], row->bytes.data, row->bytes.length);
	states->count++;
	return 0;
}

static void states_are_recovered_and_damaged_ones_come_empty(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	struct states states = { 0 };

	add_state(&journal, 1, 10, "first");
	add_state(&journal, 2, 20, "second");
	add_state(&journal, 1, 10, "first, again");
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	fixture_meddle(fixture, "UPDATE state SET bytes=CAST('sEcond' AS BLOB) WHERE detector=2");

	store = fixture_open(fixture);
	assert_int_equal(store_each_state(store, take_state, &states), 0);
	assert_int_equal(states.count, 2);
	assert_int_equal(states.lengths[0], 12);
	assert_memory_equal(states.bytes[0], "first, again", 12);
	assert_int_equal(states.lengths[1], 0);
	store_close(store);
}

/* "series:time:value:sequence ..." of what is waiting. */
static int write_waiting(void *user, const struct reading_row *row) {
	text_add_format(user, "%u/%u:%lld:%g:%llu ", row->detector, row->series,
		(long long)row->time_ms, row->value, (unsigned long long)row->sequence);
	return 0;
}

/* "[ids seats]sequence ". */
static int write_batch(void *user, const struct batch_row *row) {
	uint32_t ids[8];

	assert_in_range(row->detectors.length, sizeof(ids[0]), sizeof(ids));
	memcpy(ids, row->detectors.data, row->detectors.length);
	for (size_t i = 0; i < row->detectors.length / sizeof(ids[0]); i++)
		text_add_format(user, "%s%u", i ? "+" : "[", ids[i]);
	if (row->seats.length > 0)
		text_add_format(user, " %.*s", SPAN_PRINT(row->seats));
	text_add_format(user, "]%llu ", (unsigned long long)row->sequence);
	return 0;
}

static void assert_waiting(struct store *store, uint64_t after, const char *expected) {
	struct text text = { 0 };

	assert_int_equal(store_each_waiting(store, after, write_waiting, write_batch, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, expected);
	text_finish(&text);
}

static void readings_wait_in_the_order_of_arrival_replaced_ones_included(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;

	fixture_add_pump(journal, 1);
	fixture_add_pump(journal, 2);
	fixture_add_reading(journal, 3, 2000, 1, 1);
	fixture_add_reading(journal, 1, 1000, 2, 2);
	fixture_add_reading(journal, 3, 2000, 3, 3);
	fixture_add_reading(journal, 3, 1000, 4, 4);
	fixture_add_reading(journal, 2, 9000, NAN, 5);
	fixture_commit(store, journal);

	assert_waiting(
		store, 0, "2/3:2000:1:1 1/1:1000:2:2 2/3:2000:3:3 2/3:1000:4:4 1/2:9000:nan:5 ");
	assert_waiting(store, 3, "2/3:1000:4:4 1/2:9000:nan:5 ");
	assert_string_equal(
		fixture_ask(fixture,
			"SELECT group_concat(series||':'||time_ms||':'||coalesce(value,'none'),' ')"
			" FROM (SELECT * FROM reading ORDER BY series, time_ms)"),
		"1:1000:2.0 2:9000:none 3:1000:4.0 3:2000:3.0");
}

static void add_batch(struct journal *journal, uint64_t sequence, uint32_t first, uint32_t second) {
	uint32_t ids[2] = { first, second };
	struct batch_row row = { sequence, span_of(ids, sizeof(ids)),
		first < second ? SPAN("seats") : SPAN_EMPTY };

	assert_int_equal(journal_batch(journal, &row), 0);
}

static void batches_wait_among_the_readings_that_they_came_after(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;
	uint64_t sequence;

	fixture_add_pump(journal, 1);
	fixture_add_pump(journal, 2);
	fixture_add_reading(journal, 1, 1000, 1, 2);
	add_batch(journal, 3, 1, 2);
	fixture_add_reading(journal, 3, 1000, 2, 5);
	fixture_add_reading(journal, 1, 2000, 3, 6);
	add_batch(journal, 7, 2, 1);
	fixture_commit(store, journal);

	assert_waiting(store, 0, "1/1:1000:1:2 [1+2 seats]3 2/3:1000:2:5 1/1:2000:3:6 [2+1]7 ");
	assert_waiting(store, 3, "2/3:1000:2:5 1/1:2000:3:6 [2+1]7 ");
	assert_int_equal(store_last_batch(store, &sequence), 0);
	assert_int_equal(sequence, 7);
	assert_int_equal(store_last_sequence(store, &sequence), 0);
	assert_int_equal(sequence, 7);

	journal_floor(journal, 5);
	fixture_commit(store, journal);
	assert_waiting(store, 0, "1/1:2000:3:6 [2+1]7 ");
}

static void records_can_be_taken_back(void **state) {
	struct fixture *fixture = *state;
	struct journal *journal = &fixture->journal;

	fixture_add_pump(journal, 1);
	size_t place = journal_place(journal);
	fixture_add_pump(journal, 2);
	add_batch(journal, 9, 1, 2);
	journal_take_back(journal, place);
	add_batch(journal, 3, 1, 1);
	fixture_commit(fixture->store, journal);
	assert_waiting(fixture->store, 0, "[1+1]3 ");
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM detector"), "1");
}

static void what_states_contain_waits_no_longer(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;
	uint64_t sequence;

	fixture_add_pump(journal, 1);
	for (uint64_t i = 1; i <= 4; i++)
		fixture_add_reading(journal, 1, (int64_t)i, 1, i);
	fixture_commit(store, journal);
	assert_int_equal(store_floor(store, &sequence), 0);
	assert_int_equal(sequence, 0);

	fixture_add_reading(journal, 1, 5, 1, 5);
	journal_floor(journal, 3);
	fixture_commit(store, journal);
	assert_waiting(store, 0, "1/1:4:1:4 1/1:5:1:5 ");
	assert_int_equal(store_floor(store, &sequence), 0);
	assert_int_equal(sequence, 3);

	journal_floor(journal, 2);
	fixture_commit(store, journal);
	assert_int_equal(store_floor(store, &sequence), 0);
	assert_int_equal(sequence, 3);

	/* A reading that its own journal's floor has passed never waits. */
	fixture_add_reading(journal, 1, 6, 1, 6);
	journal_floor(journal, 6);
	fixture_commit(store, journal);
	assert_waiting(store, 0, "");
	assert_int_equal(store_last_sequence(store, &sequence), 0);
	assert_int_equal(sequence, 6);
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM reading"), "6");
}

static void a_floor_that_rises_far_is_worked_off_over_several_commits(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;
	int left = 5000, commits = 0;

	for (uint64_t i = 1; i <= 5000; i++)
		fixture_add_reading(journal, 1, (int64_t)i, 1, i);
	fixture_commit(store, journal);
	while (left > 0 && commits < 10) {
		journal_floor(journal, 5000);
		fixture_commit(store, journal);
		int now = atoi(fixture_ask(fixture, "SELECT count(*) FROM pending"));
		assert_in_range(left - now, 1, 1500);
		left = now;
		commits++;
	}
	assert_int_equal(left, 0);
}

static void transient_readings_wait_but_are_no_history(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;

	fixture_add_pump(journal, 1);
	journal_reading(
		journal, &(struct reading_row){
				 .series = 1, .time_ms = 8, .sequence = 1, .transient = true });
	fixture_commit(store, journal);
	assert_waiting(store, 0, "1/1:8:0:1 ");
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM reading"), "0");
}

static int write_detector(void *user, uint32_t detector) {
	text_add_format(user, "%u ", detector);
	return 0;
}

/* Pump 1 is new, 2 has a history, 3 has lost what its second channel waited for, 4 is silent. */
static void who_has_no_history_but_what_waits_is_known(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;
	struct text text = { 0 };

	for (uint32_t id = 1; id <= 4; id++)
		fixture_add_pump(journal, id);
	fixture_add_reading(journal, 3, 1000, 1, 1);
	fixture_add_reading(journal, 6, 1000, 1, 2);
	journal_floor(journal, 2);
	fixture_commit(store, journal);
	fixture_add_reading(journal, 1, 1000, 1, 3);
	fixture_add_reading(journal, 3, 2000, 1, 4);
	fixture_add_reading(journal, 5, 2000, 1, 5);
	fixture_commit(store, journal);
	assert_int_equal(store_each_waiting_whole(store, write_detector, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "1 4 ");
	text_finish(&text);
}

static void the_position_of_the_input_is_committed_with_what_came_of_it(void **state) {
	struct fixture *fixture = *state;
	struct journal *journal = &fixture->journal;
	const uint64_t far = (UINT64_C(1) << 62) + 8;
	uint64_t position = 1;

	assert_int_equal(store_input(fixture->store, &position), 0);
	assert_int_equal(position, 0);
	fixture_add_pump(journal, 1);
	fixture_add_reading(journal, 1, 1, 1, 1);
	journal_input(journal, far);
	fixture_commit(fixture->store, journal);
	assert_int_equal(store_input(fixture->store, &position), 0);
	assert_true(position == far);

	/* What says nothing of it changes nothing; the position alone is a transaction, too. */
	fixture_add_reading(journal, 1, 2, 1, 2);
	fixture_commit(fixture->store, journal);
	assert_int_equal(store_input(fixture->store, &position), 0);
	assert_true(position == far);
	journal_input(journal, far + 8);
	assert_false(journal_is_empty(journal));
	fixture_commit(fixture->store, journal);
	assert_int_equal(store_input(fixture->store, &position), 0);
	assert_true(position == far + 8);
}

static void the_latest_past_readings_of_a_detector_come_in_the_order_of_time(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;
	struct text text = { 0 };

	fixture_add_pump(journal, 1);
	fixture_add_pump(journal, 2);
	for (int i = 1; i <= 4; i++) {
		fixture_add_reading(journal, 2, 10 * i, i, (uint64_t)i);
		fixture_add_reading(journal, 3, 10 * i, i, (uint64_t)i + 4);
	}
	fixture_add_reading(journal, 1, 5, 9, 9);
	fixture_commit(store, journal);
	assert_int_equal(store_each_past_reading(store, 1, 2, write_waiting, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "1/1:5:9:0 1/2:30:3:0 1/2:40:4:0 ");
	text_finish(&text);
}

static int write_forecast(void *user, const struct forecast_row *row) {
	struct span issued = SPAN("\"issued\":");
	const char *at = memmem(row->json.data, row->json.length, issued.data, issued.length);

	assert_non_null(at);
	text_add_format(user, "%u:%ld ", row->series, strtol(at + issued.length, NULL, 10));
	return 0;
}

static void the_latest_forecast_of_each_series_is_recovered(void **state) {
	struct fixture *fixture = *state;
	struct journal *journal = &fixture->journal;
	struct text text = { 0 };

	fixture_add_pump(journal, 1);
	fixture_add_pump(journal, 2);
	fixture_add_forecast(journal, 1, 120000, 1);
	fixture_add_forecast(journal, 1, 60000, 2);
	fixture_add_forecast(journal, 4, 180000, 3);
	fixture_commit(fixture->store, journal);
	assert_int_equal(store_each_latest_forecast(fixture->store, write_forecast, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "1:120 4:180 ");
	text_finish(&text);
}

static int write_meta(void *user, const struct meta_row *row) {
	text_add_format(user, "%.*s=%.*s ", SPAN_PRINT(row->key), SPAN_PRINT(row->value));
	return 0;
}

static void keys_that_begin_alike_are_recovered(void **state) {
	struct fixture *fixture = *state;
	struct journal *journal = &fixture->journal;
	struct text text = { 0 };

	journal_meta(journal, SPAN("flag"), SPAN("0"));
	journal_meta(journal, SPAN("flag a"), SPAN("1"));
	journal_meta(journal, SPAN("flag b/c"), SPAN("2"));
	journal_meta(journal, SPAN("flags"), SPAN("3"));
	journal_meta(journal, SPAN("a flag "), SPAN("4"));
	fixture_commit(fixture->store, journal);
	assert_int_equal(store_each_meta(fixture->store, SPAN("flag "), write_meta, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "flag a=1 flag b/c=2 ");
	text_finish(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(detectors_and_series_are_recovered),
		FIXTURE_TEST(a_visit_can_end_the_recovery),
		FIXTURE_TEST(states_are_recovered_and_damaged_ones_come_empty),
		OPEN_TEST(readings_wait_in_the_order_of_arrival_replaced_ones_included),
		OPEN_TEST(batches_wait_among_the_readings_that_they_came_after),
		OPEN_TEST(records_can_be_taken_back),
		OPEN_TEST(what_states_contain_waits_no_longer),
		OPEN_TEST(a_floor_that_rises_far_is_worked_off_over_several_commits),
		OPEN_TEST(transient_readings_wait_but_are_no_history),
		OPEN_TEST(who_has_no_history_but_what_waits_is_known),
		OPEN_TEST(the_position_of_the_input_is_committed_with_what_came_of_it),
		OPEN_TEST(the_latest_past_readings_of_a_detector_come_in_the_order_of_time),
		OPEN_TEST(the_latest_forecast_of_each_series_is_recovered),
		OPEN_TEST(keys_that_begin_alike_are_recovered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
