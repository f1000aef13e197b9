/* SPDX-License-Identifier: Apache-2.0 */
/* States are read ahead on a thread while an earlier one is looked at. */
#include "error.h"
#include "fixture.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STATES    40
#define BYTES_MAX 100000

/* Of many pages or of a few bytes, each with other ones than its neighbours. */
static size_t state_of(uint32_t detector, char *bytes) {
	struct random random;

	random_init(&random, detector);
	size_t length = 1 + random_next(&random) % (detector % 3 == 0 ? 50 : BYTES_MAX);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)random_next(&random);
	return length;
}

/* Detectors with even numbers have a state. */
static void add_states(const struct fixture *fixture, uint32_t count) {
	struct store *store = fixture_open(fixture);
	char *bytes = malloc(BYTES_MAX);
	struct journal journal = { 0 };

	for (uint32_t i = 1; i <= count; i++) {
		struct state_row row = { .detector = 2 * i, .layout = i, .sequence = 10 * i };
		void *to;

		row.bytes.length = state_of(2 * i, bytes);
		assert_int_equal(journal_state(&journal, &row, &to), 0);
		memcpy(to, bytes, row.bytes.length);
	}
	fixture_commit(store, &journal);
	journal_finish(&journal);
	store_close(store);
	free(bytes);
}

struct visits {
	uint32_t count;
	uint32_t last; /* ends them */
	bool slow; /* gives the thread time to read what comes */
	char bytes[BYTES_MAX];
};

static int compare(void *user, const struct state_row *row) {
	struct visits *visits = user;
	uint32_t detector = 2 * ++visits->count;

	if (visits->slow)
		usleep(1000);
	assert_int_equal(row->detector, detector);
	assert_int_equal(row->layout, visits->count);
	assert_int_equal(row->sequence, 10 * visits->count);
	assert_int_equal(row->bytes.length, state_of(detector, visits->bytes));
	assert_memory_equal(row->bytes.data, visits->bytes, row->bytes.length);
	return visits->count == visits->last ? 42 : 0;
}

static void states_come_in_order_and_as_they_were(void **state) {
	static struct visits fast, slow = { .slow = true };
	const struct fixture *fixture = *state;

	add_states(fixture, STATES);
	struct store *store = fixture_open(fixture);
	assert_int_equal(store_each_state(store, compare, &fast), 0);
	assert_int_equal(fast.count, STATES);
	assert_int_equal(store_each_state(store, compare, &slow), 0);
	assert_int_equal(slow.count, STATES);
	store_close(store);
}

static void there_may_be_none(void **state) {
	static struct visits visits;
	struct store *store = fixture_open(*state);

	assert_int_equal(store_each_state(store, compare, &visits), 0);
	assert_int_equal(visits.count, 0);
	store_close(store);
}

/* Wherever the thread is then; the store is free for others afterwards. */
static void a_visit_ends_them_at_any_state(void **state) {
	const struct fixture *fixture = *state;
	struct journal journal = { 0 };

	add_states(fixture, 5);
	struct store *store = fixture_open(fixture);
	for (uint32_t last = 1; last <= 5; last++) {
		static struct visits visits;

		visits = (struct visits){ .last = last, .slow = last % 2 };
		assert_int_equal(store_each_state(store, compare, &visits), 42);
		assert_int_equal(visits.count, last);
		fixture_add_pump(&journal, last);
		fixture_commit(store, &journal);
	}
	journal_finish(&journal);
	store_close(store);
}

static int lose_the_end(void *user, const struct state_row *row) {
	const struct fixture *fixture = user;

	return row->detector == 6 ? truncate(fixture->path, 300000) : 0;
}

/* What a file system does that fails: an error with a name, and no signal. */
static void a_file_that_loses_its_end_meanwhile_is_an_error(void **state) {
	add_states(*state, STATES);
	struct store *store = fixture_open(*state);
	assert_int_equal(store_each_state(store, lose_the_end, *state), E_CORRUPT);
	store_close(store);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(states_come_in_order_and_as_they_were),
		FIXTURE_TEST(there_may_be_none),
		FIXTURE_TEST(a_visit_ends_them_at_any_state),
		FIXTURE_TEST(a_file_that_loses_its_end_meanwhile_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
