/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail that outlives its process. A death is simulated by letting go of an inbox, which writes
 * nothing, or of a copy of its file; and there is a real one.
 */
#include "error.h"
#include "inbox.h"
#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES 32768
#define PAGE  4096

/* The device: what it has for certain. A real one would make these tests wait. */
static char synced[PAGE + BYTES];

int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);

int __wrap_fdatasync(int fd) {
	return pread(fd, synced, sizeof(synced), 0) < 0 ? -1 : 0;
}

/* Of the folder. */
int __wrap_fsync(int fd) {
	(void)fd;
	return 0;
}

static char folder[64];
static char path[128];

static int make_folder(void **state) {
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/xlstm-inbox-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/box", folder);
	return 0;
}

static int remove_folder(void **state) {
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static int try_open(uint64_t committed, struct inbox **ret_inbox) {
	const struct inbox_options options = {
		.bytes = BYTES, .path = path, .committed = committed
	};

	return inbox_create(ret_inbox, &options);
}

static struct inbox *open_box(uint64_t committed) {
	struct inbox *inbox;

	assert_int_equal(try_open(committed, &inbox), 0);
	return inbox;
}

/* A message that says `number`, the longer the larger it is modulo 50. */
static void push(struct inbox *inbox, int number) {
	char payload[128];
	int length = snprintf(payload, sizeof(payload), "%d%*s", number, number % 50, "");
	const struct mail mail = {
		.kind = MAIL_MESSAGE,
		.qos = 1,
		.time_ms = INT64_C(1790000000000) + number,
		.topic = SPAN("plant/pump7"),
		.payload = span_of(payload, (size_t)length),
	};

	assert_int_equal(inbox_push(inbox, &mail), 0);
}

static int number_of(const struct mail *mail) {
	char text[16];

	assert_int_equal(mail->kind, MAIL_MESSAGE);
	assert_true(span_equal(mail->topic, SPAN("plant/pump7")));
	snprintf(text, sizeof(text), "%.*s", SPAN_PRINT(mail->payload));
	int number = atoi(text);
	assert_int_equal(mail->time_ms, INT64_C(1790000000000) + number);
	return number;
}

/* Takes all there is, which must be the messages first .. last; returns the position behind the
 * one numbered `until`. */
static uint64_t take(struct inbox *inbox, int first, int last, int until) {
	struct span rest = inbox_take(inbox);
	uint64_t position = inbox_position(inbox, rest);
	struct mail mail;

	for (int number = first; number <= last; number++) {
		assert_true(mail_unpack(&rest, &mail));
		assert_int_equal(number_of(&mail), number);
		if (number == until)
			position = inbox_position(inbox, rest);
	}
	assert_int_equal(rest.length, 0);
	return position;
}

/* ---- What is found again ---- */

static void mail_that_was_not_released_is_there_again_and_first(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	for (int number = 1; number <= 3; number++)
		push(inbox, number);
	take(inbox, 1, 3, 0);
	inbox_destroy(inbox);

	inbox = open_box(0);
	assert_int_equal(inbox_counters(inbox).recovered, 3);
	push(inbox, 4);
	take(inbox, 1, 4, 0);
	inbox_destroy(inbox);
}

static void what_the_database_has_is_not_there_again(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	for (int number = 1; number <= 3; number++)
		push(inbox, number);
	uint64_t committed = take(inbox, 1, 3, 2);
	inbox_destroy(inbox);

	/* Twice: the first of the two may die before it has committed anything. */
	for (int i = 0; i < 2; i++) {
		inbox = open_box(committed);
		take(inbox, 3, 3, 0);
		inbox_destroy(inbox);
	}
}

static void everything_committed_leaves_nothing(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	push(inbox, 1);
	uint64_t committed = take(inbox, 1, 1, 1);
	inbox_destroy(inbox);

	inbox = open_box(committed);
	assert_int_equal(inbox_counters(inbox).recovered, 0);
	assert_int_equal(inbox_take(inbox).length, 0);
	push(inbox, 2);
	inbox_destroy(inbox);
	inbox = open_box(committed);
	take(inbox, 2, 2, 0);
	inbox_destroy(inbox);
}

static void a_fresh_database_is_given_what_was_not_released(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	for (int number = 1; number <= 3; number++)
		push(inbox, number);
	inbox_release(inbox, take(inbox, 1, 3, 1));
	inbox_destroy(inbox);

	inbox = open_box(0);
	take(inbox, 2, 3, 0);
	inbox_destroy(inbox);
}

static void the_word_of_another_database_does_not_count(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	push(inbox, 1);
	uint64_t other = take(inbox, 1, 1, 1);
	inbox_destroy(inbox);
	unlink(path);

	inbox = open_box(other);
	push(inbox, 2);
	inbox_destroy(inbox);
	inbox = open_box(other);
	take(inbox, 2, 2, 0);
	inbox_destroy(inbox);
}

/* A power cut with durability = normal: SQLite is back at an earlier commit. */
static void a_database_that_fell_back_is_given_what_is_still_there(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	for (int number = 1; number <= 4; number++)
		push(inbox, number);
	uint64_t earlier = take(inbox, 1, 4, 1);
	push(inbox, 5);
	inbox_release(inbox, take(inbox, 5, 5, 5));
	inbox_destroy(inbox);

	inbox = open_box(earlier);
	take(inbox, 2, 5, 0);
	inbox_destroy(inbox);
}

static void news_of_a_connection_that_is_no_more_stays_behind(void **state) {
	const struct mail news = { .kind = MAIL_CONNECTED, .payload = SPAN("connected") };

	(void)state;
	struct inbox *inbox = open_box(0);
	push(inbox, 1);
	assert_int_equal(inbox_push(inbox, &news), 0);
	push(inbox, 2);
	inbox_destroy(inbox);

	inbox = open_box(0);
	take(inbox, 1, 2, 0);
	inbox_destroy(inbox);
}

static void a_smaller_inbox_still_holds_what_was_left(void **state) {
	const struct inbox_options large = { .bytes = 16 * BYTES, .path = path };
	struct inbox *inbox;

	(void)state;
	assert_int_equal(inbox_create(&inbox, &large), 0);
	for (int number = 0; number < 2000; number++)
		push(inbox, number);
	inbox_destroy(inbox);

	inbox = open_box(0);
	take(inbox, 0, 1999, 0);
	inbox_destroy(inbox);
}

/* ---- Room ---- */

static void only_what_is_released_makes_room(void **state) {
	const struct mail mail = { .kind = MAIL_MESSAGE, .payload = SPAN("x") };

	(void)state;
	struct inbox *inbox = open_box(0);
	while (inbox_push(inbox, &mail) == 0) {
	}
	struct span rest = inbox_take(inbox);
	assert_int_equal(inbox_take(inbox).length, 0);
	assert_int_equal(inbox_push(inbox, &mail), E_OVERFLOW);
	uint64_t position = inbox_position(inbox, SPAN_EMPTY);
	assert_true(inbox_is_crowded(inbox, position));
	assert_false(inbox_is_crowded(inbox, inbox_position(inbox, rest)));

	inbox_release(inbox, position);
	assert_false(inbox_is_crowded(inbox, position));
	assert_int_equal(inbox_push(inbox, &mail), 0);
	inbox_destroy(inbox);
}

static void what_was_not_taken_can_not_be_released(void **state) {
	(void)state;
	struct inbox *inbox = open_box(0);
	uint64_t start = inbox_position(inbox, SPAN_EMPTY);
	push(inbox, 1);
	inbox_release(inbox, start + 4096);
	inbox_release(inbox, UINT64_MAX);
	inbox_destroy(inbox);

	inbox = open_box(0);
	take(inbox, 1, 1, 0);
	inbox_destroy(inbox);
}

/* Round and round, with deaths and commits at random: what comes back is always just what follows
 * the last commit. */
static void nothing_is_lost_or_doubled_over_many_rounds(void **state) {
	struct random random;
	int pushed = 0, committed = 0;
	uint64_t position = 0;

	(void)state;
	random_init(&random, 7);
	for (int life = 0; life < 300; life++) {
		struct inbox *inbox = open_box(position);
		int taken = committed;
		for (int turn = (int)(random_next(&random) % 8); turn > 0; turn--) {
			for (int i = (int)(random_next(&random) % 40); i > 0; i--)
				push(inbox, ++pushed);
			position = take(inbox, taken + 1, pushed, pushed);
			taken = committed = pushed;
			if (random_next(&random) % 2)
				inbox_release(inbox, position);
		}
		for (int i = (int)(random_next(&random) % 40); i > 0; i--)
			push(inbox, ++pushed);
		inbox_destroy(inbox);
	}
	assert_true(pushed > 10000);
}

/* ---- Damage ---- */

static void read_file(char *bytes, size_t size) {
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, bytes, size, 0), size);
	close(fd);
}

