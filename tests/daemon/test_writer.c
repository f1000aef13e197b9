/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "failing_vfs.h"
#include "fixture.h"
#include "timestamp.h"
#include "writer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include <cmocka.h>

/* A row of `learning` has no key of its own: a journal that is committed twice shows there. */
#define LEARNED "SELECT count(*) FROM learning"

/* More writes and syncs than a commit with its housekeeping makes. */
#define OPERATIONS_MAX 200

#define JOURNAL_MAX 100000
#define LONG_MS     3600000

/* A writer on a loop that turns only when the test says so. */
struct bench {
	struct fixture *fixture;
	uv_loop_t loop;
	struct writer writer;
	int fatal; /* what the writer said */
};

static struct bench bench;

static void on_fatal(void *context, int error) {
	*(int *)context = error;
}

static void open_writer(void) {
	struct store_options options = {
		.path = bench.fixture->path, .create = true, .vfs = FAILING_VFS
	};
	struct writer_options writing = {
		.commit_interval_ms = LONG_MS,
		.retention = { .readings = 1000 },
		.journal_max = JOURNAL_MAX,
		.fatal = on_fatal,
		.context = &bench.fatal,
	};
	struct store *store;

	bench.fatal = 0;
	assert_int_equal(store_open(&store, &options, NULL), 0);
	assert_int_equal(writer_init(&bench.writer, &bench.loop, store, &writing), 0);
}

static int close_writer(void) {
	int r = writer_finish(&bench.writer);

	uv_run(&bench.loop, UV_RUN_DEFAULT);
	return r;
}

static int setup(void **state) {
	if (fixture_setup(state) < 0)
		return -1;
	bench.fixture = *state;
	uv_loop_init(&bench.loop);
	open_writer();
	return 0;
}

static int teardown(void **state) {
	failing_vfs_fail_at(0, 0);
	uv_loop_close(&bench.loop);
	return fixture_teardown(state);
}

static void learn(void) {
	assert_int_equal(journal_learning(writer_journal(&bench.writer),
				 &(struct learning_row){ .time_ms = 1 }),
		0);
}

/* Starts what is due, and waits for it. */
static void turn(bool flush) {
	uv_update_time(&bench.loop);
	writer_start(&bench.writer, flush, LONG_MS);
	lane_wait(&bench.writer.lane);
}

static void assert_learned(const char *times) {
	assert_string_equal(fixture_ask(bench.fixture, LEARNED), times);
}

static void what_is_committed_is_committed_once(void **state) {
	(void)state;
	learn();
	turn(true);
	assert_learned("1");
	turn(true);
	learn();
	turn(true);
	turn(true);
	assert_learned("2");
	assert_true(writer_is_idle(&bench.writer));
	assert_int_equal(bench.writer.commits, 2);
	assert_int_equal(close_writer(), 0);
	assert_learned("2");
}

static void a_commit_waits_for_company_but_not_beyond_its_interval(void **state) {
	struct writer_options options = bench.writer.options;

	(void)state;
	learn();
	turn(false);
	assert_learned("0");
	assert_false(writer_is_idle(&bench.writer));
	options.commit_interval_ms = 0;
	writer_set_options(&bench.writer, &options);
	turn(false);
	assert_learned("1");
	close_writer();
}

static void a_sixteenth_of_a_journal_waits_no_longer(void **state) {
	(void)state;
	while (journal_size(writer_journal(&bench.writer)) < JOURNAL_MAX / 16) {
		turn(false);
		assert_int_equal(bench.writer.commits, 0);
		learn();
	}
	turn(false);
	assert_int_equal(bench.writer.commits, 1);
	/* What a burst has taken is given back. */
	assert_null(bench.writer.journals[0].records.data);
	close_writer();
}

static void what_failed_is_kept_and_tried_again_after_a_pause_that_grows(void **state) {
	int64_t pause_ms = 0;

	(void)state;
	failing_vfs_fail_at(1, SQLITE_FULL);
	learn();
	turn(true);
	assert_int_equal(bench.writer.failure, -ENOSPC);
	assert_false(writer_is_full(&bench.writer));
	for (int i = 0; i < 10; i++) {
		int64_t next_ms = bench.writer.retry_ms - (int64_t)uv_now(&bench.loop);

		assert_true(next_ms >= pause_ms && next_ms <= 30000);
		pause_ms = next_ms;
		/* Not before the pause is over, unless somebody asks. */
		uint64_t failures = bench.writer.stats.failures;
		turn(false);
		assert_int_equal(bench.writer.stats.failures, failures);
		turn(true);
		assert_int_equal(bench.writer.stats.failures, failures + 1);
	}
	assert_int_equal(pause_ms, 30000);

	/* Meanwhile the other journal fills; both go once the disk is well. */
	learn();
	failing_vfs_fail_at(0, 0);
	turn(true);
	assert_learned("1");
	assert_int_equal(bench.writer.failure, 0);
	turn(true);
	assert_learned("2");
	close_writer();
}

