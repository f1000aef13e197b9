/* SPDX-License-Identifier: Apache-2.0 */
#include "app_fixture.h"
#include "caught_log.h"
#include "sanitizers.h"
#include "starve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include <cmocka.h>

#define SAVED  "SELECT group_concat(detector) FROM (SELECT detector FROM state ORDER BY 1)"
#define STATES "SELECT count(*) FROM state"

/* Long after the end of any test. */
#define NO_DEADLINE INT64_MAX

/* So many detectors are due to be looked at. */
static void save(unsigned detectors) {
	first.app.save_credit = detectors;
	app_save_due(&first.app);
	app_fixture_commit(&first);
}

static void assert_asked(const char *sql, const char *answer) {
	assert_string_equal(fixture_ask(first.files, sql), answer);
}

/* The latest reading of a detector of one series, as the journal numbered it. */
static uint64_t newest(uint32_t detector) {
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT coalesce(max(sequence),0) FROM pending WHERE series=%u",
		detector);
	return (uint64_t)app_fixture_count(&first, sql);
}

/* What the stored state of a detector says that it contains; 0: there is none. */
static uint64_t contained(uint32_t detector) {
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT coalesce(max(sequence),0) FROM state WHERE detector=%u",
		detector);
	return (uint64_t)app_fixture_count(&first, sql);
}

static void detectors_are_saved_in_turn(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 5, 0, 3);
	save(2);
	assert_asked(SAVED, "1,2");
	save(2);
	assert_asked(SAVED, "1,2,3,4");
	save(2);
	assert_asked(SAVED, "1,2,3,4,5");
	assert_int_equal(first.app.counters.states, 5);
}

static void who_has_heard_nothing_is_not_saved_again(void **state) {
	uint64_t before;

	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 5, 0, 3);
	save(5);
	before = contained(4);
	app_fixture_hear(&first, "plant/pump3/pressure", 3, 1);
	app_fixture_step(&first);
	save(5);
	assert_int_equal(first.app.counters.states, 6);
	assert_int_equal(contained(4), before);
	assert_int_equal(contained(3), first.app.sequence);
}

static void a_fraction_of_a_detector_waits(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 2, 0, 3);
	first.app.save_credit = 0.9;
	app_save_due(&first.app);
	assert_int_equal(first.app.counters.states, 0);
	first.app.save_credit += 0.5;
	app_save_due(&first.app);
	assert_int_equal(first.app.counters.states, 1);
	assert_true(first.app.save_credit < 1);
}

/* Readings of other detectors come between those of one, and after them. */
static void a_state_names_the_last_reading_that_it_contains(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 3, 0, 10);
	app_fixture_commit(&first);
	uint64_t readings[] = { 0, newest(1), newest(2), newest(3) };
	assert_true(readings[1] < readings[2] && readings[2] < readings[3]);
	save(3);
	for (uint32_t id = 1; id <= 3; id++)
		assert_int_equal(contained(id), readings[id]);
}

/* What has been heard: how many readings, and of each its sequence. */
#define DETECTORS 4
#define HEARD_MAX 1000
static uint64_t heard[DETECTORS + 1][HEARD_MAX];
static size_t heard_count[DETECTORS + 1];

static void hear_one(uint32_t pump, unsigned minute) {
	char series[64];

	snprintf(series, sizeof(series), "plant/pump%u/pressure", pump);
	app_fixture_hear(&first, series, minute, minute % 7);
	heard[pump][heard_count[pump]++] = first.app.sequence;
	app_fixture_step(&first);
}

/* Whatever a stored state lacks waits. */
static void assert_nothing_lost(void) {
	for (uint32_t id = 1; id <= DETECTORS; id++) {
		uint64_t state = contained(id);
		char sql[128];
		int lacks = 0;

		for (size_t i = 0; i < heard_count[id]; i++)
			lacks += heard[id][i] > state;
		snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM pending WHERE series=%u AND sequence>%llu", id,
			(unsigned long long)state);
		assert_int_equal(app_fixture_count(&first, sql), lacks);
	}
}

static uint64_t stored_floor(void) {
	return (uint64_t)app_fixture_count(
		&first, "SELECT coalesce(max(value),0) FROM meta WHERE key='floor'");
}

/* Who speaks and who is saved is chance. */
static void the_floor_rises_only_as_states_allow(void **state) {
	uint32_t chance = 1;
	uint64_t before = 0;

	(void)state;
	memset(heard_count, 0, sizeof(heard_count));
	app_fixture_start(&first, LEAN PLANT);
	for (uint32_t pump = 1; pump <= DETECTORS; pump++)
		hear_one(pump, 0);
	for (unsigned minute = 1; minute < 120; minute++) {
		chance = chance * 1664525 + 1013904223;
		hear_one(1 + (chance >> 16) % DETECTORS, minute);
		save((chance >> 8) % 3);
		assert_nothing_lost();
		assert_true(stored_floor() >= before);
		before = stored_floor();
	}
	assert_true(before > 0);
	assert_true(before < first.app.sequence);
}