static void write_file(const char *bytes, size_t size) {
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(pwrite(fd, bytes, size, 0), size);
	close(fd);
}

#define FILE_BYTES (PAGE + BYTES)

/* Where a position lies in the file. */
static size_t place_of(uint64_t position) {
	return PAGE + position % BYTES;
}

static void a_torn_tail_ends_the_mail_wherever_it_is_torn(void **state) {
	static char whole[FILE_BYTES], torn[FILE_BYTES];

	(void)state;
	struct inbox *inbox = open_box(0);
	for (int number = 1; number <= 3; number++)
		push(inbox, number);
	size_t from = place_of(take(inbox, 1, 3, 2));
	size_t to = place_of(inbox_position(inbox, SPAN_EMPTY));
	inbox_destroy(inbox);
	read_file(whole, sizeof(whole));

	for (size_t at = from; at < to; at++) {
		memcpy(torn, whole, sizeof(torn));
		torn[at] = (char)(torn[at] ^ 0x10);
		write_file(torn, sizeof(torn));
		inbox = open_box(0);
		take(inbox, 1, 2, 0);
		inbox_destroy(inbox);
	}
	for (size_t at = from; at + 8 < to; at++) {
		memcpy(torn, whole, sizeof(torn));
		memset(torn + from, 0, at - from + 1);
		write_file(torn, sizeof(torn));
		inbox = open_box(0);
		take(inbox, 1, 2, 0);
		inbox_destroy(inbox);
	}
}

