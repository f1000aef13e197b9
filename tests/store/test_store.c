/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "fixture.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static int open_refused(const struct fixture *fixture, bool check, struct store_refusal *refusal) {
	struct store_options options = { .path = fixture->path, .create = true, .check = check };
	struct store *store = NULL;
	int r = store_open(&store, &options, refusal);

	assert_null(store);
	return r;
}

/* Runs a statement with the sqlite3 shell, as a stranger would. */
static void meddle(const struct fixture *fixture, const char *sql) {
	int status;

	fixture_shell(&status, "sqlite3 '%s' \"%s\"", fixture->path, sql);
	assert_int_equal(status, 0);
}

static void make_database(const struct fixture *fixture, uint32_t pumps) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	for (uint32_t id = 1; id <= pumps; id++)
		fixture_add_pump(&journal, id);
	if (pumps > 0)
		fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
}

static unsigned mode_of(const struct fixture *fixture, const char *suffix) {
	char name[128];
	struct stat status;

	snprintf(name, sizeof(name), "%s%s", fixture->path, suffix);
	assert_int_equal(stat(name, &status), 0);
	return status.st_mode & 07777;
}

static void new_files_are_readable_by_the_group_whatever_the_umask(void **state) {
	const struct fixture *fixture = *state;
	mode_t before = umask(077);

	make_database(fixture, 1);
	umask(before);
	assert_int_equal(mode_of(fixture, ""), 0640);
	assert_int_equal(mode_of(fixture, "-wal"), 0640);
	assert_int_equal(mode_of(fixture, "-shm"), 0640);
	assert_int_equal(mode_of(fixture, ".lock"), 0640);
}

static void a_missing_database_is_made_only_when_asked_for(void **state) {
	const struct fixture *fixture = *state;
	struct store *store;

	assert_int_equal(store_open(&store, &(struct store_options){ .path = fixture->path }, NULL),
		-ENOENT);
	make_database(fixture, 1);
	assert_int_equal(
		store_open(&store, &(struct store_options){ .path = fixture->path }, NULL), 0);
	store_close(store);
}

static void a_folder_that_is_not_there_is_an_error(void **state) {
	struct store_options options = { .path = "/nonexistent/xlstmd.db", .create = true };
	struct store *store;

	(void)state;
	assert_int_equal(store_open(&store, &options, NULL), -ENOENT);
}

static void another_programs_database_is_refused(void **state) {
	const struct fixture *fixture = *state;
	struct store_refusal refusal;

	meddle(fixture, "CREATE TABLE diary(day, entry)");
	assert_int_equal(open_refused(fixture, false, &refusal), E_VERSION);
	assert_string_equal(refusal.message, "it is a database of another program");
	assert_string_equal(
		fixture_shell(&(int){ 0 }, "sqlite3 '%s' .tables", fixture->path), "diary");
}

static void another_schema_version_is_refused_by_name_and_left_as_it_is(void **state) {
	const struct fixture *fixture = *state;
	struct store_refusal refusal;
	char before[64];
	int status;

	make_database(fixture, 1);
	meddle(fixture, "UPDATE meta SET value='77' WHERE key='schema_version'");
	snprintf(
		before, sizeof(before), "%s", fixture_shell(&status, "cksum <'%s'", fixture->path));
	assert_int_equal(open_refused(fixture, false, &refusal), E_VERSION);
	assert_int_equal(refusal.version, 77);
	assert_non_null(strstr(refusal.message, "version 77"));
	assert_string_equal(fixture_shell(&status, "cksum <'%s'", fixture->path), before);

	struct query *query;
	assert_int_equal(query_open(&query, fixture->path), E_VERSION);
}

static void what_is_no_database_is_refused_as_damaged(void **state) {
	const struct fixture *fixture = *state;
	struct store_refusal refusal;
	int status;

	fixture_shell(&status, "yes nonsense | head -c 100000 >'%s'", fixture->path);
	assert_int_equal(open_refused(fixture, false, &refusal), E_CORRUPT);
	assert_non_null(strstr(refusal.message, "not a database"));

	struct query *query;
	assert_int_equal(query_open(&query, fixture->path), E_CORRUPT);
}

