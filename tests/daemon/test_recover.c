/* SPDX-License-Identifier: Apache-2.0 */
#include "app_fixture.h"
#include "caught_log.h"
#include "error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_logged(const char *line) {
	if (lines_logged(line) != 1) {
		print_message("not once: \"%s\", but:\n%s", line, caught_log());
		fail();
	}
}

/* Rows that the one has and the other lacks. */
static int rows_apart(const char *columns, const char *table) {
	int status;

	const char *found = fixture_shell(&status,
		"sqlite3 '%s' \"ATTACH '%s' AS other; WITH ours AS (SELECT %s FROM main.%s), "
		"theirs AS (SELECT %s FROM other.%s) SELECT "
		"(SELECT count(*) FROM (SELECT * FROM ours EXCEPT SELECT * FROM theirs)) + "
		"(SELECT count(*) FROM (SELECT * FROM theirs EXCEPT SELECT * FROM ours))\"",
		first.files->path, second.files->path, columns, table, columns, table);
	assert_int_equal(status, 0);
	return atoi(found);
}

static void assert_same_tables(void) {
	assert_true(app_fixture_count(&first, "SELECT count(*) FROM forecast") > 0);
	assert_int_equal(rows_apart("series,time_ms,value", "reading"), 0);
	assert_int_equal(rows_apart("series,issued_ms,json", "forecast"), 0);
	assert_int_equal(rows_apart("series,time_ms,score", "anomaly"), 0);
}

static void assert_same_forecast(uint32_t series) {
	const struct text *forecast = &first.app.roster.series[series].forecast;
	const struct text *other = &second.app.roster.series[series].forecast;

	assert_true(forecast->length > 0);
	assert_same_text(forecast, other);
}

static void assert_rebuilt(const char *detector, int error) {
	char line[128];

	snprintf(line, sizeof(line),
		"<5>%s: its state can't be used (%s) and is rebuilt from readings", detector,
		error_text(error));
	assert_logged(line);
}

static void run_both(unsigned pumps, unsigned from, unsigned minutes) {
	app_fixture_run_pumps(&first, pumps, from, minutes);
	app_fixture_run_pumps(&second, pumps, from, minutes);
}

/* The first one goes on from what is committed, the second one is started on it. */
static void copy_and_step(const char *configuration) {
	app_fixture_commit(&first);
	app_fixture_copy(&first, &second);
	app_fixture_step(&first);
	app_fixture_commit(&first);

	app_fixture_start(&second, configuration);
	app_fixture_assert_same(&first, &second);
	assert_same_tables();
}

/* Some have a state of minute 40, the others are replayed from their first reading on. Of the last minute the readings
 * are in the database and nothing that came of them. */
static void assert_resumes(const char *configuration, unsigned pumps, unsigned saved) {
	app_fixture_start(&first, configuration);
	app_fixture_run_pumps(&first, pumps, 0, 40);
	first.app.save_credit = saved;
	app_save_due(&first.app);
	app_fixture_run_pumps(&first, pumps, 40, 20);
	app_fixture_hear_pumps(&first, pumps, 60);
	copy_and_step(configuration);
	run_both(pumps, 61, 20);
	app_fixture_assert_same(&first, &second);
}

static void what_waits_is_replayed_to_the_same_bits(void **state) {
	(void)state;
	assert_resumes(LEAN PLANT, 9, 4);
	assert_logged("database: 9 detectors, 4 states, 0 rebuilt, 389 readings replayed");
	app_fixture_commit(&first);
	app_fixture_commit(&second);
	assert_same_tables();
}

/* 4 * 21 + 5 * 61 readings, two of nine detectors at a time, so that batches run beside each other. */
static void two_batches_at_a_time_give_the_same_bits(void **state) {
	(void)state;
	first.model = second.model = MODELS "/base-2.safetensors";
	assert_resumes(LEAN "[limits]\nbatch = 2\n" PLANT, 9, 4);
	assert_logged("database: 9 detectors, 4 states, 0 rebuilt, 389 readings replayed");
}

/* Of three detectors every second batch holds one that the batch before it holds. */
static void batches_that_depend_on_each_other_run_in_their_order(void **state) {
	(void)state;
	assert_resumes(LEAN "[limits]\nbatch = 2\n" PLANT, 3, 2);
	assert_logged("database: 3 detectors, 2 states, 0 rebuilt, 103 readings replayed");
}

