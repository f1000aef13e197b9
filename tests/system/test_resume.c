/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"
#include "pupil.h"
#include "timing.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Exact resumption. A daemon learns, so that other weights are in use than those that ship, shared ones
 * and a detector's own. From its database two go on: one is fed through a broker without any
 * disturbance; the other one is fed the same, each message once and in a session that the broker keeps,
 * and killed again and again, at random moments and in the middle of a write, a sync, a file's opening or
 * a packet to the broker. Afterwards not a bit of what they have stored and learned may differ.
 *
 * When an attempt to learn ends depends on how busy the machine is. So there are none while the two are
 * compared; what becomes of attempts when the daemon is killed is looked at first.
 *
 *   test_resume [KILLS [SEED]]
 */

/* With the network; states are saved often, so that kills meet every phase of it. */
#define CONFIG(learning)                                                                           \
	"[mqtt]\nsession_expiry = 1h\n[store]\ndurability = full\nstate_interval = 300ms\n"        \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n" learning                             \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"       \
	"[source fine]\ntopic = fine/{detector}\nformat = json\nstep = 1h\nhorizon = 4\n"          \
	"aggregate = sum\n"                                                                        \
	"[source tardy]\ntopic = tardy/{detector}\nformat = json\nstep = 1h\nhorizon = 4\n"        \
	"lateness = 3h\n"                                                                          \
	"[source mine]\ntopic = mine/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"         \
	"instances = own\n"                                                                        \
	"[source road]\ntopic = road\nformat = json\ndetector = {id}\nstep = 60s\nhorizon = 4\n"   \
	"group = road\n"
#define NO_ATTEMPTS "[learning]\ninterval = 365d\n"

/* What is in use once both have learned. */
#define CHAMPIONS "SELECT count(*) FROM meta WHERE key IN ('champion', 'champion own')"

/* Messages of one minute, and the readings in them. The last message brings those of a whole group, so
 * that it does not depend on the time who steps with whom. */
#define ROAD_MEMBERS        6
#define MESSAGES_PER_MINUTE 9
#define READINGS_PER_MINUTE (8 + PUPIL_CHANNELS + ROAD_MEMBERS)

/* A sum is forecast once its period is over, the tardy sensor three periods after that. */
#define FORECASTS_PER_MINUTE (6 + PUPIL_CHANNELS + ROAD_MEMBERS)
#define FORECASTS_TO_COME    5

/* Periods that are held open end when the next reading comes, or by the daemon's clock. While it is killed and
 * started again on a busy machine more than a minute may pass, and a reading that comes after the end of its
 * period is refused. So theirs last an hour, and each minute of the others is an hour of theirs. */
#define HELD_STEP 3600

/* Messages that one life of the daemon is fed. */
#define FEED_MAX 40

/* A life lasts no longer than this after it has been fed, milliseconds. */
#define LIFE_MS 1500

static unsigned kills = SANITIZED ? 6 : 15, seed = 1;
static struct process undisturbed;

/* Minutes that are over when what is compared begins. */
static int begin;

/* A number that looks like chance and depends on nothing but its argument (Knuth's multiplicative
 * hash). */
static unsigned scatter(unsigned n) {
	return n * 2654435761u >> 16;
}

