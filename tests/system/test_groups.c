/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Groups, positions and candidates that change while the daemon runs: the configuration is reloaded, and who
 * sees whom follows, while each detector goes on with what it has learned.
 */

/* Detectors of the road and of a side street; minutes before neighbours are chosen again for certain. */
#define ROAD    6
#define STREET  3
#define MINUTES 100

#define BEGIN 1700000040

#define ROAD_SOURCE                                                                                \
	"[source road]\ntopic = road\nformat = json\ndetector = {id}\nstep = 60s\nhorizon = 4\n"   \
	"group = road\n"
#define STREET_SOURCE                                                                              \
	"[source street]\ntopic = street\nformat = json\ndetector = {id}\nstep = 60s\nhorizon = "  \
	"4\n"
#define NO_NETWORK "[store]\nstate_interval = 200ms\n[forecast]\nmodel = none\n"

static unsigned minute;

/* A wave that passes one detector a minute; the street sees it last. */
static double value_at(unsigned at, unsigned member) {
	unsigned noise = (at * 16 + member) * 2654435761u >> 16;

	return 50 + 10 * sin((at - member) * 0.37) + 5 * sin((at - member) * 0.11) +
	       noise % 1000 / 500.0;
}

static void publish(const char *topic, const char *name, unsigned first, unsigned count) {
	char text[1024];
	FILE *to = fmemopen(text, sizeof(text), "w");

	assert_non_null(to);
	for (unsigned i = 0; i < count; i++)
		fprintf(to, "%c{\"id\":\"%s%u\",\"time\":%u,\"speed\":%.6f}", i ? ',' : '[', name,
			i, BEGIN + 60 * minute, value_at(minute, first + i));
	fputc(']', to);
	assert_int_equal(fclose(to), 0);
	publish_text(&peer, topic, text);
}

/* So many minutes, until everything is forecast and saved. */
static void feed(unsigned minutes) {
	char expected[32];

	for (unsigned end = minute + minutes; minute < end; minute++) {
		publish("road", "r", 0, ROAD);
		publish("street", "s", ROAD, STREET);
	}
	snprintf(expected, sizeof(expected), "%u", minute * (ROAD + STREET));
	process_await_query(&process, "SELECT count(*) FROM forecast", expected);
	/* Saved since: nothing waits. */
	process_await_query(&process,
		"SELECT count(*) FROM pending WHERE sequence>(SELECT max(sequence) FROM state)",
		"0");
}