#define PANEL "[source panel]\ntopic = panel/{detector}\nstep = 1m\n"

static void hear_panel(unsigned minute) {
	char payload[128];

	snprintf(payload, sizeof(payload), "{\"power\":%u,\"current\":%u,\"voltage\":%u}",
		minute * 7 % 31, minute * 3 % 17, minute * 5 % 23);
	app_fixture_receive(&first, "panel/main", minute, payload);
}

/* The readings of a message step together. They are more than wait for a batch at once, and what comes of them is more
 * than is committed at once; neither parts a message. */
static void messages_of_several_readings_are_replayed_whole(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PANEL);
	for (unsigned minute = 0; minute < 700; minute++) {
		hear_panel(minute);
		app_fixture_step(&first);
	}
	hear_panel(700);
	copy_and_step(LEAN PANEL);
	assert_logged("database: 1 detectors, 0 states, 0 rebuilt, 2103 readings replayed");
}

#define GROUP "[limits]\nbatch = 4\n" PLANT "group = pumps\n"

/* More comes than steps, so that in no minute the same ones step together as in the one before. */
static void run_behind(unsigned from, unsigned minutes) {
	for (unsigned minute = from; minute < from + minutes; minute++) {
		app_fixture_hear_pumps(&first, 9, minute);
		assert_true(app_fixture_step_batch(&first));
		assert_true(app_fixture_step_batch(&first));
	}
}

/* All nine are saved together. What is replayed puts out more than is committed at once. */
static void members_of_a_group_step_again_as_they_did(void **state) {
	(void)state;
	app_fixture_start(&first, GROUP);
	app_fixture_run_pumps(&first, 9, 0, 40);
	first.app.save_credit = 1;
	app_save_due(&first.app);
	run_behind(40, 230);
	app_fixture_step(&first);
	app_fixture_hear_pumps(&first, 9, 270);
	copy_and_step(GROUP);
	assert_logged("database: 9 detectors, 9 states, 0 rebuilt, 2079 readings replayed");
	run_both(9, 271, 20);
	app_fixture_assert_same(&first, &second);
}

/* The last that was noted is a batch, after which five of nine members still wait. */
static void members_that_waited_for_their_batch_step_in_the_end(void **state) {
	(void)state;
	app_fixture_start(&first, GROUP);
	app_fixture_run_pumps(&first, 9, 0, 40);
	app_fixture_hear_pumps(&first, 9, 40);
	assert_true(app_fixture_step_batch(&first));
	copy_and_step(GROUP);
}

static void a_neighbourhood_that_can_not_be_used_begins_anew(void **state) {
	(void)state;
	app_fixture_start(&first, GROUP);
	app_fixture_run_pumps(&first, 9, 0, 40);
	app_fixture_stop(&first);
	fixture_meddle(first.files, "UPDATE neighbourhood SET checksum=checksum+1");
	app_fixture_start(&first, GROUP);
	assert_logged("neighbourhood 1: its state can't be used");
	app_fixture_run_pumps(&first, 9, 40, 20);
	assert_int_equal(first.app.counters.forecasts, 180);
}

/* Only a clock that was set back lets in what lies so far behind the reading before. */
static void what_came_after_a_clock_was_set_back_is_replayed(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 2, 0, 20);
	app_fixture_run_pumps(&first, 2, 1000000, 5);
	app_fixture_run_pumps(&first, 2, 25, 20);
	app_fixture_hear_pumps(&first, 2, 45);
	copy_and_step(LEAN PLANT);
	assert_logged("database: 2 detectors, 0 states, 0 rebuilt, 92 readings replayed");
}

static void start_again(const char *configuration) {
	app_fixture_stop(&first);
	app_fixture_start(&first, configuration);
}

/* What a request asks for, and what is told to be stale. */
static void the_latest_forecasts_are_there_after_a_stop(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT);
	app_fixture_run_pumps(&first, 3, 0, 40);
	app_fixture_commit(&first);
	app_fixture_copy(&first, &second);
	start_again(LEAN PLANT);
	assert_logged("database: 3 detectors, 3 states, 0 rebuilt, 0 readings replayed");
	app_fixture_start(&second, LEAN PLANT);
	assert_true(first.app.roster.series[3].forecast.length > 0);
	app_fixture_assert_same(&first, &second);
}

#define REBUILD "[store]\nrebuild = 30\n"

