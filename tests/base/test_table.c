/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS 20000

struct fixture {
	struct table *table;
	char names[KEYS][12];
};

static int setup(void **state) {
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	for (int i = 0; i < KEYS; i++)
		snprintf(fixture->names[i], sizeof(fixture->names[i]), "k%d", i);
	*state = fixture;
	return table_create(&fixture->table, random_seed());
}

static int teardown(void **state) {
	struct fixture *fixture = *state;

	table_destroy(fixture->table);
	free(fixture);
	return 0;
}

static struct span key(struct fixture *fixture, int i) {
	return span_text(fixture->names[i]);
}

static void an_empty_table_finds_nothing(void **state) {
	struct fixture *fixture = *state;
	uint32_t value = 7;

	assert_int_equal(table_find(fixture->table, key(fixture, 0), &value), 0);
	assert_int_equal(table_find(fixture->table, SPAN_EMPTY, &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(table_count(fixture->table), 0);
}

static void every_key_is_found_with_its_value_while_the_table_grows(void **state) {
	struct fixture *fixture = *state;
	uint32_t value;

	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(table_put(fixture->table, key(fixture, i), (uint32_t)i), 0);
		assert_int_equal(table_count(fixture->table), i + 1);
		int earlier = i / 2;
		assert_int_equal(table_find(fixture->table, key(fixture, earlier), &value), 1);
		assert_int_equal(value, earlier);
		if (i + 1 < KEYS)
			assert_int_equal(
				table_find(fixture->table, key(fixture, i + 1), &value), 0);
	}
	for (int i = 0; i < KEYS; i++) {
		assert_int_equal(table_find(fixture->table, key(fixture, i), &value), 1);
		assert_int_equal(value, i);
	}
}

static void putting_again_replaces(void **state) {
	struct fixture *fixture = *state;
	uint32_t value;

	assert_int_equal(table_put(fixture->table, SPAN("a"), 1), 0);
	assert_int_equal(table_put(fixture->table, SPAN("a"), 2), 0);
	assert_int_equal(table_count(fixture->table), 1);
	assert_int_equal(table_find(fixture->table, SPAN("a"), &value), 1);
	assert_int_equal(value, 2);
}

static void the_empty_key_is_a_key(void **state) {
	struct fixture *fixture = *state;
	uint32_t value;

	assert_int_equal(table_put(fixture->table, SPAN_EMPTY, 3), 0);
	assert_int_equal(table_put(fixture->table, SPAN(""), 4), 0);
	assert_int_equal(table_count(fixture->table), 1);
	assert_int_equal(table_find(fixture->table, SPAN_EMPTY, &value), 1);
	assert_int_equal(value, 4);
}

static void keys_may_hold_any_byte_and_differ_in_one(void **state) {
	struct fixture *fixture = *state;
	char bytes[64 * 2];
	uint32_t value;

	/* Lengths 0 to 63 of zeros, and each with its last byte set: all differ. */
	memset(bytes, 0, sizeof(bytes));
	for (uint32_t length = 0; length < 64; length++)
		table_put(fixture->table, span_of(bytes, length), length);
	assert_int_equal(table_count(fixture->table), 64);
	for (uint32_t length = 1; length < 64; length++) {
		bytes[length - 1] = 1;
		assert_int_equal(table_find(fixture->table, span_of(bytes, length), &value), 0);
		bytes[length - 1] = 0;
		assert_int_equal(table_find(fixture->table, span_of(bytes, length), &value), 1);
		assert_int_equal(value, length);
	}
}

static void destroying_nothing_is_fine(void **state) {
	(void)state;
	table_destroy(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_table_finds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_key_is_found_with_its_value_while_the_table_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(putting_again_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(the_empty_key_is_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(
			keys_may_hold_any_byte_and_differ_in_one, setup, teardown),
		cmocka_unit_test(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
