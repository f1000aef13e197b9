/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void names_cannot_leave_their_place(void **state) {
	static const char name[] = "x'); DROP TABLE reading; --\"%s\\";
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	journal_detector(&journal, &(struct detector_row){ .id = 1, .name = SPAN("x") });
	journal_series(
		&journal, &(struct series_row){ .id = 1, .detector = 1, .name = span_text(name) });
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	assert_string_equal(fixture_ask(fixture, "SELECT name FROM series"), name);
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM reading"), "0");
}

static void a_forecast_of_the_same_issue_replaces_the_earlier(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;

	fixture_add_pump(journal, 1);
	fixture_add_forecast(journal, 1, 60000, 1);
	fixture_add_forecast(journal, 1, 120000, 2);
	fixture_add_forecast(journal, 1, 60000, 3);
	fixture_commit(store, journal);
	assert_string_equal(
		fixture_ask(fixture, "SELECT group_concat(issued_ms||':'||mean,' ') FROM"
				     " forecast_history WHERE lead=1"),
		"60000:4 120000:3");
}

static void only_the_latest_forecast_is_kept_where_that_is_wanted(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;

	fixture_add_pump(journal, 1);
	fixture_add_forecast(journal, 1, 60000, 1);
	fixture_add_forecast(journal, 2, 60000, 1);
	journal_forecast(journal,
		&(struct forecast_row){
			.series = 1, .issued_ms = 120000, .replace = true, .json = SPAN("{}") });
	fixture_commit(store, journal);
	assert_string_equal(
		fixture_ask(fixture, "SELECT group_concat(series||':'||issued_ms,' ') FROM"
				     " (SELECT * FROM forecast ORDER BY series, issued_ms)"),
		"1:120000 2:60000");
}

static int note_name(void *user, const struct model_row *row) {
	struct text *names = user;

	text_add(names, row->name);
	text_add_char(names, '<');
	text_add(names, row->parent);
	text_add_format(names, "@%d ", (int)row->created_ms);
	return 0;
}

static void models_are_listed_in_order_and_removed_by_name(void **state) {
	struct fixture *fixture = *state;
	struct text names = { 0 };

	journal_model(&fixture->journal,
		&(struct model_row){ .name = SPAN("b+1"), .parent = SPAN("b"), .created_ms = 5 });
	journal_model(&fixture->journal, &(struct model_row){ .name = SPAN("b+2") });
	journal_model(&fixture->journal,
		&(struct model_row){ .name = SPAN("a+3"), .parent = SPAN("b+2"), .created_ms = 7 });
	journal_model(
		&fixture->journal, &(struct model_row){ .name = SPAN("b+2"), .remove = true });
	journal_model(
		&fixture->journal, &(struct model_row){ .name = SPAN("none"), .remove = true });
	fixture_commit(fixture->store, &fixture->journal);

	assert_int_equal(store_each_model(fixture->store, note_name, &names), 0);
	assert_true(span_equal(text_span(&names), SPAN("b+1<b@5 a+3<b+2@7 ")));
	text_finish(&names);
}

static void models_and_meta_are_read_back_and_replaced_by_name(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct journal *journal = &fixture->journal;
	struct text text = { 0 };

	journal_model(
		journal, &(struct model_row){ .name = SPAN("base-3"), .weights = SPAN("old") });
	journal_model(
		journal, &(struct model_row){ .name = SPAN("base-3"), .weights = SPAN("a\0b") });
	journal_meta(journal, SPAN("model"), SPAN("base-2"));
	journal_meta(journal, SPAN("model"), SPAN("base-3"));
	fixture_commit(store, journal);

	assert_int_equal(store_model(store, SPAN("base-3"), &text), 0);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.data, "a\0b", 3);
	assert_int_equal(store_model(store, SPAN("base-4"), &text), E_NOT_FOUND);
	text_reset(&text);
	assert_int_equal(store_meta(store, SPAN("model"), &text), 0);
	assert_true(span_equal(text_span(&text), SPAN("base-3")));
	assert_int_equal(store_meta(store, SPAN("mode"), &text), E_NOT_FOUND);
	text_finish(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(names_cannot_leave_their_place),
		OPEN_TEST(a_forecast_of_the_same_issue_replaces_the_earlier),
		OPEN_TEST(only_the_latest_forecast_is_kept_where_that_is_wanted),
		OPEN_TEST(models_are_listed_in_order_and_removed_by_name),
		OPEN_TEST(models_and_meta_are_read_back_and_replaced_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