static unsigned chance(unsigned below) {
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

/* Half a day's rhythm, noise, and now and then something out of the ordinary. */
static double value_at(unsigned minute, unsigned of) {
	double noise = scatter(minute * 8 + of) % 1000 / 1000.0;

	return 10 + of + 3 * sin(minute * 6.283185 / 48 + of) + noise +
	       (minute % 97 == 96 ? 20 : 0);
}

enum part { WHOLE, PART_A, PART_B, SUM_1, SUM_2, SUM_3, TARDY, OWN, ROAD };

/* When the hour begins that stands for this minute: none before what is compared. */
static int held_at(unsigned minute) {
	int first = (PUPIL_BEGIN + 60 * begin) / HELD_STEP + 1;

	return (first + (int)minute) * HELD_STEP;
}

/* One of the simpler messages. */
static void publish_part(enum part part, unsigned minute) {
	static const struct {
		const char *topic, *channel;
		int second;
	} parts[] = {
		[WHOLE] = { "plant/whole", "a", 0 },
		[PART_A] = { "plant/parts", "a", 0 },
		[PART_B] = { "plant/parts", "b", 0 },
		[SUM_1] = { "fine/sum", "x", 0 },
		[SUM_2] = { "fine/sum", "x", 1200 },
		[SUM_3] = { "fine/sum", "x", 2400 },
		[TARDY] = { "tardy/late", "y", 0 },
	};
	char text[128];
	int at = part >= SUM_1 ? held_at(minute) : PUPIL_BEGIN + 60 * (begin + (int)minute);
	int length = snprintf(text, sizeof(text), "{\"time\":%d,\"%s\":%.6f",
		at + parts[part].second, parts[part].channel, value_at(minute, part));

	if (part == WHOLE)
		length += snprintf(text + length, sizeof(text) - (size_t)length, ",\"b\":%.6f",
			value_at(minute, OWN));
	snprintf(text + length, sizeof(text) - (size_t)length, "}");
	publish_text(&peer, parts[part].topic, text);
}

/* A wave that passes one after the other. */
static double road_at(unsigned minute, unsigned member) {
	double noise = scatter(minute * 8 + member + 5000) % 1000 / 1000.0;

	return 50 + 10 * sin((minute - member) * 0.37) + 5 * sin((minute - member) * 0.11) + noise;
}

static void publish_road(unsigned minute) {
	char text[512];
	FILE *to = fmemopen(text, sizeof(text), "w");

	assert_non_null(to);
	for (unsigned member = 0; member < ROAD_MEMBERS; member++)
		fprintf(to, "%c{\"id\":\"road%u\",\"time\":%d,\"speed\":%.6f}", member ? ',' : '[',
			member, PUPIL_BEGIN + 60 * (begin + (int)minute), road_at(minute, member));
	fputc(']', to);
	assert_int_equal(fclose(to), 0);
	publish_text(&peer, "road", text);
}

/* Two messages of one minute belong to one detector, three readings to one period, the tardy sensor
 * tells of every other minute late, and one detector has weights of its own. */
static void publish_message(unsigned number) {
	unsigned minute = number / MESSAGES_PER_MINUTE;
	enum part part = number % MESSAGES_PER_MINUTE;

	if (part == OWN)
		pupil_publish("mine/own", begin + (int)minute);
	else if (part == ROAD)
		publish_road(minute);
	else
		publish_part(part, part == TARDY ? minute ^ 1 : minute);
}

static void publish_until(unsigned *next, unsigned end) {
	for (; *next < end; ++*next)
		publish_message(*next);
}

static int64_t begin_ms(void) {
	return INT64_C(1000) * (PUPIL_BEGIN + 60 * begin);
}

/* Everything that was published has been stored, once, and worked off; then a clean end. On a slow
 * machine the end may be too short to save every state, so there are two. */
static void await_all(struct process *fed, unsigned minutes) {
	char expected[64], sql[256];

	snprintf(expected, sizeof(expected), "%u|%u", minutes * READINGS_PER_MINUTE,
		minutes * FORECASTS_PER_MINUTE - FORECASTS_TO_COME);
	snprintf(sql, sizeof(sql),
		"SELECT (SELECT count(*) FROM reading WHERE time_ms >= %" PRId64 "),"
		" (SELECT count(*) FROM forecast WHERE issued_ms >= %" PRId64 ")",
		begin_ms(), begin_ms());
	process_await_query(fed, sql, expected);
	process_stop(fed);
	process_start(fed);
	process_stop(fed);
}

static int start(void **state) {
	(void)state;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(&undisturbed, &broker, CONFIG(PUPIL_LEARNING));
	process_create(&process, &broker, CONFIG(PUPIL_LEARNING));
	process_preload(&process, PRELOAD_SYSTEM);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	return 0;
}

static int finish(void **state) {
	process_finish(&undisturbed);
	return scene_close(state);
}

/* The nth of these calls in the life that begins now is its last. False: it is to be killed from
 * outside. */
static bool arm(void) {
	static const unsigned most[] = {
		[FAULT_WRITE] = 80, [FAULT_SYNC] = 8, [FAULT_SEND] = 40, [FAULT_OPEN] = 5
	};
	unsigned call = chance(FAULT_ALLOCATE + 1);

	if (call == FAULT_ALLOCATE)
		return false;
	fault_arm(process.fault, (enum fault_call)call, 1 + chance(most[call]), 1, FAULT_KILL, 0);
	return true;
}

/* The message that what has been committed ends before: nothing is there by halves, nor out of
 * turn. The first of each minute brings two readings, the last two those of all channels and of all
 * members, the others one. */
static unsigned first_missing(void) {
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM reading WHERE time_ms >= %" PRId64,
		begin_ms());
	unsigned count = (unsigned)process_query_number(&process, sql);
	unsigned minute = count / READINGS_PER_MINUTE, rest = count % READINGS_PER_MINUTE;

	assert_int_not_equal(rest, 1);
	if (rest == READINGS_PER_MINUTE - ROAD_MEMBERS)
		return minute * MESSAGES_PER_MINUTE + ROAD;
	assert_true(rest <= OWN + 1);
	return minute * MESSAGES_PER_MINUTE + (rest > 0 ? rest - 1 : 0);
}

