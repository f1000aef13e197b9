/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * What the broker was told is received outlives the daemon. Commits are so rare here that hardly
 * any life of the daemon sees one by itself: what it had taken in when it was killed lies in its
 * inbox.
 */
#define RARE_COMMITS "[store]\ncommit_interval = 1m\n"
#define SESSION                                                                                    \
	"[mqtt]\nsession_expiry = 1h\n"                                                            \
	"[forecast]\nenabled = off\n"                                                              \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\n"

#define BEGIN     1700000040
#define DETECTORS 5

#define KILLS        12
#define MESSAGES_MAX 150 /* of one life */
#define LIFE_MS_MAX  400

static int start(void **state) {
	(void)state;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(&process, &broker, RARE_COMMITS SESSION);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/#", 1);
	return 0;
}

static void publish_minutes(int *next, int count) {
	char topic[32], text[64];

	for (; count > 0; count--, ++*next) {
		snprintf(topic, sizeof(topic), "plant/pump%d", *next % DETECTORS);
		snprintf(text, sizeof(text), "{\"time\":%d,\"flow\":%d}",
			BEGIN + 60 * (*next / DETECTORS), *next);
		publish_text(&peer, topic, text);
	}
}

/* Each detector has all of its minutes, and in each the value that was published for it. */
static void assert_all_stored(int count) {
	char sql[256], expected[64];

	snprintf(sql, sizeof(sql),
		"SELECT count(*), count(DISTINCT value), sum(value="
		"(time_ms/1000-%d)/60*%d+substr(name,5,1)) FROM reading JOIN series ON id=series",
		BEGIN, DETECTORS);
	snprintf(expected, sizeof(expected), "%d|%d|%d", count, count, count);
	char *found = process_query(&process, sql);
	assert_string_equal(found, expected);
	free(found);
}

static void live_and_be_killed(int *next) {
	process_spawn(&process);
	publish_minutes(next, rand() % MESSAGES_MAX);
	sleep_ms((unsigned)rand() % LIFE_MS_MAX);
	process_kill(&process);
}

static void killed_at_random_it_loses_nothing(const char *configuration) {
	int published = 0;

	srand(5);
	process_configure(&process, &broker, configuration);
	process_start(&process);
	await_subscribed(&peer);
	publish_minutes(&published, MESSAGES_MAX);
	process_kill(&process);
	for (int i = 0; i < KILLS; i++)
		live_and_be_killed(&published);

	/* What still waits with the broker comes, too, and an orderly end commits everything. */
	process_start(&process);
	await_subscribed(&peer);
	process_stop(&process);
	assert_all_stored(published);
	assert_true(process_logged(&process, "not committed come first"));
}

static void what_was_acknowledged_outlives_kills(void **state) {
	(void)state;
	killed_at_random_it_loses_nothing(RARE_COMMITS SESSION);
}

static void and_with_full_durability(void **state) {
	(void)state;
	killed_at_random_it_loses_nothing(RARE_COMMITS "durability = full\n" SESSION);
}

/* An orderly end leaves nothing to be found. */
static void what_was_committed_does_not_come_again(void **state) {
	int published = 0;

	(void)state;
	process_start(&process);
	await_subscribed(&peer);
	publish_minutes(&published, 100);
	process_stop(&process);
	process_start(&process);
	await_subscribed(&peer);
	process_stop(&process);
	assert_all_stored(published);
	assert_false(process_logged(&process, "come first"));
}

static void an_inbox_of_another_version_is_refused_and_kept(void **state) {
	int published = 0;

	(void)state;
	process_start(&process);
	await_subscribed(&peer);
	publish_minutes(&published, 10);
	process_kill(&process);

	int file = open(process_file(&process, "xlstmd.db.inbox"), O_RDWR);
	assert_int_equal(pwrite(file, "\x63", 1, 8), 1);
	process_spawn(&process);
	assert_int_equal(process_wait(&process, PATIENCE_MS), 65);
	assert_true(process_logged(&process, "xlstmd.db.inbox: "));
	assert_int_equal(pwrite(file, "\x01", 1, 8), 1);
	close(file);
	process_start(&process);
	await_subscribed(&peer);
	process_stop(&process);
	assert_all_stored(published);
}

/* Nothing waits for the database: what it should have is given up as mail, and stays in memory. */
static void a_database_that_fails_for_long_holds_up_nothing(void **state) {
	int published = 0;

	(void)state;
	process_configure(&process, &broker, "[mqtt]\ninbox = 64k\n" SESSION);
	process_preload(&process, PRELOAD_SYSTEM);
	process_start(&process);
	await_subscribed(&peer);
	fault_arm(process.fault, FAULT_WRITE, 1, FAULT_FOR_EVER, FAULT_ERROR, ENOSPC);
	publish_minutes(&published, 2000);
	json_decref(await_stats(&peer, "readings", published));
	json_t *stats = await_stats(&peer, "inbox.unkept", 1);
	assert_true(json_number_at(stats, "inbox.shed") == 0);
	json_decref(stats);
	assert_true(process_logged(&process, "a crash would lose"));
	assert_true(process_query_number(&process, "SELECT count(*) FROM reading") < published);

	fault_heal(process.fault);
	process_stop(&process);
	assert_all_stored(published);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, scene_close)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(what_was_acknowledged_outlives_kills),
		TEST(and_with_full_durability),
		TEST(what_was_committed_does_not_come_again),
		TEST(a_database_that_fails_for_long_holds_up_nothing),
		TEST(an_inbox_of_another_version_is_refused_and_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