static void a_truncated_database_is_refused_as_damaged(void **state) {
	const struct fixture *fixture = *state;
	struct store_refusal refusal;
	int status;

	make_database(fixture, 2000);
	fixture_shell(&status, "truncate -s 30000 '%s'", fixture->path);
	assert_int_equal(open_refused(fixture, false, &refusal), E_CORRUPT);
}

static void a_check_finds_damage_in_the_middle(void **state) {
	const struct fixture *fixture = *state;
	struct store_refusal refusal;
	int status;

	make_database(fixture, 2000);
	const char *size = fixture_shell(&status, "stat -c %%s '%s'", fixture->path);
	fixture_shell(&status,
		"head -c 20000 /dev/zero | tr '\\0' '\\377' |"
		" dd of='%s' bs=1 seek=%d conv=notrunc status=none",
		fixture->path, atoi(size) / 2);
	assert_int_equal(open_refused(fixture, true, &refusal), E_CORRUPT);
}

static void a_damaged_database_is_set_aside_whole(void **state) {
	const struct fixture *fixture = *state;
	int status;

	make_database(fixture, 1);
	fixture_shell(
		&status, "echo damage >'%s'; echo log >'%s-wal'", fixture->path, fixture->path);
	assert_int_equal(store_set_aside(fixture->path, 1234), 0);
	make_database(fixture, 1);
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM detector"), "1");
	assert_string_equal(fixture_shell(&status, "cat '%s.damaged-1234' '%s.damaged-1234-wal'",
				    fixture->path, fixture->path),
		"damage\nlog");
	/* A second one of the same time must not replace the first. */
	assert_int_equal(store_set_aside(fixture->path, 1234), -EEXIST);
}

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

	make_database(fixture, 3);
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

	make_database(fixture, 3);
	struct store *store = fixture_open(fixture);
	assert_int_equal(store_each_detector(store, stop_at_two, &seen), 42);
	assert_int_equal(seen, 2);
	store_close(store);
}