/* As if nothing had ever come but the latest readings. */
static void assert_as_of_the_latest(const char *configuration, unsigned pumps, uint32_t least) {
	app_fixture_start(&second, configuration);
	app_fixture_run_pumps(&second, pumps, 30, 30);
	for (uint32_t id = least; id <= pumps; id++)
		assert_same_forecast(id);
}

/* 30 readings each of pump2 and pump3; pump1 goes on from its state. What was published then stays as it was. */
static void states_that_can_not_be_used_are_rebuilt_and_named(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT REBUILD);
	app_fixture_run_pumps(&first, 3, 0, 60);
	app_fixture_stop(&first);
	app_fixture_copy(&first, &second);
	fixture_meddle(first.files,
		"UPDATE state SET layout=layout+1 WHERE detector=2;"
		"UPDATE state SET bytes=zeroblob(length(bytes)) WHERE detector=3");
	app_fixture_start(&first, LEAN PLANT REBUILD);
	assert_int_equal(lines_logged("its state can't be used"), 2);
	assert_rebuilt("pump2", E_MISMATCH);
	assert_rebuilt("pump3", E_CORRUPT);
	assert_logged("database: 3 detectors, 1 states, 2 rebuilt, 60 readings replayed");

	app_fixture_start(&second, LEAN PLANT REBUILD);
	app_fixture_assert_same_detector(&first, &second, "pump1");
	app_fixture_commit(&first);
	assert_int_equal(rows_apart("series,issued_ms,json", "forecast"), 0);
	app_fixture_finish(&second);
	assert_as_of_the_latest(LEAN PLANT REBUILD, 3, 2);
}

/* Once: what has been rebuilt is saved. */
static void states_of_other_options_are_rebuilt(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT REBUILD);
	app_fixture_run_pumps(&first, 3, 0, 60);
	start_again(LEAN PLANT "horizon = 7\n" REBUILD);
	assert_int_equal(lines_logged("its state can't be used"), 3);
	assert_rebuilt("pump3", E_MISMATCH);
	assert_logged("database: 3 detectors, 0 states, 3 rebuilt, 90 readings replayed");
	assert_as_of_the_latest(LEAN PLANT "horizon = 7\n" REBUILD, 3, 1);

	start_again(LEAN PLANT "horizon = 7\n" REBUILD);
	assert_logged("database: 3 detectors, 3 states, 0 rebuilt, 0 readings replayed");
}

/* The forecasts that are made on the way are not those of then, though its readings all wait. */
static void a_state_is_rebuilt_from_the_latest_readings_though_all_wait(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT REBUILD);
	app_fixture_run_pumps(&first, 3, 0, 60);
	first.app.save_credit = 1;
	app_save_due(&first.app);
	app_fixture_commit(&first);
	app_fixture_kill(&first);
	fixture_meddle(first.files, "UPDATE state SET layout=layout+1");
	app_fixture_start(&first, LEAN PLANT REBUILD);
	assert_rebuilt("pump1", E_MISMATCH);
	assert_logged("database: 3 detectors, 0 states, 1 rebuilt, 150 readings replayed");
}

/* The only state that there is. */
struct kept {
	struct state_row row;
	struct text bytes;
};

static int keep_state(void *user, const struct state_row *row) {
	struct kept *kept = user;

	kept->row = *row;
	text_add(&kept->bytes, row->bytes);
	return 0;
}

static void put_state(struct store *store, const struct kept *kept) {
	void *at;

	assert_int_equal(journal_state(&first.files->journal, &kept->row, &at), 0);
	memcpy(at, kept->bytes.data, kept->bytes.length);
	fixture_commit(store, &first.files->journal);
}

/* The byte so far from the end of the state is another one, and the checksum is that of the change. */
static void change_state(size_t from_end) {
	struct store *store = fixture_open(first.files);
	struct kept kept = { 0 };

	assert_int_equal(store_each_state(store, keep_state, &kept), 0);
	kept.bytes.data[kept.bytes.length - from_end] ^= 0x40;
	put_state(store, &kept);
	text_finish(&kept.bytes);
	store_close(store);
}

static void hear_both_channels(struct app_fixture *fixture, unsigned from, unsigned minutes) {
	for (unsigned minute = from; minute < from + minutes; minute++) {
		app_fixture_hear(fixture, "plant/pump1/pressure", minute, minute % 7);
		app_fixture_hear(fixture, "plant/pump1/flow", minute, minute % 5);
		app_fixture_step(fixture);
	}
}

