/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * One call to the file system fails: the nth write, sync or opening of a daemon's life with a fresh
 * database, from its start over first readings, commits and a reload to the stop. It may refuse to
 * start and it may say at its end that something broke, but it does not crash, its database stays whole,
 * and the next start has every reading that was taken from the broker, once.
 *
 *   test_writes [every]
 */

/* In the ordinary suite only some calls fail in turn. */
static bool every;

static int start(void **state) {
	(void)state;
	scene_open("[store]\ndurability = full\n" LIFE_CONFIG);
	process_preload(&process, PRELOAD_SYSTEM);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	return 0;
}

static void remove_database(void) {
	static const char *const names[] = { "xlstmd.db", "xlstmd.db-wal", "xlstmd.db-shm",
		"xlstmd.db.inbox", "xlstmd.db.lock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(process_file(&process, names[i]));
}

static void assert_whole_and_complete(uint64_t nth, unsigned number, const struct life *life) {
	char expected[32];

	snprintf(expected, sizeof(expected), "ok\n%d|%d", life->fed ? LIFE_READINGS : 0,
		life->fed ? LIFE_READINGS : 0);
	char *found = process_query(&process,
		"PRAGMA integrity_check;"
		"SELECT count(*), count(DISTINCT series || ' ' || time_ms) FROM reading");
	if (strcmp(found, expected) != 0)
		fail_msg("call %" PRIu64 " of life %u: found %s, expected %s", nth, number, found,
			expected);
	free(found);
}

/* Whether the life ended before its nth call. */
static bool live(unsigned number, enum fault_call call, uint64_t nth) {
	remove_database();
	process.fault->rules[call].calls = 0;
	fault_arm(process.fault, call, nth, 1, FAULT_ERROR, EIO);
	struct life life = life_live(number);
	bool reached = process.fault->rules[call].hits > 0;
	fault_heal(process.fault);
	if (life.status != 0 && life.status != 1)
		fail_msg("call %" PRIu64 ": status %d", nth, life.status);

	process_start(&process);
	await_subscribed(&peer);
	process_stop(&process);
	assert_whole_and_complete(nth, number, &life);
	return !reached;
}

static void no_failed_call_to_the_file_system_loses_anything(void **state) {
	static const struct {
		enum fault_call call;
		const char *what;
		unsigned stride;
	} calls[] = {
		{ FAULT_WRITE, "writes", 82 },
		{ FAULT_SYNC, "syncs", 7 },
		{ FAULT_OPEN, "openings", 7 },
	};
	unsigned number = 0;

	(void)state;
	assert_true(live(number++, FAULT_WRITE, UINT64_MAX));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint64_t nth = 1;

		while (!live(number++, calls[i].call, nth))
			nth += every ? 1 : calls[i].stride * (SANITIZED ? 3 : 1);
		print_message("%" PRIu64 " %s\n", nth - 1, calls[i].what);
		assert_true(nth > 1);
	}
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_failed_call_to_the_file_system_loses_anything),
	};

	every = argc > 1 && strcmp(argv[1], "every") == 0;
	return cmocka_run_group_tests(tests, start, scene_close);
}
