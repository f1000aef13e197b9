/* SPDX-License-Identifier: Apache-2.0 */
#include "../support/sanitizers.h"
#include "row_store.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* More than a chunk holds, of a size that is no multiple of anything. */
#define ROWS 100
#define SIZE 426999

static struct row_store store;

static int start(void **state) {
	(void)state;
	store = (struct row_store){ 0 };
	return 0;
}

static int finish(void **state) {
	(void)state;
	row_store_finish(&store);
	return 0;
}

static unsigned char *take(size_t size) {
	unsigned char *row = row_store_take(&store, size);

	assert_non_null(row);
	assert_int_equal((uintptr_t)row % 64, 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(row[i], 0);
	return row;
}

static void rows_are_zero_and_do_not_touch(void **state) {
	unsigned char *rows[ROWS];

	(void)state;
	for (int i = 0; i < ROWS; i++)
		memset(rows[i] = take(SIZE), i + 1, SIZE);
	for (int i = 0; i < ROWS; i++) {
		for (int at = 0; at < SIZE; at += 1000)
			assert_int_equal(rows[i][at], i + 1);
		assert_int_equal(rows[i][SIZE - 1], i + 1);
	}
}

static void what_is_given_back_is_used_again(void **state) {
	(void)state;
	unsigned char *small = take(100), *large = take(SIZE), *last = take(SIZE);
	memset(small, 1, 100);
	memset(large, 1, SIZE);
	memset(last, 1, SIZE);
	row_store_give_back(&store, large, SIZE);
	assert_ptr_not_equal(take(100), large);
	row_store_give_back(&store, small, 100);
	row_store_give_back(&store, NULL, SIZE);
	assert_ptr_equal(take(SIZE), large);
	assert_ptr_not_equal(take(SIZE), small);
	assert_ptr_equal(take(100), small);
}

static void a_row_may_be_larger_than_a_chunk(void **state) {
	(void)state;
	size_t size = (size_t)100 << 20;
	unsigned char *row = row_store_take(&store, size);
	assert_non_null(row);
	row[0] = row[size - 1] = 1;
	assert_ptr_not_equal(take(SIZE), row);
}

/* Of a row's pages, those that are there. */
static size_t pages_of(const unsigned char *row, size_t size) {
	size_t page = (size_t)sysconf(_SC_PAGESIZE), there = 0;
	const unsigned char *begin = row + page - (uintptr_t)row % page;
	size_t pages = (size - page) / page;
	unsigned char *present = malloc(pages);

	assert_int_equal(mincore((void *)begin, pages * page, present), 0);
	for (size_t i = 0; i < pages; i++)
		there += present[i] & 1;
	free(present);
	return there;
}

/* Rows in chunks that the system has just made, of which nothing can be there before. */
#define MANY 200

static void what_is_deferred_comes_at_the_end_and_nothing_is_lost(void **state) {
	unsigned char *rows[MANY];
	size_t whole = (SIZE - (size_t)sysconf(_SC_PAGESIZE)) / (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	if (SANITIZED)
		skip(); /* where memory is looked at before it is given */
	(void)mallopt(M_PERTURB, 0); /* with which calloc writes what it gives */
	row_store_defer(&store);
	for (int i = 0; i < MANY; i++)
		assert_non_null(rows[i] = row_store_take(&store, SIZE));
	assert_int_equal(pages_of(rows[MANY - 1], SIZE), 0);
	memset(rows[5], 5, SIZE);
	memset(rows[MANY - 2], 7, SIZE);
	row_store_settle(&store);
	row_store_end_deferral(&store);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(pages_of(rows[i], SIZE), whole);
	for (int i = 0; i < MANY; i++)
		for (int at = 0; at < SIZE; at += 999)
			assert_int_equal(rows[i][at], i == 5 ? 5 : i == MANY - 2 ? 7 : 0);
	assert_int_equal(pages_of(row_store_take(&store, SIZE), SIZE), whole);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
	const struct CMUnitTest tests[] = {
		UNIT(rows_are_zero_and_do_not_touch),
		UNIT(what_is_given_back_is_used_again),
		UNIT(a_row_may_be_larger_than_a_chunk),
		UNIT(what_is_deferred_comes_at_the_end_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