/* One that has not been saved for long holds it down, however often the others are. */
static void one_that_is_not_saved_holds_the_floor_down(void **state) {
	(void)state;
	memset(heard_count, 0, sizeof(heard_count));
	app_fixture_start(&first, LEAN PLANT);
	for (uint32_t pump = 1; pump <= DETECTORS; pump++)
		hear_one(pump, 0);
	save(2 * DETECTORS);
	hear_one(2, 1);
	uint64_t lacking = first.app.sequence;
	for (unsigned minute = 2; minute < 10; minute++) {
		hear_one(1, minute);
		first.app.save_cursor = 2; /* the round begins behind it */
		save(3);
	}
	assert_true(stored_floor() < lacking);
	assert_nothing_lost();

	save(2 * DETECTORS);
	hear_one(1, 10);
	app_fixture_commit(&first);
	assert_true(stored_floor() >= lacking);
	assert_nothing_lost();
}

static void make_group(void) {
	app_fixture_start(&first, PLANT "group = pumps\n");
	app_fixture_run_pumps(&first, 4, 0, 5);
	app_fixture_commit(&first);
}

/* They go by the lowest of their ids: when others are looked at nobody is saved. The latest reading is one member's, of
 * which no step has come yet; the states of all contain it, or would. */
static void members_of_a_group_are_saved_at_one_moment(void **state) {
	(void)state;
	make_group();
	app_fixture_hear(&first, "plant/pump2/pressure", 5, 1);
	first.app.save_cursor = 1;
	save(3);
	assert_asked(STATES, "0");

	uint64_t moment = first.app.sequence;
	uint64_t commits = first.app.writer.commits;
	save(1);
	assert_int_equal(first.app.writer.commits, commits + 1);
	assert_asked(SAVED, "1,2,3,4");
	assert_asked("SELECT count(*) FROM neighbourhood", "1");
	for (uint32_t id = 1; id <= 4; id++)
		assert_int_equal(contained(id), moment);
}

/* Its own transaction when a stop saves one state after the other. */
static void a_stop_saves_a_group_with_what_it_knows_together(void **state) {
	(void)state;
	make_group();
	app_save_all(&first.app, NO_DEADLINE);
	assert_asked(SAVED, "1,2,3,4");
	assert_asked("SELECT count(*) FROM neighbourhood", "1");
	assert_asked("SELECT count(DISTINCT sequence) FROM state", "1");
	save(4);
	assert_int_equal(first.app.counters.states, 4);
}

/* Whichever allocation fails. */
static void a_group_is_saved_whole_or_not_at_all(void **state) {
	const struct app *app = &first.app;
	int failures = 0;

	(void)state;
	make_group();
	for (bool failed = true; failed; failures += failed) {
		first.app.save_cursor = 0;
		first.app.save_credit = 1;
		starve(failures + 1);
		app_save_due(&first.app);
		failed = starve_end();
		if (app->counters.states > 0)
			break;
		assert_int_equal(journal_size(writer_journal(&first.app.writer)), 0);
	}
	assert_int_equal(app->counters.states, 4);
	assert_true(failures > 0 || SANITIZED);
	app_fixture_commit(&first);
	assert_asked(SAVED, "1,2,3,4");
	assert_asked("SELECT count(*) FROM neighbourhood", "1");
}

/* The readings are committed whatever the time. */
static void a_stop_without_time_keeps_the_readings(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 3, 0, 10);
	app_save_all(&first.app, app_clock(&first.app));
	assert_asked(STATES, "0");
	assert_asked("SELECT count(*) FROM reading", "30");
	assert_asked("SELECT count(*) FROM pending", "30");
}

static void a_stop_with_time_leaves_nothing_waiting(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 3, 0, 10);
	uint64_t last = first.app.sequence;
	app_save_all(&first.app, NO_DEADLINE);
	assert_asked(STATES, "3");
	assert_asked("SELECT count(DISTINCT series) FROM score", "3");
	assert_asked("SELECT count(*) FROM reading", "30");
	assert_int_equal(stored_floor(), last);
	assert_true(contained(3) == last);
}

/* As saver.c has it: what is committed at once, at least and at most. */
#define PIECE_MIN (256u << 10)
#define PIECE_MAX (16u << 20)

/* Commits that states of so many bytes take, in pieces that stay as small as possible or grow each time. */
static uint64_t pieces(size_t states, size_t bytes, bool grow) {
	size_t piece = PIECE_MIN, filled = 0;
	uint64_t commits = 0;

	for (size_t i = 0; i < states; i++) {
		filled += bytes;
		if (filled < piece)
			continue;
		commits++;
		filled = 0;
		if (grow && piece < PIECE_MAX)
			piece *= 2;
	}
	return commits + (filled > 0);
}

/* How quick the disk is decides how many there are, within these bounds. */
static void a_stop_commits_in_pieces_of_a_state_at_least(void **state) {
	(void)state;
	app_fixture_start(&first, PLANT);
	app_fixture_run_pumps(&first, 12, 0, 5);
	app_fixture_commit(&first);
	uint64_t before = first.app.writer.commits;
	app_save_all(&first.app, NO_DEADLINE);
	assert_asked(STATES, "12");

	size_t bytes = (size_t)app_fixture_count(&first, "SELECT min(length(bytes)) FROM state");
	uint64_t commits = first.app.writer.commits - before;
	assert_true(pieces(12, bytes, true) > 1);
	assert_in_range(commits, pieces(12, bytes, true), pieces(12, bytes, false) + 1);
}

