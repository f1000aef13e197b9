/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * One allocation fails: the nth of a daemon's life, over its start, its first readings and series,
 * commits, a reload and the stop. It may say no, it may leave something out and count it, but it
 * neither crashes nor hangs, what is in its database stays whole, and it frees at its end what it
 * frees after an undisturbed life. Paho C and OpenSSL are spared: they do not look whether they get what
 * they ask for.
 *
 *   test_memory [STRIDE [FIRST [LAST]]]
 */

/* In the ordinary suite every so manieth allocation fails. */
static unsigned stride = 211, first = 1, last = UINT_MAX;

/* Lives that libuv ended, and what else went wrong. */
static unsigned aborted, damages;

static int start(void **state) {
	(void)state;
	scene_open("[forecast]\nmodel = " MODELS "/base-2.safetensors\n" LIFE_CONFIG
		   "instances = own\n");
	process_preload(&process, PRELOAD_MEMORY);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	return 0;
}

/* All are told before the test fails. */
#define DAMAGE(nth, ...)                                                                           \
	(print_error("allocation %" PRIu64 ": ", nth), print_error(__VA_ARGS__), damages++)

/* libuv ends the process where it can't even be set up: in one call, whose number may differ by one from life
 * to life. */
static void check_status(uint64_t nth, int status) {
	if (status == -SIGABRT && aborted++ < 2)
		return;
	if (status != 0 && status != 1)
		DAMAGE(nth, "status %d\n", status);
}

/* Nothing is left that an undisturbed life would not leave. */
static void check_freed(uint64_t nth) {
	const struct fault_left *left = &process.fault->left;

	if (left->counted && left->blocks > left->usual)
		DAMAGE(nth, "%" PRIu64 " blocks, %" PRIu64 " bytes in all, are not freed\n",
			left->blocks, left->bytes);
}

/* One life in which the nth allocation fails; whether it ended before that one. */
static bool live(unsigned number, uint64_t nth) {
	process.fault->rules[FAULT_ALLOCATE].calls = 0;
	process.fault->left.counted = false;
	fault_arm(process.fault, FAULT_ALLOCATE, nth, 1, FAULT_ERROR, 0);
	check_status(nth, life_live(number).status);
	check_freed(nth);
	bool reached = process.fault->rules[FAULT_ALLOCATE].hits > 0;
	fault_heal(process.fault);
	return !reached;
}

static void check_database(uint64_t nth) {
	char *check = process_query(&process,
		"PRAGMA integrity_check; SELECT count(*) FROM reading r"
		" LEFT JOIN series s ON s.id = r.series WHERE s.id IS NULL");

	if (strcmp(check, "ok\n0") != 0)
		DAMAGE(nth, "%s\n", check);
	free(check);
}

/* The second one: the first finds no database. */
static void live_undisturbed(void) {
	process.fault->left.usual = UINT64_MAX;
	for (int i = 0; i < 2; i++) {
		assert_true(live(0, UINT64_MAX));
		assert_true(process.fault->left.counted);
	}
	process.fault->left.usual = process.fault->left.blocks;
}

static void no_failed_allocation_does_damage(void **state) {
	unsigned life = 1;
	bool over = false;
	uint64_t nth;

	(void)state;
	if (SANITIZED) /* they have allocators of their own */
		skip();
	live_undisturbed();
	for (nth = first; !over && nth <= last; nth += stride) {
		over = live(life++, nth);
		check_database(nth);
	}
	print_message("%u lives, allocations %u to %" PRIu64 ", %" PRIu64
		      " blocks are left by each\n",
		life, first, nth, process.fault->left.usual);
	assert_int_equal(damages, 0);
	assert_true(over || last < UINT_MAX);
	process_start(&process);
	await_subscribed(&peer);
	process_stop(&process);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_failed_allocation_does_damage),
	};

	if (argc > 1)
		stride = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		first = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		last = (unsigned)strtoul(argv[3], NULL, 10);
	return cmocka_run_group_tests(tests, start, scene_close);
}