static void add_state(
	struct journal *journal, uint32_t detector, uint64_t sequence, const char *text) {
	struct state_row row = {
		.detector = detector,
		.layout = UINT64_C(0xfedcba9876543210),
		.sequence = sequence,
		.saved_ms = 5,
		.bytes = {NULL, strlen(text)}
	};
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
	meddle(fixture, "UPDATE state SET bytes=CAST('sEcond' AS BLOB) WHERE detector=2");

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

static void assert_waiting(struct store *store, uint64_t after, const char *expected) {
	struct text text = { 0 };

	assert_int_equal(store_each_reading(store, after, write_waiting, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, expected);
	text_finish(&text);
}

static void readings_wait_in_the_order_of_arrival_replaced_ones_included(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_pump(&journal, 2);
	fixture_add_reading(&journal, 3, 2000, 1, 1);
	fixture_add_reading(&journal, 1, 1000, 2, 2);
	fixture_add_reading(&journal, 3, 2000, 3, 3);
	fixture_add_reading(&journal, 3, 1000, 4, 4);
	fixture_add_reading(&journal, 2, 9000, NAN, 5);
	fixture_commit(store, &journal);

	assert_waiting(
		store, 0, "2/3:2000:1:1 1/1:1000:2:2 2/3:2000:3:3 2/3:1000:4:4 1/2:9000:nan:5 ");
	assert_waiting(store, 3, "2/3:1000:4:4 1/2:9000:nan:5 ");
	assert_string_equal(
		fixture_ask(fixture,
			"SELECT group_concat(series||':'||time_ms||':'||coalesce(value,'none'),' ')"
			" FROM (SELECT * FROM reading ORDER BY series, time_ms)"),
		"1:1000:2.0 2:9000:none 3:1000:4.0 3:2000:3.0");
	journal_finish(&journal);
	store_close(store);
}

static void what_states_contain_waits_no_longer(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	uint64_t sequence;

	fixture_add_pump(&journal, 1);
	for (uint64_t i = 1; i <= 4; i++)
		fixture_add_reading(&journal, 1, (int64_t)i, 1, i);
	fixture_commit(store, &journal);
	assert_int_equal(store_floor(store, &sequence), 0);
	assert_int_equal(sequence, 0);

	fixture_add_reading(&journal, 1, 5, 1, 5);
	journal_floor(&journal, 3);
	fixture_commit(store, &journal);
	assert_waiting(store, 0, "1/1:4:1:4 1/1:5:1:5 ");
	assert_int_equal(store_floor(store, &sequence), 0);
	assert_int_equal(sequence, 3);

	journal_floor(&journal, 2);
	fixture_commit(store, &journal);
	assert_int_equal(store_floor(store, &sequence), 0);
	assert_int_equal(sequence, 3);

	/* A reading that its own journal's floor has passed never waits. */
	fixture_add_reading(&journal, 1, 6, 1, 6);
	journal_floor(&journal, 6);
	fixture_commit(store, &journal);
	assert_waiting(store, 0, "");
	assert_int_equal(store_last_sequence(store, &sequence), 0);
	assert_int_equal(sequence, 6);
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM reading"), "6");
	journal_finish(&journal);
	store_close(store);
}

static void a_floor_that_rises_far_is_worked_off_over_several_commits(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	int left = 5000, commits = 0;

	for (uint64_t i = 1; i <= 5000; i++)
		fixture_add_reading(&journal, 1, (int64_t)i, 1, i);
	fixture_commit(store, &journal);
	while (left > 0 && commits < 10) {
		journal_floor(&journal, 5000);
		fixture_commit(store, &journal);
		int now = atoi(fixture_ask(fixture, "SELECT count(*) FROM pending"));
		assert_in_range(left - now, 1, 1500);
		left = now;
		commits++;
	}
	assert_int_equal(left, 0);
	journal_finish(&journal);
	store_close(store);
}

static void transient_readings_wait_but_are_no_history(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	journal_reading(
		&journal, &(struct reading_row){
				  .series = 1, .time_ms = 8, .sequence = 1, .transient = true });
	fixture_commit(store, &journal);
	assert_waiting(store, 0, "1/1:8:0:1 ");
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM reading"), "0");
	journal_finish(&journal);
	store_close(store);
}

static void the_latest_past_readings_of_a_detector_come_in_the_order_of_time(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	struct text text = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_pump(&journal, 2);
	for (int i = 1; i <= 4; i++) {
		fixture_add_reading(&journal, 2, 10 * i, i, (uint64_t)i);
		fixture_add_reading(&journal, 3, 10 * i, i, (uint64_t)i + 4);
	}
	fixture_add_reading(&journal, 1, 5, 9, 9);
	fixture_commit(store, &journal);
	assert_int_equal(store_each_past_reading(store, 1, 2, write_waiting, &text), 0);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, "1/1:5:9:0 1/2:30:3:0 1/2:40:4:0 ");
	text_finish(&text);
	journal_finish(&journal);
	store_close(store);
}

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
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_forecast(&journal, 1, 60000, 1);
	fixture_add_forecast(&journal, 1, 120000, 2);
	fixture_add_forecast(&journal, 1, 60000, 3);
	fixture_commit(store, &journal);
	assert_string_equal(
		fixture_ask(fixture, "SELECT group_concat(issued_ms||':'||mean,' ') FROM"
				     " forecast_history WHERE lead=1"),
		"60000:4 120000:3");
	journal_finish(&journal);
	store_close(store);
}

static void only_the_latest_forecast_is_kept_where_that_is_wanted(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	fixture_add_pump(&journal, 1);
	fixture_add_forecast(&journal, 1, 60000, 1);
	fixture_add_forecast(&journal, 2, 60000, 1);
	journal_forecast(&journal,
		&(struct forecast_row){
			.series = 1, .issued_ms = 120000, .replace = true, .json = SPAN("{}") });
	fixture_commit(store, &journal);
	assert_string_equal(
		fixture_ask(fixture, "SELECT group_concat(series||':'||issued_ms,' ') FROM"
				     " (SELECT * FROM forecast ORDER BY series, issued_ms)"),
		"1:120000 2:60000");
	journal_finish(&journal);
	store_close(store);
}

