/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Detectors of a group whose messages come as they come: who steps together with whom is chance. After
 * a kill the same ones must step together again, in the same neighbourhoods, so that every forecast that had been
 * stored is made once more, bit for bit.
 *
 *   test_batches [KILLS [SEED]]
 */

#define CONFIG                                                                                     \
	"[store]\nstate_interval = 1s\ncommit_interval = 20ms\n"                                   \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"[source road]\ntopic = road/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"         \
	"group = road\n"

/* Without the network, so that there may be more of them. */
#define CROWD_CONFIG                                                                               \
	"[store]\nstate_interval = 2s\ncommit_interval = 20ms\n"                                   \
	"[forecast]\nmodel = none\nexperts = persistence, neighbours\n"                            \
	"[limits]\nbatch = 64\n"                                                                   \
	"[source road]\ntopic = road\nformat = json\ndetector = {id}\nstep = 60s\nhorizon = 1\n"   \
	"group = road\nposition = lat, lon\n"

/* Whole minutes. */
#define BEGIN 1700000040

#define MEMBERS 8

/* Minutes before neighbours are looked at, and minutes that one life is fed at the most. */
#define MINUTES_FIRST 40
#define MINUTES_MAX   40

/* The longest pause between two messages, microseconds, and before a kill, milliseconds. */
#define PAUSE_US 1500
#define KILL_MS  300

/* The crowd: how many there are in the end, how many are new in each minute, and how many tell something in one
 * message; lives, and minutes of one. */
#define CROWD         1500
#define CROWD_NEW     40
#define CROWD_MESSAGE 40
#define CROWD_LIVES   4
#define CROWD_MINUTES 11

static unsigned kills = 8, seed = 1;