/* The first channel's part is loaded by the time that the second's turns out to be damaged: nothing of it
 * stays. */
static void of_a_state_that_fails_half_way_nothing_stays(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT REBUILD);
	hear_both_channels(&first, 0, 60);
	size_t second_channel =
		engine_state_size(first.app.engine, registry_detector(first.app.registry, 1), 1);
	app_fixture_stop(&first);
	change_state(second_channel);
	app_fixture_start(&first, LEAN PLANT REBUILD);
	assert_rebuilt("pump1", E_CORRUPT);
	assert_logged("database: 1 detectors, 0 states, 1 rebuilt, 60 readings replayed");

	app_fixture_start(&second, LEAN PLANT REBUILD);
	hear_both_channels(&second, 30, 30);
	assert_same_forecast(1);
	assert_same_forecast(2);
}

#define MEGABYTE (1u << 20)

/* Whoever has room goes on as before; readings of the others are recorded all the same. */
static void a_limit_of_memory_that_has_shrunk_is_told(void **state) {
	(void)state;
	app_fixture_start(&first, PLANT);
	app_fixture_run_pumps(&first, 9, 0, 20);
	size_t fit = MEGABYTE / (engine_memory(first.app.engine) / 9);
	assert_in_range(fit, 1, 8);
	app_fixture_stop(&first);
	app_fixture_copy(&first, &second);
	app_fixture_start(&first, PLANT);
	app_fixture_start(&second, "[limits]\nmemory = 1M\n" PLANT);
	assert_true(engine_memory(second.app.engine) <= MEGABYTE);

	run_both(9, 20, 5);
	for (unsigned pump = 1; pump <= 9; pump++) {
		char line[64];

		snprintf(line, sizeof(line), "<4>pump%u: no room for its state: ", pump);
		assert_int_equal(lines_logged(line) > 0, pump > fit);
		if (pump <= fit)
			assert_same_forecast(pump);
	}
	app_fixture_commit(&first);
	app_fixture_commit(&second);
	assert_int_equal(rows_apart("series,time_ms,value", "reading"), 0);
}

#define MINE "[source mine]\ntopic = mine/{detector}/{channel}\nstep = 1m\n"

/* Its detectors keep what they have, and go on when it is back. */
static void a_source_that_is_gone_disturbs_nobody(void **state) {
	(void)state;
	app_fixture_start(&first, LEAN PLANT MINE);
	for (unsigned minute = 0; minute < 40; minute++) {
		app_fixture_hear(&first, "mine/drill/torque", minute, minute % 7);
		app_fixture_run_pumps(&first, 2, minute, 1);
	}
	app_fixture_commit(&first);
	app_fixture_copy(&first, &second);
	app_fixture_start(&second, LEAN PLANT MINE);
	start_again(LEAN PLANT);
	assert_int_equal(registry_last_detector_id(first.app.registry), 3);
	run_both(2, 40, 10);
	app_fixture_assert_same_detector(&first, &second, "pump1");
	app_fixture_assert_same_detector(&first, &second, "pump2");

	start_again(LEAN PLANT MINE);
	app_fixture_assert_same(&first, &second);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		APP_TEST(what_waits_is_replayed_to_the_same_bits),
		APP_TEST(two_batches_at_a_time_give_the_same_bits),
		APP_TEST(batches_that_depend_on_each_other_run_in_their_order),
		APP_TEST(messages_of_several_readings_are_replayed_whole),
		APP_TEST(members_of_a_group_step_again_as_they_did),
		APP_TEST(members_that_waited_for_their_batch_step_in_the_end),
		APP_TEST(a_neighbourhood_that_can_not_be_used_begins_anew),
		APP_TEST(what_came_after_a_clock_was_set_back_is_replayed),
		APP_TEST(the_latest_forecasts_are_there_after_a_stop),
		APP_TEST(states_that_can_not_be_used_are_rebuilt_and_named),
		APP_TEST(states_of_other_options_are_rebuilt),
		APP_TEST(a_state_is_rebuilt_from_the_latest_readings_though_all_wait),
		APP_TEST(of_a_state_that_fails_half_way_nothing_stays),
		APP_TEST(a_limit_of_memory_that_has_shrunk_is_told),
		APP_TEST(a_source_that_is_gone_disturbs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