static void models_and_meta_are_read_back_and_replaced_by_name(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	struct text text = { 0 };

	journal_model(
		&journal, &(struct model_row){ .name = SPAN("base-3"), .weights = SPAN("old") });
	journal_model(
		&journal, &(struct model_row){ .name = SPAN("base-3"), .weights = SPAN("a\0b") });
	journal_meta(&journal, SPAN("model"), SPAN("base-2"));
	journal_meta(&journal, SPAN("model"), SPAN("base-3"));
	fixture_commit(store, &journal);

	assert_int_equal(store_model(store, SPAN("base-3"), &text), 0);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.data, "a\0b", 3);
	assert_int_equal(store_model(store, SPAN("base-4"), &text), E_NOT_FOUND);
	text_reset(&text);
	assert_int_equal(store_meta(store, SPAN("model"), &text), 0);
	assert_true(span_equal(text_span(&text), SPAN("base-3")));
	assert_int_equal(store_meta(store, SPAN("mode"), &text), E_NOT_FOUND);
	text_finish(&text);
	journal_finish(&journal);
	store_close(store);
}

#define DAY INT64_C(86400000)

/* Three days of hourly readings, forecasts and anomalies of six series. */
static struct store *make_history(const struct fixture *fixture) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	uint64_t sequence = 0;

	for (uint32_t id = 1; id <= 3; id++)
		fixture_add_pump(&journal, id);
	for (uint32_t series = 1; series <= 6; series++) {
		for (int64_t time = 0; time < 3 * DAY; time += DAY / 24) {
			fixture_add_reading(&journal, series, time, 1, ++sequence);
			fixture_add_forecast(&journal, series, time, 1);
			journal_anomaly(&journal,
				&(struct anomaly_row){ .series = series, .time_ms = time });
		}
	}
	for (int64_t time = 0; time < 3 * DAY; time += DAY / 24)
		journal_learning(&journal, &(struct learning_row){ .time_ms = time });
	fixture_commit(store, &journal);
	journal_finish(&journal);
	return store;
}

static const char counts[] = "SELECT (SELECT count(*) FROM reading)||' '||"
			     "(SELECT count(*) FROM forecast)||' '||"
			     "(SELECT count(*) FROM anomaly)||' '||(SELECT count(*) FROM learning)";

static void each_table_is_kept_for_its_own_time(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = make_history(fixture);
	struct store_retention retention = {
		.readings = 2 * DAY, .forecasts = DAY, .learning = DAY
	};

	assert_string_equal(fixture_ask(fixture, counts), "432 432 432 72");
	while (store_prune(store, &retention, 3 * DAY, 1000) == 1)
		;
	/* Kept: what is not older than the retention; anomalies for ever. */
	assert_string_equal(fixture_ask(fixture, counts), "288 144 432 24");
	assert_string_equal(fixture_ask(fixture, "SELECT min(time_ms) FROM reading"), "86400000");
	store_close(store);
}

static void pruning_is_bounded_per_call_and_comes_to_an_end(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = make_history(fixture);
	struct store_retention retention = { .readings = DAY, .anomalies = DAY };
	struct store_stats stats;
	uint64_t before = 0;
	int r = 1;

	for (int calls = 0; r == 1 && calls < 100; calls++) {
		r = store_prune(store, &retention, 3 * DAY, 10);
		store_stats(store, &stats);
		assert_true(stats.pruned - before <= 10);
		before = stats.pruned;
	}
	assert_int_equal(r, 0);
	assert_int_equal(stats.pruned, 6 * 48 * 2);
	assert_string_equal(fixture_ask(fixture, counts), "144 432 144 72");
	store_close(store);
}

static void the_log_stays_bounded_while_pruning(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 50000
	};
	struct store_retention retention = { .forecasts = 1 };
	struct store_stats stats;
	struct store *store;
	int r;

	store_close(make_history(fixture));
	assert_int_equal(store_open(&store, &options, NULL), 0);
	do {
		r = store_prune(store, &retention, 3 * DAY, 5);
		store_stats(store, &stats);
		assert_true(stats.wal_bytes < 200000);
	} while (r == 1);
	assert_int_equal(r, 0);
	assert_int_equal(stats.pruned, 432);
	store_close(store);
}

static void nothing_is_pruned_without_a_retention(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = make_history(fixture);

	assert_int_equal(store_prune(store, &(struct store_retention){ 0 }, 3 * DAY, 1000), 0);
	assert_string_equal(fixture_ask(fixture, counts), "432 432 432 72");
	store_close(store);
}

