/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "fixture.h"

#include <errno.h>
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

	fixture_make(fixture, 1);
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
	fixture_make(fixture, 1);
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

	fixture_meddle(fixture, "CREATE TABLE diary(day, entry)");
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

	fixture_make(fixture, 1);
	fixture_meddle(fixture, "UPDATE meta SET value='77' WHERE key='schema_version'");
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

	fixture_make(fixture, 2000);
	fixture_shell(&status, "truncate -s 30000 '%s'", fixture->path);
	assert_int_equal(open_refused(fixture, false, &refusal), E_CORRUPT);
}

static void a_check_finds_damage_in_the_middle(void **state) {
	const struct fixture *fixture = *state;
	struct store_refusal refusal;
	int status;

	fixture_make(fixture, 2000);
	const char *size = fixture_shell(&status, "stat -c %%s '%s'", fixture->path);
	fixture_shell(&status,
		"head -c 20000 /dev/zero | tr '\\0' '\\377' |"
		" dd of='%s' bs=1 seek=%d conv=notrunc status=none",
		fixture->path, atoi(size) / 2);
	assert_int_equal(open_refused(fixture, true, &refusal), E_CORRUPT);
}

static void what_is_not_there_is_not_set_aside(void **state) {
	const struct fixture *fixture = *state;
	struct text name = { 0 };
	int status;

	assert_int_equal(store_set_aside(fixture->path, 1, &name), -ENOENT);
	assert_int_equal(name.length, 0);
	assert_string_equal(fixture_shell(&status, "ls '%s'", fixture->folder), "");
}

static void a_damaged_database_is_set_aside_whole(void **state) {
	const struct fixture *fixture = *state;
	struct text name = { 0 };
	int status;

	fixture_make(fixture, 1);
	fixture_shell(
		&status, "echo damage >'%s'; echo log >'%s-wal'", fixture->path, fixture->path);
	assert_int_equal(store_set_aside(fixture->path, 1234, &name), 0);
	text_add_char(&name, '\0');
	assert_string_equal(name.data + strlen(fixture->path), ".damaged-1234");
	text_finish(&name);
	fixture_make(fixture, 1);
	assert_string_equal(fixture_ask(fixture, "SELECT count(*) FROM detector"), "1");
	assert_string_equal(fixture_shell(&status, "cat '%s.damaged-1234' '%s.damaged-1234-wal'",
				    fixture->path, fixture->path),
		"damage\nlog");
	/* A second one of the same time must not replace the first. */
	assert_int_equal(store_set_aside(fixture->path, 1234, &name), -EEXIST);
	assert_int_equal(name.length, 0);
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
		FIXTURE_TEST(what_is_not_there_is_not_set_aside),
		FIXTURE_TEST(a_damaged_database_is_set_aside_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