static void write_file(const char *name, const char *text) {
	FILE *file = fopen(process_file(&process, name), "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void reload(const char *lines) {
	process_configure(&process, &broker, lines);
	process_signal(&process, SIGHUP);
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
}

/* [group road] with the files that are named. */
static const char *road_group(const char *adjacency, const char *positions) {
	static char text[1024];

	snprintf(text, sizeof(text),
		NO_NETWORK ROAD_SOURCE STREET_SOURCE
		"%s[group road]\nadjacency = %s\npositions = %s\n",
		"", adjacency ? process_file(&process, adjacency) : "",
		positions ? process_file(&process, positions) : "");
	return text;
}

/* The neighbours of a series, the closest first. */
static void assert_neighbours(const char *series, const char *expected) {
	char query[256];

	snprintf(query, sizeof(query),
		"SELECT coalesce(group_concat(neighbour, ' '), '') FROM (SELECT * FROM neighbours"
		" WHERE series='%s' ORDER BY rank)",
		series);
	process_await_query(&process, query, expected);
}

static int start(void **state) {
	(void)state;
	scene_open(NO_NETWORK ROAD_SOURCE STREET_SOURCE);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	write_file("first.csv", "from,to,weight\nr3/x,r4,1\nr5,r1,0.5\nr4,r4,1\n");
	write_file("second.csv", "from,to,weight\nr5,r2,1\n");
	process_configure(&process, &broker, road_group("first.csv", NULL));
	process_start(&process);
	await_subscribed(&peer);
	return 0;
}

static void a_file_says_who_may_see_whom(void **state) {
	(void)state;
	feed(MINUTES);
	assert_neighbours("r5/speed", "r1/speed");
	assert_neighbours("r4/speed", "");
	assert_int_equal(process_query_number(&process,
				 "SELECT count(*) FROM neighbours WHERE series LIKE 's%'"),
		0);
}

static void another_file_says_otherwise_after_a_reload(void **state) {
	(void)state;
	reload(road_group("second.csv", NULL));
	feed(MINUTES);
	assert_neighbours("r5/speed", "r2/speed");
	assert_true(process_query_number(&process,
			    "SELECT count(*) FROM neighbours WHERE series='r4/speed'") > 0);
}

static void a_faulty_file_changes_nothing(void **state) {
	(void)state;
	write_file("faulty.csv", "from,to,weight\nr5,r4,much\n");
	reload(road_group("faulty.csv", NULL));
	assert_true(process_logged(&process, "faulty.csv:2: column 3 (weight): found \"much\""));
	feed(MINUTES);
	assert_neighbours("r5/speed", "r2/speed");
}

/* What the street's detectors have learned goes with them. */
static void a_source_joins_a_group_and_leaves_it(void **state) {
	(void)state;
	double seen = process_query_number(&process,
		"SELECT max(json_extract(json,'$.seen')) FROM forecast JOIN series s"
		" ON s.id=series WHERE s.name='s0/speed'");

	reload(NO_NETWORK ROAD_SOURCE STREET_SOURCE "group = road\n");
	feed(MINUTES);
	assert_true(process_query_number(&process,
			    "SELECT count(*) FROM neighbours WHERE series LIKE 's%'") > 0);
	assert_true(process_query_number(&process,
			    "SELECT count(*) FROM neighbour_gains WHERE series LIKE 's%'") > 0);
	assert_true(
		process_query_number(&process,
			"SELECT json_extract(json,'$.seen') FROM forecast JOIN series s ON"
			" s.id=series WHERE s.name='s0/speed' ORDER BY issued_ms DESC LIMIT 1") ==
		seen + MINUTES);
	assert_true(process_query_number(&process,
			    "SELECT count(*) FROM detector WHERE [group]='road'") == ROAD + STREET);

	reload(NO_NETWORK ROAD_SOURCE STREET_SOURCE);
	feed(MINUTES);
	assert_int_equal(process_query_number(&process,
				 "SELECT count(*) FROM neighbours WHERE series LIKE 's%'"
				 " OR neighbour LIKE 's%'"),
		0);
	assert_int_equal(process_query_number(&process,
				 "SELECT count(*) FROM neighbour_gains WHERE series LIKE 's%'"),
		0);
	assert_true(process_query_number(&process,
			    "SELECT count(*) FROM neighbour_gains WHERE series LIKE 'r%'") > 0);
}

/* Distances are those of the file: kilometres apart on a line. */
static void positions_come_with_a_reload(void **state) {
	char text[512];
	int length = snprintf(text, sizeof(text), "detector,x,y\n");

	(void)state;
	for (unsigned i = 0; i < ROAD; i++)
		length += snprintf(
			text + length, sizeof(text) - (size_t)length, "r%u,%u,0\n", i, 1000 * i);
	write_file("line.csv", text);
	reload(road_group(NULL, "line.csv"));
	feed(MINUTES);
	assert_true(process_query_number(&process,
			    "SELECT count(*) FROM neighbours WHERE series='r5/speed'"
			    " AND neighbour='r4/speed' AND distance_m=1000") == 1);
}

/* All of it was saved when it changed. */
static void a_kill_after_a_reload_loses_nothing(void **state) {
	(void)state;
	reload(road_group("first.csv", "line.csv"));
	feed(1);
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	assert_false(process_logged(&process, "can't be used"));
	feed(MINUTES);
	assert_neighbours("r5/speed", "r1/speed");
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_says_who_may_see_whom),
		cmocka_unit_test(another_file_says_otherwise_after_a_reload),
		cmocka_unit_test(a_faulty_file_changes_nothing),
		cmocka_unit_test(a_source_joins_a_group_and_leaves_it),
		cmocka_unit_test(positions_come_with_a_reload),
		cmocka_unit_test(a_kill_after_a_reload_loses_nothing),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
