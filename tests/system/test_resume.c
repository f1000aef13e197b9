/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

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
 * Exact resumption. One daemon is fed through a broker without any disturbance; a second one is fed
 * the same, each message once and in a session that the broker keeps, and killed again and again, at
 * random moments and in the middle of a write, a sync, a file's opening or a packet to the broker.
 * Afterwards not a bit of what they have stored and learned may differ.
 *
 *   test_resume [KILLS [SEED]]
 */

/* With the network; states are saved often, so that kills meet every phase of it. */
#define CONFIG                                                                                     \
	"[mqtt]\nsession_expiry = 1h\n[store]\ndurability = full\nstate_interval = 300ms\n"        \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"       \
	"[source fine]\ntopic = fine/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"         \
	"aggregate = sum\n"                                                                        \
	"[source tardy]\ntopic = tardy/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"       \
	"lateness = 3m\n"                                                                          \
	"[source road]\ntopic = road\nformat = json\ndetector = {id}\nstep = 60s\nhorizon = 4\n"   \
	"group = road\n"

/* Whole minutes, so that every clock's grid begins with the first. */
#define BEGIN 1700000040

/* Messages of one minute, and the readings in them. The last message brings those of a whole group, so
 * that it does not depend on the time who steps with whom. */
#define MESSAGES_PER_MINUTE 8
#define ROAD_MESSAGE        7
#define ROAD_MEMBERS        6
#define READINGS_PER_MINUTE (8 + ROAD_MEMBERS)

/* A sum is forecast once its minute is over, the tardy sensor three minutes after that. */
#define FORECASTS_PER_MINUTE (6 + ROAD_MEMBERS)
#define FORECASTS_TO_COME    5

/* Messages that one life of the daemon is fed. */
#define FEED_MAX 40

/* A life lasts no longer than this after it has been fed, milliseconds. */
#define LIFE_MS 1500

static unsigned kills = 20, seed = 1;
static struct process undisturbed;

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

/* Two messages of one minute belong to one detector, three readings to one period, and the tardy
 * sensor tells of every other minute late. */
static void publish_part(unsigned minute, unsigned part) {
	static const struct {
		const char *topic, *channel;
		int second;
	} parts[ROAD_MESSAGE] = {
		{"plant/whole",  "a", 0 },
		{ "plant/parts", "a", 0 },
		{ "plant/parts", "b", 0 },
		{ "fine/sum",    "x", 0 },
		{ "fine/sum",    "x", 20},
		{ "fine/sum",    "x", 40},
		{ "tardy/late",  "y", 0 },
	};
	char text[128];

	/* Pairs of the last one's minutes change places. */
	unsigned at = part == ROAD_MESSAGE - 1 ? minute ^ 1 : minute;
	int length = snprintf(text, sizeof(text), "{\"time\":%d,\"%s\":%.6f",
		(int)(BEGIN + 60 * at) + parts[part].second, parts[part].channel,
		value_at(at, part));
	if (part == 0)
		length += snprintf(text + length, sizeof(text) - (size_t)length, ",\"b\":%.6f",
			value_at(at, 7));
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
			member, (int)(BEGIN + 60 * minute), road_at(minute, member));
	fputc(']', to);
	assert_int_equal(fclose(to), 0);
	publish_text(&peer, "road", text);
}

static void publish_message(unsigned number) {
	unsigned minute = number / MESSAGES_PER_MINUTE, part = number % MESSAGES_PER_MINUTE;

	if (part == ROAD_MESSAGE)
		publish_road(minute);
	else
		publish_part(minute, part);
}

static void publish_until(unsigned *next, unsigned end) {
	for (; *next < end; ++*next)
		publish_message(*next);
}

/* Everything that was published has been stored, once, and worked off; then a clean end. On a slow
 * machine the end may be too short to save every state, so there are two. */
static void await_all(struct process *fed, unsigned minutes) {
	char expected[64];

	snprintf(expected, sizeof(expected), "%u|%u", minutes * READINGS_PER_MINUTE,
		minutes * FORECASTS_PER_MINUTE - FORECASTS_TO_COME);
	process_await_query(fed,
		"SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM forecast)", expected);
	process_stop(fed);
	process_start(fed);
	process_stop(fed);
}