/* Whether it comes to hear what is published before it dies. */
static bool comes_to_hear(void) {
	while (!is_subscribed(&peer, 50)) {
		if (process_poll(&process, 0) != PROCESS_RUNS)
			return false;
	}
	return true;
}

static void feed(unsigned *next, unsigned end) {
	for (unsigned left = chance(FEED_MAX); left > 0 && *next < end; left--)
		publish_message((*next)++);
}

/* One life: it is fed what comes next, and ends by the armed fault or else by a kill. */
static void live_and_die(unsigned *next, unsigned end) {
	bool armed = arm();

	process_spawn(&process);
	if (comes_to_hear())
		feed(next, end);
	if (process.pid > 0) {
		int status = process_poll(&process, armed ? LIFE_MS : chance(LIFE_MS));
		if (status != PROCESS_RUNS && status != -SIGKILL)
			fail_msg("ended by itself: %d", status);
	}
	fault_heal(process.fault);
	process_kill(&process);
	/* Nothing is sent again: what it has acknowledged and not stored waits in its inbox. */
	assert_true(first_missing() <= *next);
}

/* What all attempts leave behind, whenever one was cut short: what is in use is there, was the last to
 * be adopted or the one before, and no name was given twice. */
static void assert_learned_is_whole(void) {
	static const char *const sql =
		"SELECT (SELECT count(*) FROM meta WHERE key LIKE 'champion%'"
		"  AND value NOT IN (SELECT name FROM model) AND value <> 'base-2'),"
		" (SELECT count(*) FROM meta WHERE key LIKE 'champion%' AND value <>"
		"  (SELECT candidate FROM learning WHERE adopted"
		"   AND (model || candidate LIKE '%@own%') = (key = 'champion own') ORDER BY id "
		"DESC LIMIT "
		"1)),"
		" (SELECT count(*) - count(DISTINCT candidate) FROM learning"
		"  WHERE adopted AND subject <> 'live scores')";
	char *found = process_query(&process, sql);

	assert_string_equal(found, "0|0|0");
	free(found);
}

/* It is killed while it learns and commits what it has learned. */
static void what_is_learned_is_whole_after_kills(void **state) {
	static const char *const topics[] = { "plant/pupil", "mine/own", NULL };
	unsigned lives = 2 + kills / 10;
	int minute = 0;

	(void)state;
	for (unsigned i = 0; i < lives; i++) {
		process_start(&process);
		await_subscribed(&peer);
		pupil_feed_until(&process, topics, &minute, CHAMPIONS, "2");
		fault_arm(process.fault, FAULT_WRITE, 1 + chance(400), 1, FAULT_KILL, 0);
		pupil_publish_hour(topics, &minute);
		process_poll(&process, chance(LIFE_MS));
		fault_heal(process.fault);
		process_kill(&process);
		assert_learned_is_whole();
	}
	begin = minute;
}

