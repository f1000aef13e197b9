/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

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
 * neither crashes nor hangs, and what is in its database stays whole. Paho C and OpenSSL are spared:
 * they do not look whether they get what they ask for.
 *
 *   test_memory [STRIDE [FIRST]]
 */

#define CONFIG "[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"

#define BEGIN 1700000040

/* In the ordinary suite every so manieth allocation fails. */
static unsigned stride = 211, first = 1;

/* Lives that ended like that. */
static unsigned aborted;

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	process_preload(&process, PRELOAD_MEMORY);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	return 0;
}

static void publish_readings(unsigned life) {
	char topic[32], text[64];

	for (unsigned i = 0; i < 6; i++) {
		snprintf(topic, sizeof(topic), "plant/p%u", (life + i) % 9);
		snprintf(text, sizeof(text), "{\"time\":%u,\"a\":%u,\"b\":%u}",
			BEGIN + 60 * (6 * life + i), i, life);
		publish_text(&peer, topic, text);
	}
}

/* How it has ended, if it has before it was ready. */
static int await_ready(void) {
	int status = PROCESS_RUNS;

	while (status == PROCESS_RUNS && !process_await(&process, "READY=1", 10))
		status = process_poll(&process, 0);
	return status;
}

/* libuv ends the process where it can't even be set up. */
static void assert_orderly(uint64_t nth, int status) {
	if (status == -SIGABRT && aborted++ == 0)
		return;
	if (status != 0 && status != 1)
		fail_msg("allocation %llu: status %d", (unsigned long long)nth, status);
}

/* One life in which the nth allocation fails; whether it ended before that one. */
static bool live(unsigned life, uint64_t nth) {
	process.fault->rules[FAULT_ALLOCATE].calls = 0;
	fault_arm(process.fault, FAULT_ALLOCATE, nth, 1, FAULT_ERROR, 0);
	/* The peer's own connection wants to be kept alive. */
	(void)peer_next(&peer, 1);
	process_spawn(&process);
	int status = await_ready();
	if (status == PROCESS_RUNS) {
		for (int i = 0; i < 20 && !is_subscribed(&peer, 50); i++)
			;
		publish_readings(life);
		process_signal(&process, SIGHUP);
		sleep_ms(150);
		process_signal(&process, SIGTERM);
		status = process_wait(&process, PATIENCE_MS);
	}
	assert_orderly(nth, status);
	bool reached = process.fault->rules[FAULT_ALLOCATE].hits > 0;
	fault_heal(process.fault);
	return !reached;
}

static void assert_whole(uint64_t nth) {
	char *check = process_query(&process,
		"PRAGMA integrity_check; SELECT count(*) FROM reading r"
		" LEFT JOIN series s ON s.id = r.series WHERE s.id IS NULL");

	if (strcmp(check, "ok\n0") != 0)
		fail_msg("allocation %llu: %s", (unsigned long long)nth, check);
	free(check);
}

static void no_failed_allocation_does_damage(void **state) {
	unsigned life = 0;
	uint64_t nth;

	(void)state;
	if (SANITIZED) /* they have allocators of their own */
		skip();
	process.preload = NULL;
	process_start(&process);
	process_stop(&process);
	process_preload(&process, PRELOAD_MEMORY);
	for (nth = first; !live(life++, nth); nth += stride)
		assert_whole(nth);
	print_message("%u lives, allocations %u to %llu\n", life, first, (unsigned long long)nth);
	assert_true(nth > 1000);
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
	return cmocka_run_group_tests(tests, start, scene_close);
}