static int start(void **state) {
	(void)state;
	system_broker(&broker, &(struct broker_options){ .lines = "max_queued_messages 100000" });
	process_create(&undisturbed, &broker, CONFIG);
	process_create(&process, &broker, CONFIG);
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
 * turn. The first of each minute brings two readings, the last those of a group, the others one. */
static unsigned first_missing(void) {
	unsigned count = (unsigned)process_query_number(&process, "SELECT count(*) FROM reading");
	unsigned minute = count / READINGS_PER_MINUTE, rest = count % READINGS_PER_MINUTE;

	assert_int_not_equal(rest, 1);
	assert_true(rest <= ROAD_MESSAGE + 1);
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

/* The query over the tables of one database, which `@` stands for. */
static void print_query(FILE *to, const char *query, const char *database) {
	for (; *query; query++) {
		if (*query == '@')
			fputs(database, to);
		else
			fputc(*query, to);
	}
}

/* Rows that are in one of two databases and not in the other. */
static double difference(const char *query) {
	char sql[3072];
	FILE *to = fmemopen(sql, sizeof(sql), "w");

	assert_non_null(to);
	fprintf(to, "ATTACH '%s' AS other; SELECT (SELECT count(*) FROM (",
		process_file(&undisturbed, "xlstmd.db"));
	print_query(to, query, "main");
	fputs(" EXCEPT ", to);
	print_query(to, query, "other");
	fputs(")) + (SELECT count(*) FROM (", to);
	print_query(to, query, "other");
	fputs(" EXCEPT ", to);
	print_query(to, query, "main");
	fputs("))", to);
	assert_int_equal(fclose(to), 0);
	return process_query_number(&process, sql);
}

#define OF_SERIES(columns, table)                                                                  \
	"SELECT s.name, " columns " FROM @." table " t JOIN @.series s ON s.id = t.series"

/* A digit of the hexadecimal text of a state. */
#define DIGIT(at) "(instr('0123456789ABCDEF', substr(hex(bytes), " #at ", 1)) - 1)"

/* A state begins with a header of 268 bytes, the length of its clock at 8, and its clock, which
 * remembers when it heard last; what follows has been learned. */
#define CLOCK_BYTES "16 * " DIGIT(17) " + " DIGIT(18) " + 4096 * " DIGIT(19) " + 256 * " DIGIT(20)
#define LEARNED                                                                                    \
	"SELECT d.name, layout, substr(bytes, 269 + " CLOCK_BYTES ")"                              \
	" FROM @.state t JOIN @.detector d ON d.id = t.detector"

static void nothing_differs_after_kills_at_any_moment(void **state) {
	static const struct {
		const char *what, *query;
	} tables[] = {
		{"readings",			       OF_SERIES("time_ms, value",                     "reading") },
		{ "forecasts",                             OF_SERIES("issued_ms, json",                    "forecast")},
		{ "anomalies",                             OF_SERIES("time_ms, value, low, high, t.score", "anomaly") },
		{ "scores",
                 OF_SERIES("lead, n, mae, rmse, bias, t.skill, coverage80, mase, pinball",
                 "score")											     },
		{ "states",				LEARNED				       },
		{ "neighbourhoods", "SELECT id, bytes FROM @.neighbourhood"                                             },
		{ "neighbours",                            OF_SERIES("rank, neighbour, correlation",                                                                         "neighbour")           },
		{ "gains",                       OF_SERIES("lead, alone, together",								    "neighbour_gain")},
	};
	unsigned minutes = (kills * FEED_MAX / 2 / MESSAGES_PER_MINUTE + 120) & ~1u;
	unsigned next = 0, end = minutes * MESSAGES_PER_MINUTE;

	(void)state;
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
		double rows = difference(tables[i].query);

		print_message("%u kills, %u messages: %g differing %s\n", kills, end, rows,
			tables[i].what);
		differs |= rows != 0;
	}
	assert_false(differs);
	/* The comparison sees something. */
	assert_true(process_query_number(&process, "SELECT count(*) FROM anomaly") > 0);
	assert_true(
		process_query_number(&process, "SELECT count(*) FROM state") == 4 + ROAD_MEMBERS);
	assert_true(process_query_number(&process, "SELECT count(*) FROM neighbour_gain") > 0);
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_differs_after_kills_at_any_moment),
	};

	if (argc > 1)
		kills = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = (unsigned)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, start, finish);
}