static void a_reader_that_stays_open_shows_in_the_held_log(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 100000
	};
	struct journal journal = { 0 };
	struct store_stats stats;
	struct store *store;
	struct query *query;
	struct rows *rows;

	assert_int_equal(store_open(&store, &options, NULL), 0);
	assert_int_equal(query_open(&query, fixture->path), 0);
	assert_int_equal(query_rows(query, "SELECT 1 FROM meta", NULL, 0, &rows), 0);
	assert_int_equal(rows_next(rows), 1);
	for (uint64_t i = 1; i <= 2000; i++) {
		fixture_add_reading(&journal, (uint32_t)i, 1, 1, i);
		if (i % 10 == 0)
			fixture_commit(store, &journal);
	}
	store_stats(store, &stats);
	assert_true(stats.wal_held_bytes > 300000);
	assert_true(stats.wal_bytes > 300000);

	rows_close(rows);
	assert_int_equal(store_checkpoint(store), 0);
	store_stats(store, &stats);
	assert_int_equal(stats.wal_held_bytes, 0);

	/* The log begins anew, and is cut back to the limit. */
	fixture_add_reading(&journal, 1, 2, 1, 2001);
	fixture_commit(store, &journal);
	store_stats(store, &stats);
	assert_true(stats.wal_bytes <= 100000);
	assert_true(stats.wal_held_bytes > 0 && stats.wal_held_bytes < 100000);
	query_close(query);
	journal_finish(&journal);
	store_close(store);
}

static void the_log_stays_bounded_without_readers(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 100000
	};
	struct journal journal = { 0 };
	struct store_stats stats;
	struct store *store;

	assert_int_equal(store_open(&store, &options, NULL), 0);
	for (uint64_t i = 1; i <= 5000; i++) {
		fixture_add_reading(&journal, (uint32_t)i, 1, 1, i);
		if (i % 10 == 0)
			fixture_commit(store, &journal);
	}
	store_stats(store, &stats);
	assert_true(stats.wal_bytes < 300000);
	assert_true(stats.checkpoints > 5);
	assert_int_equal(stats.commits, 500);
	assert_int_equal(stats.readings, 5000);
	journal_finish(&journal);
	store_close(store);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(new_files_are_readable_by_the_group_whatever_the_umask),
		FIXTURE_TEST(a_missing_database_is_made_only_when_asked_for),
		FIXTURE_TEST(a_folder_that_is_not_there_is_an_error),
		FIXTURE_TEST(another_programs_database_is_refused),
		FIXTURE_TEST(another_schema_version_is_refused_by_name_and_left_as_it_is),
		FIXTURE_TEST(what_is_no_database_is_refused_as_damaged),
		FIXTURE_TEST(a_truncated_database_is_refused_as_damaged),
		FIXTURE_TEST(a_check_finds_damage_in_the_middle),
		FIXTURE_TEST(a_damaged_database_is_set_aside_whole),
		FIXTURE_TEST(detectors_and_series_are_recovered),
		FIXTURE_TEST(a_visit_can_end_the_recovery),
		FIXTURE_TEST(states_are_recovered_and_damaged_ones_come_empty),
		FIXTURE_TEST(readings_wait_in_the_order_of_arrival_replaced_ones_included),
		FIXTURE_TEST(what_states_contain_waits_no_longer),
		FIXTURE_TEST(a_floor_that_rises_far_is_worked_off_over_several_commits),
		FIXTURE_TEST(transient_readings_wait_but_are_no_history),
		FIXTURE_TEST(the_latest_past_readings_of_a_detector_come_in_the_order_of_time),
		FIXTURE_TEST(names_cannot_leave_their_place),
		FIXTURE_TEST(a_forecast_of_the_same_issue_replaces_the_earlier),
		FIXTURE_TEST(only_the_latest_forecast_is_kept_where_that_is_wanted),
		FIXTURE_TEST(models_and_meta_are_read_back_and_replaced_by_name),
		FIXTURE_TEST(each_table_is_kept_for_its_own_time),
		FIXTURE_TEST(pruning_is_bounded_per_call_and_comes_to_an_end),
		FIXTURE_TEST(the_log_stays_bounded_while_pruning),
		FIXTURE_TEST(nothing_is_pruned_without_a_retention),
		FIXTURE_TEST(a_reader_that_stays_open_shows_in_the_held_log),
		FIXTURE_TEST(the_log_stays_bounded_without_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
