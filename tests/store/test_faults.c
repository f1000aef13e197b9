/* SPDX-License-Identifier: Apache-2.0 */

/* What happens when the disk fails or is full: nothing of a transaction is kept, and the same
 * journal can be committed later. */
#include "error.h"
#include "failing_vfs.h"
#include "fixture.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

/* More operations than any of the commits below makes. */
#define OPERATIONS_MAX 2000

/* A log so small that nearly each commit comes with a checkpoint. */
#define SMALL_LOG 20000

static struct store *open_failing(
	const struct fixture *fixture, enum store_durability durability, size_t checkpoint_bytes) {
	struct store_options options = { .path = fixture->path,
		.create = true,
		.durability = durability,
		.checkpoint_bytes = checkpoint_bytes,
		.vfs = FAILING_VFS };
	struct store *store;

	assert_int_equal(store_open(&store, &options, NULL), 0);
	return store;
}

/* Thirty readings from `first` on and a state that contains them. */
static void fill(struct journal *journal, uint64_t first) {
	void *bytes;

	for (uint64_t i = first; i < first + 30; i++)
		fixture_add_reading(journal, (uint32_t)(i % 5), (int64_t)i, 1, i);
	assert_int_equal(
		journal_state(journal,
			&(struct state_row){
				.detector = 1, .sequence = first + 29, .bytes = { NULL, 9000 } },
			&bytes),
		0);
	memset(bytes, (int)first, 9000);
}

static void assert_holds(const struct fixture *fixture, uint64_t readings) {
	char expected[64];

	snprintf(expected, sizeof(expected), "%llu %llu", (unsigned long long)readings,
		(unsigned long long)readings);
	assert_string_equal(fixture_ask(fixture, "SELECT (SELECT count(*) FROM reading)||' '||"
						 "coalesce((SELECT sequence FROM state),0)"),
		expected);
}

/* Fails each write, sync and truncation of a commit and its checkpoint in turn. */
static void fail_each_operation(
	const struct fixture *fixture, enum store_durability durability, int result, int expected) {
	struct journal journal = { 0 };
	uint64_t stored = 0;
	int failures = 0, n;

	for (n = 1; n < OPERATIONS_MAX; n++) {
		struct store *store = open_failing(fixture, durability, SMALL_LOG);
		struct store_stats stats;

		journal_reset(&journal);
		fill(&journal, stored + 1);
		failing_vfs_fail_at(n, result);
		int r = store_commit(store, &journal);
		int failed = failing_vfs_has_failed();
		failing_vfs_fail_at(0, 0);

		store_stats(store, &stats);
		if (r < 0) {
			failures++;
			assert_int_equal(r, expected);
			assert_int_equal(stats.failures, 1);
			assert_int_equal(stats.readings, 0);
			assert_holds(fixture, stored);
			assert_int_equal(store_commit(store, &journal), 0);
		} else if (failed) {
			/* The data are in the log: what failed was the checkpoint. */
			assert_int_equal(stats.checkpoint_failures, 1);
		}
		stored += 30;
		assert_holds(fixture, stored);
		store_close(store);
		assert_holds(fixture, stored);
		if (!failed)
			break;
	}
	assert_true(n < OPERATIONS_MAX);
	assert_true(failures > 5);
	assert_string_equal(fixture_ask(fixture, "PRAGMA integrity_check"), "ok");
	journal_finish(&journal);
}

static void each_failed_write_costs_nothing_but_time(void **state) {
	fail_each_operation(*state, STORE_NORMAL, SQLITE_IOERR_WRITE, -EIO);
}

static void each_failed_sync_or_write_costs_nothing_with_full_durability(void **state) {
	fail_each_operation(*state, STORE_FULL, SQLITE_IOERR_FSYNC, -EIO);
}

static void a_full_disk_has_a_code_of_its_own_at_each_write(void **state) {
	fail_each_operation(*state, STORE_NORMAL, SQLITE_FULL, -ENOSPC);
}