static void damage_ends_the_mail_and_what_follows_is_not_guessed_at(void **state) {
	static char bytes[FILE_BYTES];

	(void)state;
	struct inbox *inbox = open_box(0);
	for (int number = 1; number <= 3; number++)
		push(inbox, number);
	size_t second = place_of(take(inbox, 1, 3, 1));
	inbox_destroy(inbox);
	read_file(bytes, sizeof(bytes));
	bytes[second + 60] ^= 1;
	write_file(bytes, sizeof(bytes));

	inbox = open_box(0);
	take(inbox, 1, 1, 0);
	inbox_destroy(inbox);
}

static void other_files_are_refused_by_name_and_left_alone(void **state) {
	static char bytes[FILE_BYTES], after[FILE_BYTES];
	static const struct {
		size_t at;
		char xor ;
		int error;
	} cases[] = {
		{ 0, 1, E_CORRUPT }, /* magic */
		{ 8, 3, E_VERSION }, /* version */
		{ 12, 5, E_VERSION }, /* byte order */
		{ 17, 16, E_CORRUPT }, /* capacity */
		{ 24, 1, E_CORRUPT }, /* checksum */
	};
	struct inbox *inbox = open_box(0);

	(void)state;
	push(inbox, 1);
	inbox_destroy(inbox);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_file(bytes, sizeof(bytes));
		bytes[cases[i].at] ^= cases[i].xor ;
		write_file(bytes, sizeof(bytes));
		assert_int_equal(try_open(0, &inbox), cases[i].error);
		read_file(after, sizeof(after));
		assert_memory_equal(bytes, after, sizeof(bytes));
		bytes[cases[i].at] ^= cases[i].xor ;
		write_file(bytes, sizeof(bytes));
	}
	write_file(bytes, sizeof(bytes) - 1);
	assert_int_equal(try_open(0, &inbox), E_CORRUPT);
	write_file(bytes, 0);
	assert_int_equal(try_open(0, &inbox), E_CORRUPT);
	write_file(bytes, sizeof(bytes));
	inbox = open_box(0);
	take(inbox, 1, 1, 0);
	inbox_destroy(inbox);
}