/* Both from one database; what had been committed not yet is committed first. */
static void go_on_from_what_was_learned(void) {
	char command[512];

	process_start(&process);
	await_subscribed(&peer);
	process_stop(&process);
	process_configure(&process, &broker, CONFIG(NO_ATTEMPTS));
	process_configure(&undisturbed, &broker, CONFIG(NO_ATTEMPTS));
	snprintf(command, sizeof(command), "cp %s/xlstmd.db* %s", process.folder,
		undisturbed.folder);
	assert_int_equal(system(command), 0);
}

/* Forecasts are those of the shared weights that were learned and of the own ones, none of others. */
static void assert_learned_is_in_use(void) {
	char sql[512];

	snprintf(sql, sizeof(sql),
		"SELECT count(DISTINCT model), sum(model NOT IN"
		" (SELECT value FROM meta WHERE key LIKE 'champion%%')) FROM"
		" (SELECT json_extract(json, '$.model') AS model FROM forecast WHERE issued_ms >= "
		"%" PRId64 ")",
		begin_ms());
	char *found = process_query(&process, sql);
	assert_string_equal(found, "2|0");
	free(found);
}

static void nothing_differs_after_kills_at_any_moment(void **state) {
	static const struct {
		const char *what, *query;
	} tables[] = {
		/* clang-format off */
		{ "readings", OF_SERIES("time_ms, value", "reading") },
		{ "forecasts", OF_SERIES("issued_ms, json", "forecast") },
		{ "anomalies", OF_SERIES("time_ms, value, low, high, t.score", "anomaly") },
		{ "scores", OF_SERIES("lead, n, mae, rmse, bias, t.skill, coverage80, mase, pinball", "score") },
		{ "states", LEARNED },
		{ "neighbourhoods", "SELECT id, bytes FROM @.neighbourhood" },
		{ "neighbours", OF_SERIES("rank, neighbour, correlation", "neighbour") },
		{ "gains", OF_SERIES("lead, alone, together", "neighbour_gain") },
		{ "attempts to learn",
		  "SELECT model, candidate, subject, loss_before, loss_after FROM @.learning" },
		{ "weights", "SELECT name, parent, weights FROM @.model" },
		{ "weights in use", "SELECT key, value FROM @.meta WHERE key LIKE 'champion%'" },
		/* clang-format on */
	};
	unsigned minutes = (kills * FEED_MAX / 2 / MESSAGES_PER_MINUTE + 120) & ~1u;
	unsigned next = 0, end = minutes * MESSAGES_PER_MINUTE;

	(void)state;
	go_on_from_what_was_learned();
	process_start(&undisturbed);
	await_subscribed(&peer);
	publish_until(&next, end);
	await_all(&undisturbed, minutes);

	next = 0;
	process_start(&process);
	process_kill(&process);
	for (unsigned i = 0; i < kills; i++)
		live_and_die(&next, end);
	process_start(&process);
	await_subscribed(&peer);
	publish_until(&next, end);
	await_all(&process, minutes);

	bool differs = false;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		double rows = compare_rows(&process, &undisturbed, tables[i].query);

		print_message("%u kills, %u messages: %g differing %s\n", kills, end, rows,
			tables[i].what);
		differs |= rows != 0;
	}
	assert_false(differs);
	/* The comparison sees something. */
	assert_true(process_query_number(&process, "SELECT count(*) FROM anomaly") > 0);
	assert_true(process_query_number(&process, "SELECT count(*) FROM state") ==
		    (SANITIZED ? 5 : 6) + ROAD_MEMBERS);
	assert_true(process_query_number(&process, "SELECT count(*) FROM neighbour_gain") > 0);
	if (!SANITIZED)
		assert_learned_is_in_use();
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_learned_is_whole_after_kills),
		cmocka_unit_test(nothing_differs_after_kills_at_any_moment),
	};
	const struct CMUnitTest learned_nothing[] = {
		cmocka_unit_test(nothing_differs_after_kills_at_any_moment),
	};

	if (argc > 1)
		kills = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = (unsigned)strtoul(argv[2], NULL, 10);
	/* Learning takes minutes under sanitizers; test_learning does it there. */
	if (SANITIZED)
		return cmocka_run_group_tests(learned_nothing, start, finish);
	return cmocka_run_group_tests(tests, start, finish);
}
