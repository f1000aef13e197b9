/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Power cuts. Whenever a sync of the database, its log or the inbox returns, the preloaded library
 * copies the file: so much is on the device. At a cut the daemon is killed, and of what each file has
 * received since, any page may be there or not. With durability = full every reading that was
 * acknowledged is in the database in the end, once; the others come from the broker once more.
 *
 *   test_power [CUTS [SEED]]
 */

#define CONFIG(durability)                                                                         \
	"[mqtt]\nsession_expiry = 1h\ninbox = 64k\n"                                               \
	"[store]\ndurability = " durability "\ncommit_interval = 200ms\nstate_interval = 300ms\n"  \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 2\n"

#define BEGIN     1700000040
#define DETECTORS 5

/* Messages of one life, and how long it lasts after them. */
#define MESSAGES_MAX 60
#define LIFE_MS      (SANITIZED ? 3000 : 400)

#define PAGE 4096

static unsigned cuts = SANITIZED ? 4 : 10, seed = 7;

/* Pages that a cut has taken back, over all cuts. */
static unsigned lost_pages;

static unsigned chance(unsigned below) {
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

static int start(void **state) {
	(void)state;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(&process, &broker, CONFIG("full"));
	process_preload(&process, PRELOAD_SYSTEM);
	process.fault->copies = true;
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	lost_pages = 0;
	return 0;
}

static void publish_readings(unsigned *next, unsigned count) {
	char topic[32], text[64];

	for (; count > 0; count--, ++*next) {
		snprintf(topic, sizeof(topic), "plant/pump%u", *next % DETECTORS);
		snprintf(text, sizeof(text), "{\"time\":%u,\"flow\":%u}",
			BEGIN + 60 * (*next / DETECTORS), *next);
		publish_text(&peer, topic, text);
	}
}

/* Zeros beyond its end. */
static void read_page(int file, off_t at, char page[PAGE]) {
	memset(page, 0, PAGE);
	if (file >= 0)
		assert_true(pread(file, page, PAGE, at) >= 0);
}

/* The length is on the device with the sync that brought it there, or by chance. */
static off_t choose_length(int file, int synced) {
	struct stat now, then = { 0 };

	assert_int_equal(fstat(file, &now), 0);
	if (synced >= 0)
		assert_int_equal(fstat(synced, &then), 0);
	return chance(2) ? now.st_size : then.st_size;
}

static void lose_pages(int file, int synced) {
	off_t length = choose_length(file, synced);

	assert_int_equal(ftruncate(file, length), 0);
	for (off_t at = 0; at < length; at += PAGE) {
		size_t size = length - at < PAGE ? (size_t)(length - at) : PAGE;
		char now[PAGE], then[PAGE];

		read_page(file, at, now);
		read_page(synced, at, then);
		if (memcmp(now, then, size) == 0 || chance(2))
			continue;
		assert_int_equal(pwrite(file, then, size, at), size);
		lost_pages++;
	}
}

static void cut(const char *name) {
	char copy[160];
	int file = open(process_file(&process, name), O_RDWR | O_CLOEXEC);

	snprintf(copy, sizeof(copy), "%s" FAULT_SYNCED, process_file(&process, name));
	int synced = open(copy, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		lose_pages(file, synced);
		close(file);
	}
	if (synced >= 0)
		close(synced);
}

/* The log's index is memory. */
static void cut_power(void) {
	process_kill(&process);
	cut("xlstmd.db");
	cut("xlstmd.db-wal");
	cut("xlstmd.db.inbox");
	unlink(process_file(&process, "xlstmd.db-shm"));
}

/* Half of the lives end in the middle of a write or a sync. */
static void live(unsigned *next) {
	if (chance(2))
		fault_arm(process.fault, chance(2) ? FAULT_WRITE : FAULT_SYNC, 1 + chance(60), 1,
			FAULT_KILL, 0);
	/* The peer's own connection wants to be kept alive. */
	(void)peer_next(&peer, 1);
	process_spawn(&process);
	publish_readings(next, chance(MESSAGES_MAX));
	process_poll(&process, chance(LIFE_MS));
	fault_heal(process.fault);
	cut_power();
}

/* All that the lives were too short for comes at last, each message with a sync of its own. */
static void await_backlog(void) {
	for (unsigned i = 0; i < cuts && !is_subscribed(&peer, PATIENCE_MS / 10); i++)
		continue;
	await_subscribed(&peer);
}

static unsigned live_through_cuts(void) {
	unsigned published = 0;

	process_start(&process);
	await_subscribed(&peer);
	publish_readings(&published, MESSAGES_MAX);
	cut_power();
	for (unsigned i = 0; i < cuts; i++)
		live(&published);
	process_start(&process);
	await_backlog();
	process_stop(&process);
	return published;
}

/* Each detector has all of its minutes, and in each the value that was published for it. */
static void what_was_acknowledged_survives(void **state) {
	char sql[512], expected[64];
	unsigned count = live_through_cuts();

	(void)state;
	snprintf(sql, sizeof(sql),
		"PRAGMA integrity_check; SELECT count(*), count(DISTINCT value),"
		" sum(value = (time_ms / 1000 - %d) / 60 * %d + substr(name, 5, 1))"
		" FROM reading JOIN series ON id = series",
		BEGIN, DETECTORS);
	snprintf(expected, sizeof(expected), "ok\n%u|%u|%u", count, count, count);
	char *found = process_query(&process, sql);
	print_message("%u cuts took %u pages back; %u readings\n", cuts + 1, lost_pages, count);
	assert_string_equal(found, expected);
	free(found);
}

/* The same without syncs shows that cuts cost something: what was not synced may be gone. But what is there is whole, and it goes on. */
static void without_syncs_it_goes_on_with_what_is_left(void **state) {
	(void)state;
	process_configure(&process, &broker, CONFIG("normal"));
	unsigned count = live_through_cuts();
	char *found = process_query(&process, "PRAGMA integrity_check");
	double stored = process_query_number(&process, "SELECT count(*) FROM reading");

	print_message("%u cuts took %u pages back; %g of %u readings are left\n", cuts + 1,
		lost_pages, stored, count);
	assert_string_equal(found, "ok");
	assert_true(lost_pages > 0);
	free(found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, scene_close)

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		TEST(what_was_acknowledged_survives),
		TEST(without_syncs_it_goes_on_with_what_is_left),
	};

	if (argc > 1)
		cuts = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = (unsigned)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