/* Whatever fails, commit, housekeeping or checkpoint: once the disk is well each row is there once. */
static void no_failure_loses_or_doubles_a_row(void **state) {
	int failures = 0, prune_failures = 0, n;
	char learned[16];

	(void)state;
	fixture_add_pump(writer_journal(&bench.writer), 1);
	for (n = 1; n < OPERATIONS_MAX; n++) {
		fixture_add_reading(writer_journal(&bench.writer), 1, n, 1, (uint64_t)n);
		learn();
		bench.writer.prune_ms = 0;
		failing_vfs_fail_at(n, SQLITE_IOERR_WRITE);
		turn(true);
		bool failed = failing_vfs_has_failed();
		failing_vfs_fail_at(0, 0);
		failures += bench.writer.failure < 0;
		prune_failures += bench.writer.prune_failure < 0;
		assert_true(bench.writer.failure == 0 || bench.writer.failure == -EIO);

		turn(true);
		assert_true(writer_is_idle(&bench.writer));
		snprintf(learned, sizeof(learned), "%d", n);
		assert_learned(learned);
		if (!failed)
			break;
	}
	assert_true(n < OPERATIONS_MAX);
	assert_true(failures > 0);
	assert_true(prune_failures > 0);
	assert_int_equal(close_writer(), 0);
}

static void the_input_is_known_to_be_committed_only_when_it_is(void **state) {
	(void)state;
	failing_vfs_fail_at(1, SQLITE_FULL);
	learn();
	journal_input(writer_journal(&bench.writer), 8);
	turn(true);
	assert_int_equal(bench.writer.input, 0);
	failing_vfs_fail_at(0, 0);
	turn(true);
	assert_int_equal(bench.writer.input, 8);
	learn();
	turn(true);
	assert_int_equal(bench.writer.input, 8);
	close_writer();
}

static void old_rows_go_whenever_housekeeping_is_due(void **state) {
	(void)state;
	fixture_add_pump(writer_journal(&bench.writer), 1);
	fixture_add_reading(writer_journal(&bench.writer), 1, LONG_MS - 1001, 1, 1);
	fixture_add_reading(writer_journal(&bench.writer), 1, LONG_MS - 1000, 1, 2);
	turn(true);
	assert_string_equal(fixture_ask(bench.fixture, "SELECT count(*) FROM reading"), "2");
	bench.writer.prune_ms = 0;
	turn(false);
	assert_string_equal(fixture_ask(bench.fixture, "SELECT count(*) FROM reading"), "1");
	close_writer();
}

static void a_writer_that_can_not_write_says_when_it_is_full(void **state) {
	struct writer *writer = &bench.writer;

	(void)state;
	failing_vfs_fail_at(1, SQLITE_FULL);
	learn();
	turn(true);
	assert_true(writer_takes_forecasts(writer));
	while (journal_size(writer_journal(writer)) < JOURNAL_MAX)
		learn();
	assert_false(writer_takes_forecasts(writer));
	assert_true(writer_takes_readings(writer));
	while (journal_size(writer_journal(writer)) < 2 * JOURNAL_MAX)
		learn();
	assert_false(writer_takes_readings(writer));
	/* Waiting would not help. */
	assert_false(writer_is_full(writer));
	failing_vfs_fail_at(0, 0);
	close_writer();
}

static void a_damaged_database_ends_it(void **state) {
	(void)state;
	failing_vfs_fail_at(1, SQLITE_CORRUPT);
	learn();
	turn(true);
	assert_int_equal(bench.fatal, E_CORRUPT);
	failing_vfs_fail_at(0, 0);
	close_writer();
}

static void the_end_commits_what_is_left(void **state) {
	(void)state;
	failing_vfs_fail_at(1, SQLITE_FULL);
	learn();
	turn(true);
	learn();
	failing_vfs_fail_at(0, 0);
	assert_int_equal(close_writer(), 0);
	assert_learned("2");
}

static void the_end_tells_what_could_not_be_committed(void **state) {
	(void)state;
	failing_vfs_fail_at(1, SQLITE_FULL);
	learn();
	assert_int_equal(close_writer(), -ENOSPC);
	assert_learned("0");
}

#define WRITER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		WRITER_TEST(what_is_committed_is_committed_once),
		WRITER_TEST(a_commit_waits_for_company_but_not_beyond_its_interval),
		WRITER_TEST(a_sixteenth_of_a_journal_waits_no_longer),
		WRITER_TEST(what_failed_is_kept_and_tried_again_after_a_pause_that_grows),
		WRITER_TEST(no_failure_loses_or_doubles_a_row),
		WRITER_TEST(the_input_is_known_to_be_committed_only_when_it_is),
		WRITER_TEST(old_rows_go_whenever_housekeeping_is_due),
		WRITER_TEST(a_writer_that_can_not_write_says_when_it_is_full),
		WRITER_TEST(a_damaged_database_ends_it),
		WRITER_TEST(the_end_commits_what_is_left),
		WRITER_TEST(the_end_tells_what_could_not_be_committed),
	};

	failing_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