static void a_file_that_finds_no_room_leaves_the_old_one(void **state) {
	struct rlimit before, little = { .rlim_cur = BYTES / 2 };
	struct inbox *inbox = open_box(0);

	(void)state;
	push(inbox, 1);
	inbox_destroy(inbox);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	little.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &little);
	int r = try_open(0, &inbox);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(r, -EFBIG);

	inbox = open_box(0);
	take(inbox, 1, 1, 0);
	inbox_destroy(inbox);
}

static void nobody_else_may_read_it(void **state) {
	struct stat status;

	(void)state;
	inbox_destroy(open_box(0));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

/* ---- A real death ---- */

/* Says through the pipe how many it has pushed, each time after it has. */
static void push_until_killed(int pipe) {
	struct inbox *inbox = open_box(0);

	for (int number = 1; number <= 250; number++) {
		push(inbox, number);
		if (write(pipe, &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
	pause();
}

static void a_killed_process_loses_nothing_that_it_took_in(void **state) {
	(void)state;
	for (int life = 0; life < 20; life++) {
		int pipes[2], said = 0;

		unlink(path);
		assert_int_equal(pipe(pipes), 0);
		pid_t pid = fork();
		if (pid == 0)
			push_until_killed(pipes[1]);
		close(pipes[1]);
		while (said < 10 * (life + 1) && read(pipes[0], &said, sizeof(said)) > 0) {
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(pipes[0], &said, sizeof(said)) > 0) {
		}
		close(pipes[0]);

		struct inbox *inbox = open_box(0);
		int found = (int)inbox_counters(inbox).recovered;
		assert_true(found == said || found == said + 1);
		take(inbox, 1, found, 0);
		inbox_destroy(inbox);
	}
}

/* ---- A power cut ---- */

/* Of what was written since the last sync, any page may have reached the device or not. */
static void cut_power(struct random *random) {
	static char bytes[FILE_BYTES];

	read_file(bytes, sizeof(bytes));
	for (size_t page = 0; page < FILE_BYTES; page += PAGE) {
		if (random_next(random) % 2)
			memcpy(bytes + page, synced + page, PAGE);
	}
	write_file(bytes, sizeof(bytes));
}

static void what_was_acknowledged_outlives_a_power_cut(void **state) {
	const struct inbox_options options = { .bytes = BYTES, .path = path, .sync = true };
	struct inbox_options again = options;
	struct random random;
	int pushed = 0, committed = 0;

	(void)state;
	random_init(&random, 11);
	for (int life = 0; life < 200; life++) {
		struct inbox *inbox;

		assert_int_equal(inbox_create(&inbox, &again), 0);
		int found = (int)inbox_counters(inbox).recovered;
		assert_int_equal(committed + found, pushed);
		for (int i = (int)(random_next(&random) % 120); i > 0; i--)
			push(inbox, ++pushed);
		again.committed = take(inbox, committed + 1, pushed, pushed);
		committed = pushed;
		inbox_release(inbox, again.committed);
		for (int i = (int)(random_next(&random) % 120); i > 0; i--)
			push(inbox, ++pushed);
		inbox_destroy(inbox);
		cut_power(&random);
	}
	assert_true(pushed > 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(mail_that_was_not_released_is_there_again_and_first),
		TEST(what_the_database_has_is_not_there_again),
		TEST(everything_committed_leaves_nothing),
		TEST(a_fresh_database_is_given_what_was_not_released),
		TEST(the_word_of_another_database_does_not_count),
		TEST(a_database_that_fell_back_is_given_what_is_still_there),
		TEST(news_of_a_connection_that_is_no_more_stays_behind),
		TEST(a_smaller_inbox_still_holds_what_was_left),
		TEST(only_what_is_released_makes_room),
		TEST(what_was_not_taken_can_not_be_released),
		TEST(nothing_is_lost_or_doubled_over_many_rounds),
		TEST(a_torn_tail_ends_the_mail_wherever_it_is_torn),
		TEST(damage_ends_the_mail_and_what_follows_is_not_guessed_at),
		TEST(other_files_are_refused_by_name_and_left_alone),
		TEST(a_file_that_finds_no_room_leaves_the_old_one),
		TEST(nobody_else_may_read_it),
		TEST(a_killed_process_loses_nothing_that_it_took_in),
		TEST(what_was_acknowledged_outlives_a_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