/* A stranger's transaction, which lets no other begin. */
static sqlite3 *lock(void) {
	sqlite3 *stranger;

	assert_int_equal(sqlite3_open(first.files->path, &stranger), SQLITE_OK);
	assert_int_equal(sqlite3_exec(stranger, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return stranger;
}

static void a_commit_that_fails_keeps_what_waits(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 3, 0, 10);
	sqlite3 *stranger = lock();
	app_save_all(&first.app, NO_DEADLINE);
	assert_int_equal(first.app.writer.failure, -EBUSY);
	first.app.save_credit = 3;
	app_save_due(&first.app);
	assert_int_equal(first.app.counters.states, 0);
	sqlite3_close(stranger);

	assert_asked("SELECT count(*) FROM reading", "0");
	app_fixture_commit(&first);
	assert_asked("SELECT count(*) FROM pending", "30");
	assert_asked(STATES, "0");
	save(3);
	assert_asked(STATES, "3");
	assert_int_equal(contained(3), first.app.sequence);
}

/* States that were handed over while the database failed are not lost, nor taken for saved before their readings
 * are. */
static void states_of_a_commit_that_failed_come_with_the_next(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 3, 0, 10);
	sqlite3 *stranger = lock();
	first.app.save_credit = 6;
	app_save_due(&first.app);
	app_note_floor(&first.app);
	writer_commit(&first.app.writer, app_now());
	assert_int_equal(first.app.writer.failure, -EBUSY);
	assert_asked(STATES, "0");
	assert_int_equal(stored_floor(), 0);
	sqlite3_close(stranger);

	app_fixture_commit(&first);
	assert_asked(STATES, "3");
	assert_asked("SELECT count(*) FROM reading", "30");
}

/* With lateness the period of the last reading is open; the reading is in the clock's part of the state. */
static void a_detector_without_ticks_is_saved_with_what_waits(void **state) {
	static const char late[] = LEAN PLANT "lateness = 5m\n";

	(void)state;
	app_fixture_start(&first, late);
	app_fixture_hear(&first, "plant/pump1/pressure", 0, 3);
	app_fixture_step(&first);
	assert_int_equal(first.app.counters.forecasts, 0);
	save(1);
	assert_int_equal(first.app.counters.states, 1);
	assert_int_equal(contained(1), first.app.sequence);
	save(1);
	assert_int_equal(first.app.counters.states, 1);

	app_fixture_copy(&first, &second);
	app_fixture_start(&second, late);
	assert_int_equal(
		lines_logged("database: 1 detectors, 1 states, 0 rebuilt, 0 readings replayed"), 1);
	app_fixture_run_pumps(&first, 1, 1, 20);
	app_fixture_run_pumps(&second, 1, 1, 20);
	assert_true(first.app.counters.forecasts > 0);
	app_fixture_assert_same(&first, &second);
}

/* It has to be saved again once they have stepped, though no reading has come. */
static void ticks_that_wait_are_saved_and_the_state_is_due_again(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 1, 0, 5);
	app_fixture_hear_pumps(&first, 1, 5);
	save(1);
	app_fixture_copy(&first, &second);
	app_fixture_step(&first);
	save(1);
	assert_int_equal(first.app.counters.states, 2);
	save(1);
	assert_int_equal(first.app.counters.states, 2);

	app_fixture_start(&second, LEAN PLANT);
	app_fixture_step(&second);
	app_fixture_assert_same(&first, &second);
	app_save_all(&second.app, NO_DEADLINE);
	assert_int_equal(second.app.counters.states, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		APP_TEST(detectors_are_saved_in_turn),
		APP_TEST(who_has_heard_nothing_is_not_saved_again),
		APP_TEST(a_fraction_of_a_detector_waits),
		APP_TEST(a_state_names_the_last_reading_that_it_contains),
		APP_TEST(the_floor_rises_only_as_states_allow),
		APP_TEST(one_that_is_not_saved_holds_the_floor_down),
		APP_TEST(members_of_a_group_are_saved_at_one_moment),
		APP_TEST(a_stop_saves_a_group_with_what_it_knows_together),
		APP_TEST(a_group_is_saved_whole_or_not_at_all),
		APP_TEST(a_stop_without_time_keeps_the_readings),
		APP_TEST(a_stop_with_time_leaves_nothing_waiting),
		APP_TEST(a_stop_commits_in_pieces_of_a_state_at_least),
		APP_TEST(a_commit_that_fails_keeps_what_waits),
		APP_TEST(states_of_a_commit_that_failed_come_with_the_next),
		APP_TEST(a_detector_without_ticks_is_saved_with_what_waits),
		APP_TEST(ticks_that_wait_are_saved_and_the_state_is_due_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