static unsigned chance(unsigned below) {
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

/* A wave that passes one after the other. */
static double value_at(unsigned minute, unsigned member) {
	return 50 + 10 * sin((minute - member) * 0.37) + chance(1000) / 500.0;
}

static void feed(unsigned minute) {
	char topic[32], text[64];

	for (unsigned member = 0; member < MEMBERS; member++) {
		snprintf(topic, sizeof(topic), "road/d%u", member);
		int length = snprintf(text, sizeof(text), "{\"time\":%u,\"speed\":%.6f}",
			BEGIN + 60 * minute, value_at(minute, member));
		peer_publish(&peer, topic, text, (size_t)length, 0, false);
		if (chance(4) == 0)
			usleep(chance(PAUSE_US));
	}
}

static void run(const char *command) {
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* As the kill has left it. */
static void keep_database(void) {
	char command[512];

	snprintf(command, sizeof(command), "cp %s %s && cp %s %s",
		process_file(&process, "xlstmd.db"), process_file(&process, "before.db"),
		process_file(&process, "xlstmd.db-wal"), process_file(&process, "before.db-wal"));
	run(command);
}

static double ask_before(const char *query) {
	char sql[1024];

	snprintf(sql, sizeof(sql), "ATTACH '%s' AS before; %s", process_file(&process, "before.db"),
		query);
	return process_query_number(&process, sql);
}

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	return 0;
}

/* Batches that were noted and are in no state yet. */
#define NOTED                                                                                      \
	"SELECT count(*) FROM before.batch WHERE sequence>(SELECT max(sequence) FROM "             \
	"before.state)"

#define CHANGED                                                                                    \
	"SELECT count(*) FROM before.forecast b WHERE NOT EXISTS (SELECT 1 FROM main.forecast f"   \
	" WHERE f.series=b.series AND f.issued_ms=b.issued_ms AND f.json=b.json)"

static void who_stepped_together_steps_together_again(void **state) {
	unsigned minute = 0;
	double replayed = 0, sizes = 0;

	(void)state;
	for (unsigned i = 0; i < kills; i++) {
		unsigned end = minute + (i == 0 ? MINUTES_FIRST : chance(MINUTES_MAX));

		process_start(&process);
		await_subscribed(&peer);
		while (minute < end)
			feed(minute++);
		usleep(1000 * chance(KILL_MS));
		process_await_query(&process, "SELECT count(*)>0 FROM forecast", "1");
		process_kill(&process);
		keep_database();

		process_start(&process);
		process_stop(&process);
		replayed += ask_before(NOTED);
		sizes = fmax(sizes,
			ask_before("SELECT count(DISTINCT length(detectors)) FROM before.batch"));
		assert_true(ask_before("SELECT count(*) FROM before.forecast") > 0);
		assert_int_equal(ask_before(CHANGED), 0);
	}
	print_message("%u kills, %g batches stepped again, of up to %g sizes at once\n", kills,
		replayed, sizes);
	assert_true(replayed > 0);
	assert_true(sizes > 1);
	assert_true(process_query_number(&process, "SELECT count(*) FROM neighbours") > 0);
}

static int start_crowd(void **state) {
	(void)state;
	scene_open(CROWD_CONFIG);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	return 0;
}

/* They stand all over a square. */
static void say_together(unsigned minute, unsigned first) {
	static char text[128 * CROWD_MESSAGE];
	FILE *to = fmemopen(text, sizeof(text), "w");

	assert_non_null(to);
	for (unsigned member = first; member < first + CROWD_MESSAGE; member++)
		fprintf(to, "%c{\"id\":\"m%u\",\"time\":%u,\"speed\":%.6f,\"lat\":%u,\"lon\":%u}",
			member == first ? '[' : ',', member, BEGIN + 60 * minute,
			value_at(minute, member % 20), member * 37 % 80, member * 59 % 170);
	fputc(']', to);
	assert_int_equal(fclose(to), 0);
	publish_text(&peer, "road", text);
}

static void feed_crowd(unsigned minute) {
	unsigned members = CROWD_NEW * (minute + 1);

	for (unsigned at = 0; at < members && at < CROWD; at += CROWD_MESSAGE) {
		say_together(minute, at);
		usleep(chance(10 * PAUSE_US));
	}
}

/* Seats that were taken after something of the group had been saved. */
#define SEATED                                                                                     \
	"SELECT count(*) FROM before.batch WHERE length(seats)>0 AND sequence>"                    \
	"(SELECT min(sequence) FROM before.state)"

/* Moments at which parts of the group were saved. */
#define MOMENTS "SELECT count(DISTINCT sequence) FROM before.state"

static void who_joins_a_large_group_sits_there_again(void **state) {
	double seated = 0, moments = 0;
	unsigned minute = 0;

	(void)state;
	for (unsigned i = 0; i < CROWD_LIVES; i++) {
		process_start(&process);
		await_subscribed(&peer);
		for (unsigned end = minute + CROWD_MINUTES; minute < end; minute++)
			feed_crowd(minute);
		usleep(1000 * chance(KILL_MS));
		process_await_query(&process, "SELECT count(*)>0 FROM forecast", "1");
		process_kill(&process);
		keep_database();

		process_start(&process);
		assert_false(process_logged(&process, "can't be used"));
		process_stop(&process);
		seated += ask_before(SEATED);
		moments = fmax(moments, ask_before(MOMENTS));
		assert_true(ask_before("SELECT count(*) FROM before.forecast") > 0);
		assert_int_equal(ask_before(CHANGED), 0);
	}
	double hoods = process_query_number(&process, "SELECT count(*) FROM neighbourhood");
	print_message("%g neighbourhoods, saved at up to %g moments, %g batches with seats that"
		      " were taken again\n",
		hoods, moments, seated);
	assert_true(hoods > 4);
	assert_true(moments > 1);
	assert_true(seated > 0);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_stepped_together_steps_together_again, start, scene_close),
		cmocka_unit_test_setup_teardown(
			who_joins_a_large_group_sits_there_again, start_crowd, scene_close),
	};

	if (argc > 1)
		kills = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = (unsigned)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
