/* SPDX-License-Identifier: Apache-2.0 */

/* Fails allocations of the store, one in each run, its own (the linker sends them here) and SQLite's. */
#include "error.h"
#include "fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

/* More allocations than any of the scenarios makes. */
#define ALLOCATIONS_MAX 100000

/* The next allocation to fail: each of the first hundred, then ever larger steps. */
static long after(long n) {
	return n + 1 + n / 100;
}

/* Allocations until one fails; 0: none does. */
static long left;

static bool fails(void) {
	return left > 0 && --left == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
	return fails() ? NULL : __real_realloc(old, size);
}

static sqlite3_mem_methods real_methods;

static void *sqlite_malloc(int size) {
	return fails() ? NULL : real_methods.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size) {
	return fails() ? NULL : real_methods.xRealloc(old, size);
}

static void fail_sqlite_too(void) {
	sqlite3_mem_methods methods;

	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods);
	methods = real_methods;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

/* What one start and one commit of a daemon do. 0, or the first error. */
static int live(const struct fixture *fixture, const struct journal *journal) {
	struct store_options options = { .path = fixture->path, .create = true };
	struct store_retention retention = { .readings = 1000 };
	struct store *store;
	uint64_t sequence;

	int r = store_open(&store, &options, NULL);
	if (r < 0)
		return r;
	r = store_last_sequence(store, &sequence);
	if (r == 0)
		r = store_commit(store, journal);
	if (r == 0)
		r = store_prune(store, &retention, 0, 10);
	store_close(store);
	return r < 0 ? r : 0;
}

static void a_failed_allocation_is_an_error_that_leaves_all_or_nothing(void **state) {
	const struct fixture *fixture = *state;
	struct journal journal = { 0 };
	int failures = 0;
	long n;

	store_close(fixture_open(fixture));
	for (n = 1; n < ALLOCATIONS_MAX; n = after(n)) {
		const char *count;

		journal_reset(&journal);
		for (uint64_t i = 1; i <= 300; i++)
			fixture_add_reading(&journal, (uint32_t)i, (int64_t)n, 1, i);
		fixture_add_forecast(&journal, 1, n, 1);

		left = n;
		int r = live(fixture, &journal);
		bool failed = left == 0;
		left = 0;

		if (r < 0)
			assert_int_equal(r, -ENOMEM);
		failures += r < 0;
		count = fixture_ask(fixture,
			"SELECT count(DISTINCT time_ms)=count(*)/300 AND count(*)%300=0"
			" AND count(*)=300*(SELECT count(*) FROM forecast) FROM reading");
		assert_string_equal(count, "1");
		if (!failed)
			break;
	}
	assert_true(n < ALLOCATIONS_MAX);
	assert_true(failures > 50);
	assert_string_equal(fixture_ask(fixture, "PRAGMA integrity_check"), "ok");
	journal_finish(&journal);
}

static void remove_database(const struct fixture *fixture) {
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char name[128];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", fixture->path, suffixes[i]);
		unlink(name);
	}
}

static void a_failed_allocation_of_a_new_database_leaves_one_that_can_be_opened(void **state) {
	const struct fixture *fixture = *state;
	struct store_options options = { .path = fixture->path, .create = true };
	long n;

	for (n = 1; n < ALLOCATIONS_MAX; n = after(n)) {
		struct store *store;

		left = n;
		int r = store_open(&store, &options, NULL);
		bool failed = left == 0;
		left = 0;
		if (r == 0)
			store_close(store);
		else
			assert_int_equal(r, -ENOMEM);
		store_close(fixture_open(fixture));
		if (!failed)
			break;
		remove_database(fixture);
	}
	assert_true(n < ALLOCATIONS_MAX);
}

static void a_failed_allocation_of_a_query_is_an_error(void **state) {
	const struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct journal journal = { 0 };
	long n;

	fixture_add_pump(&journal, 1);
	fixture_add_forecast(&journal, 1, 60000, 1);
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	for (n = 1; n < ALLOCATIONS_MAX; n = after(n)) {
		struct query *query = NULL;
		struct rows *rows = NULL;
		int count = 0;

		left = n;
		int r = query_open(&query, fixture->path);
		if (r == 0)
			r = query_rows(query, "SELECT * FROM forecast_latest", NULL, 0, &rows);
		while (r >= 0 && (r = rows_next(rows)) == 1)
			count++;
		bool failed = left == 0;
		left = 0;

		if (r < 0)
			assert_int_equal(r, -ENOMEM);
		else
			assert_int_equal(count, 3);
		rows_close(rows);
		query_close(query);
		if (!failed)
			break;
	}
	assert_true(n < ALLOCATIONS_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_failed_allocation_is_an_error_that_leaves_all_or_nothing),
		FIXTURE_TEST(a_failed_allocation_of_a_new_database_leaves_one_that_can_be_opened),
		FIXTURE_TEST(a_failed_allocation_of_a_query_is_an_error),
	};

	fail_sqlite_too();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
