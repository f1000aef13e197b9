/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Real processes: a second writer, readers with a plain `sqlite3 -readonly`, and kill -9.
 *
 *   test_processes POPULATE_STORE
 */
#include "error.h"
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW "1790000000"

/* Readings that one commit of the committing child holds. */
#define PER_COMMIT 7

#define SERIES 50

static const char *populate_store;

/* A process that holds the database open, as the daemon does, until it is told to end. */
struct holder {
	pid_t pid;
	int input;
};

static struct holder start_holder(const struct fixture *fixture) {
	int input[2], output[2];
	char ready;

	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(input[0], STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		close(input[1]);
		close(output[0]);
		execl(populate_store, populate_store, fixture->path, NOW, "hold", (char *)NULL);
		_exit(127);
	}
	close(input[0]);
	close(output[1]);
	assert_int_equal(read(output[0], &ready, 1), 1);
	close(output[0]);
	return (struct holder){ pid, input[1] };
}

static int end_process(pid_t pid) {
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void stop_holder(struct holder holder) {
	close(holder.input);
	assert_int_equal(end_process(holder.pid), 0);
}

static void kill_holder(struct holder holder) {
	kill(holder.pid, SIGKILL);
	end_process(holder.pid);
	close(holder.input);
}

static void assert_plain_reader_sees(const struct fixture *fixture, const char *as) {
	int status;
	const char *output = fixture_shell(&status,
		"%s sqlite3 -readonly '%s' \"SELECT count(*) FROM forecast_latest"
		" WHERE series='pump7/pressure'\" 2>&1",
		as, fixture->path);

	assert_string_equal(output, "24");
	assert_int_equal(status, 0);
}

static void a_second_writer_is_refused_naming_the_first(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = { .path = fixture->path, .create = true };
	struct holder holder = start_holder(fixture);
	struct store_refusal refusal;
	struct store *store;
	struct text name = { 0 };
	char expected[64];
	pid_t pid;

	assert_int_equal(store_open(&store, &options, &refusal), E_IN_USE);
	assert_int_equal(refusal.holder, holder.pid);
	snprintf(expected, sizeof(expected), "process %d has it open", (int)holder.pid);
	assert_string_equal(refusal.message, expected);
	assert_int_equal(store_set_aside(fixture->path, 1, &name), E_IN_USE);

	assert_int_equal(query_writer(fixture->path, &pid), 1);
	assert_int_equal(pid, holder.pid);
	stop_holder(holder);
	assert_int_equal(query_writer(fixture->path, &pid), 0);
}

static void the_lock_does_not_outlive_a_killed_writer(void **state) {
	const struct fixture *fixture = *state;
	pid_t pid;

	kill_holder(start_holder(fixture));
	assert_int_equal(query_writer(fixture->path, &pid), 0);
	store_close(fixture_open(fixture));
}

static void plain_readers_get_in_at_any_time(void **state) {
	const struct fixture *fixture = *state;
	struct holder holder = start_holder(fixture);

	assert_plain_reader_sees(fixture, "");
	kill_holder(holder);
	assert_plain_reader_sees(fixture, "");

	stop_holder(start_holder(fixture));
	assert_plain_reader_sees(fixture, "");
}

/* Somebody of the database's group, who may not write into its folder. */
#define GROUP    "65533"
#define MEMBER   "setpriv --reuid=65532 --regid=" GROUP " --clear-groups"
#define STRANGER "setpriv --reuid=65532 --regid=65531 --clear-groups"

static void give_to_group(const struct fixture *fixture) {
	int status;

	fixture_shell(&status, "chgrp " GROUP " '%s' '%s'* && chmod 0750 '%s'", fixture->folder,
		fixture->path, fixture->folder);
	assert_int_equal(status, 0);
}

static void members_of_the_group_get_in_at_any_time_and_others_do_not(void **state) {
	const struct fixture *fixture = *state;
	int status;

	fixture_shell(&status, MEMBER " true 2>/dev/null");
	if (status != 0) {
		print_message("only root can become somebody else\n");
		skip();
	}

	struct holder holder = start_holder(fixture);
	give_to_group(fixture);
	assert_plain_reader_sees(fixture, MEMBER);
	fixture_shell(&status, STRANGER " sqlite3 -readonly '%s' .tables 2>&1", fixture->path);
	assert_int_not_equal(status, 0);

	kill_holder(holder);
	assert_plain_reader_sees(fixture, MEMBER);

	holder = start_holder(fixture);
	assert_plain_reader_sees(fixture, MEMBER);
	stop_holder(holder);
	assert_plain_reader_sees(fixture, MEMBER);
}

static void make_series(const struct fixture *fixture) {
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };

	for (uint32_t id = 1; id <= SERIES / 2; id++)
		fixture_add_pump(&journal, id);
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
}