static void full_durability_syncs_each_commit(void **state) {
	static const struct {
		enum store_durability durability;
		int syncs;
	} cases[] = { { STORE_NORMAL, 0 }, { STORE_FULL, 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *store = open_failing(*state, cases[i].durability, 0);
		struct journal journal = { 0 };

		/* The log's header is synced once in any case. */
		fixture_add_reading(&journal, 1, 1, 1, 1);
		fixture_commit(store, &journal);
		int before = failing_vfs_syncs();
		fixture_add_reading(&journal, 1, 2, 1, 2);
		fixture_commit(store, &journal);
		assert_int_equal(failing_vfs_syncs() - before, cases[i].syncs);
		journal_finish(&journal);
		store_close(store);
	}
}

static void a_strangers_lock_is_waited_for_and_then_named(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = open_failing(fixture, STORE_NORMAL, 0);
	struct journal journal = { 0 };
	sqlite3 *stranger;

	assert_int_equal(sqlite3_open(fixture->path, &stranger), SQLITE_OK);
	assert_int_equal(sqlite3_exec(stranger, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	fill(&journal, 1);
	assert_int_equal(store_commit(store, &journal), -EBUSY);
	assert_non_null(strstr(store_message(store), "locked"));
	sqlite3_close(stranger);
	assert_int_equal(store_commit(store, &journal), 0);
	assert_holds(fixture, 30);
	journal_finish(&journal);
	store_close(store);
}

/* Commits until the disk is full; returns how many readings are in. Exits, not asserts: this runs in
 * a process of its own. */
static uint64_t commit_until_full(struct store *store, struct journal *journal) {
	for (uint64_t stored = 0; stored < 30 * 10000; stored += 30) {
		journal_reset(journal);
		fill(journal, stored + 1);
		int r = store_commit(store, journal);
		if (r == -ENOSPC)
			return stored;
		if (r < 0) {
			fprintf(stderr, "commit: %s: %s\n", error_name(r), store_message(store));
			_exit(3);
		}
	}
	_exit(4);
}

static int keep_sequence(void *user, const struct state_row *row) {
	*(uint64_t *)user = row->sequence;
	return 0;
}

/* Fills the disk, has it emptied, and goes on with the same journal. The exit status is the
 * verdict. */
static void fill_and_go_on(const struct fixture *fixture, void (*relieve)(const struct fixture *)) {
	struct store_options options = { .path = fixture->path, .create = true };
	struct journal journal = { 0 };
	struct store *store;
	uint64_t in_state = 0;

	if (store_open(&store, &options, NULL) < 0)
		_exit(1);
	uint64_t stored = commit_until_full(store, &journal);
	if (store_each_state(store, keep_sequence, &in_state) < 0 || in_state != stored)
		_exit(5);
	if (store_commit(store, &journal) != -ENOSPC)
		_exit(6);

	relieve(fixture);
	if (store_commit(store, &journal) < 0)
		_exit(7);
	if (store_each_state(store, keep_sequence, &in_state) < 0 || in_state != stored + 30)
		_exit(8);
	journal_finish(&journal);
	store_close(store);
	_exit(0);
}

static int status_of(pid_t pid) {
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void raise_file_limit(const struct fixture *fixture) {
	struct rlimit limit;

	(void)fixture;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_file_size_limit_is_a_full_disk(void **state) {
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit limit;

		signal(SIGXFSZ, SIG_IGN);
		getrlimit(RLIMIT_FSIZE, &limit);
		limit.rlim_cur = 1000000;
		setrlimit(RLIMIT_FSIZE, &limit);
		fill_and_go_on(*state, raise_file_limit);
	}
	assert_int_equal(status_of(pid), 0);
}

#define BALLAST "/ballast"

static void remove_ballast(const struct fixture *fixture) {
	char name[128];

	snprintf(name, sizeof(name), "%s" BALLAST, fixture->folder);
	unlink(name);
}

#define NO_MOUNT 77

/* In a mount namespace of its own, with a file system of 3 MB, 2 of them taken. */
static void fill_small_disk(const struct fixture *fixture) {
	char name[128];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", fixture->folder, "tmpfs", 0, "size=3m") < 0)
		_exit(NO_MOUNT);
	snprintf(name, sizeof(name), "%s" BALLAST, fixture->folder);
	FILE *ballast = fopen(name, "w");
	for (int i = 0; ballast && i < 2000000; i++)
		putc('x', ballast);
	if (!ballast || fclose(ballast) < 0)
		_exit(NO_MOUNT);
	fill_and_go_on(fixture, remove_ballast);
}

static void a_full_disk_is_survived(void **state) {
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		fill_small_disk(*state);
	int status = status_of(pid);
	if (status == NO_MOUNT) {
		print_message("no file system can be mounted here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(each_failed_write_costs_nothing_but_time),
		FIXTURE_TEST(each_failed_sync_or_write_costs_nothing_with_full_durability),
		FIXTURE_TEST(a_full_disk_has_a_code_of_its_own_at_each_write),
		FIXTURE_TEST(full_durability_syncs_each_commit),
		FIXTURE_TEST(a_strangers_lock_is_waited_for_and_then_named),
		FIXTURE_TEST(a_file_size_limit_is_a_full_disk),
		FIXTURE_TEST(a_full_disk_is_survived),
	};

	failing_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