/* Commits, for ever, readings and the state that contains them. */
static void commit_for_ever(const struct fixture *fixture) {
	struct store_options options = {
		.path = fixture->path, .create = true, .checkpoint_bytes = 200000
	};
	struct journal journal = { 0 };
	struct store *store;
	uint64_t sequence;
	void *bytes;

	if (store_open(&store, &options, NULL) < 0 || store_last_sequence(store, &sequence) < 0)
		_exit(1);
	for (;;) {
		for (int i = 0; i < PER_COMMIT; i++) {
			sequence++;
			journal_reading(&journal,
				&(struct reading_row){ .series = (uint32_t)(sequence % SERIES) + 1,
					.time_ms = (int64_t)sequence,
					.value = 1,
					.sequence = sequence });
		}
		journal_state(&journal,
			&(struct state_row){
				.detector = 1, .sequence = sequence, .bytes = { NULL, 20000 } },
			&bytes);
		memset(bytes, (int)sequence, 20000);
		if (sequence > 1000)
			journal_floor(&journal, sequence - 1000);
		if (store_commit(store, &journal) < 0)
			_exit(1);
		journal_reset(&journal);
	}
}

static pid_t start_committing(const struct fixture *fixture) {
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		commit_for_ever(fixture);
	return pid;
}

static void pause_ms(long ms) {
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void readers_see_whole_transactions_while_it_writes(void **state) {
	const struct fixture *fixture = *state;

	make_series(fixture);
	pid_t pid = start_committing(fixture);
	pause_ms(100);
	for (int i = 0; i < 20; i++) {
		int status;
		const char *output = fixture_shell(&status,
			"sqlite3 -readonly '%s' \"SELECT (SELECT count(*) FROM reading)=sequence"
			" AND (SELECT max(sequence) FROM pending)=sequence FROM state\" 2>&1",
			fixture->path);
		assert_string_equal(output, "1");
	}
	kill(pid, SIGKILL);
	assert_int_equal(end_process(pid), SIGKILL);
}

static int keep_state(void *user, const struct state_row *row) {
	assert_int_equal(row->bytes.length, 20000);
	*(uint64_t *)user = row->sequence;
	return 0;
}

static int expect_next(void *user, const struct reading_row *row) {
	assert_int_equal(row->sequence, ++*(uint64_t *)user);
	return 0;
}

/* Deaths at random moments: what is there afterwards is a whole number of transactions. */
static void a_kill_loses_and_doubles_nothing(void **state) {
	const struct fixture *fixture = *state;
	uint64_t before = 0;

	make_series(fixture);
	for (int round = 0; round < 25; round++) {
		uint64_t contained = 0, floor = 0, last = 0;

		pid_t pid = start_committing(fixture);
		pause_ms(20 + round * 7 % 40);
		kill(pid, SIGKILL);
		assert_int_equal(end_process(pid), SIGKILL);

		struct store *store = fixture_open(fixture);
		assert_int_equal(store_each_state(store, keep_state, &contained), 0);
		assert_int_equal(store_last_sequence(store, &last), 0);
		assert_int_equal(store_floor(store, &floor), 0);
		assert_int_equal(contained, last);
		assert_int_equal(last % PER_COMMIT, 0);
		assert_true(last >= before);
		assert_int_equal(store_each_waiting(store, floor, expect_next, NULL, &floor), 0);
		if (last > 0)
			assert_int_equal(floor, last);
		store_close(store);

		char count[32];
		snprintf(count, sizeof(count), "%llu", (unsigned long long)last);
		assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM reading"), count);
		before = last;
	}
	assert_true(before > 0);
	assert_string_equal(fixture_ask(fixture, "PRAGMA integrity_check"), "ok");
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_second_writer_is_refused_naming_the_first),
		FIXTURE_TEST(the_lock_does_not_outlive_a_killed_writer),
		FIXTURE_TEST(plain_readers_get_in_at_any_time),
		FIXTURE_TEST(members_of_the_group_get_in_at_any_time_and_others_do_not),
		FIXTURE_TEST(readers_see_whole_transactions_while_it_writes),
		FIXTURE_TEST(a_kill_loses_and_doubles_nothing),
	};

	if (argc < 2)
		return 2;
	populate_store = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
