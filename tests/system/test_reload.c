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

/* Sources that come, go and change while the daemon runs: SIGHUP. */

#define CHANGES             "changes = on\n[store]\nstate_interval = 1d\n"
#define PLANT(topic, lines) "[source plant]\ntopic = " topic "\nformat = json\nstep = 60s\n" lines

#define BEGIN 1700000040

static int start(void **state) {
	(void)state;
	scene_open(CHANGES PLANT("plant/{detector}", "horizon = 4\n"));
	peer_subscribe(&peer, "xlstm/forecast/#", 0);
	peer_subscribe(&peer, "xlstm/main/#", 0);
	process_start(&process);
	await_subscribed(&peer);
	return 0;
}

/* Returns once it is done, and the broker has heard of it. */
static void reload(const char *lines) {
	process_configure(&process, &broker, lines);
	process_signal(&process, SIGHUP);
	assert_true(process_await(&process, "READY=1", PATIENCE_MS));
	await_subscribed(&peer);
}

static void publish_minute(const char *topic, int minute, const char *channel, double value) {
	char text[128];

	snprintf(
		text, sizeof(text), "{\"time\":%d,\"%s\":%g}", BEGIN + 60 * minute, channel, value);
	publish_text(&peer, topic, text);
}

/* The next forecast there; how many readings it has seen. */
static double await_seen(const char *topic, int minute) {
	json_t *forecast = await_json(&peer, topic);
	double seen = json_number_at(forecast, "seen");

	assert_true(json_number_at(forecast, "issued") == BEGIN + 60 * minute);
	json_decref(forecast);
	return seen;
}

static double horizon_of(const char *topic) {
	json_t *forecast = await_json(&peer, topic);
	double horizon = json_number_at(forecast, "horizon");

	json_decref(forecast);
	return horizon;
}

/* Messages that the daemon has received. What was published before has come when a ping is answered. */
static double messages(void) {
	await_subscribed(&peer);
	while (peer_next(&peer, 0))
		continue;
	json_t *stats = await_json(&peer, "xlstm/main/stats");
	double count = json_number_at(stats, "messages");

	json_decref(stats);
	return count;
}

static void a_source_that_comes_is_heard(void **state) {
	(void)state;
	publish_minute("plant/a", 0, "x", 1);
	assert_true(await_seen("xlstm/forecast/a/x", 0) == 1);
	publish_minute("yard/b", 0, "x", 1);
	assert_true(messages() == 1);
	reload(CHANGES "[source yard]\ntopic = yard/{detector}\nhorizon = 3\n" PLANT(
		"plant/{detector}", "horizon = 4\n"));
	publish_minute("yard/b", 1, "x", 1);
	assert_true(horizon_of("xlstm/forecast/b/x") == 3);
	publish_minute("plant/a", 1, "x", 2);
	assert_true(await_seen("xlstm/forecast/a/x", 1) == 2);
}

/* Its detectors are saved at the end; when it comes back they go on. */
static void a_source_that_goes_is_heard_no_more_and_may_come_back(void **state) {
	(void)state;
	double before = messages();
	reload(CHANGES "[source yard]\ntopic = yard/{detector}\nhorizon = 3\n");
	publish_minute("plant/a", 2, "x", 3);
	publish_minute("yard/b", 2, "x", 3);
	assert_true(await_seen("xlstm/forecast/b/x", 2) == 2);
	assert_true(messages() == before + 1);
	reload(CHANGES PLANT("plant/{detector}", "horizon = 4\n"));
	publish_minute("plant/a", 3, "x", 4);
	assert_true(await_seen("xlstm/forecast/a/x", 3) == 3);
	reload(CHANGES);
	process_stop(&process);
	process_await_query(&process, "SELECT count(*) FROM state", "2");
	process_configure(&process, &broker, CHANGES PLANT("plant/{detector}", "horizon = 4\n"));
	process_start(&process);
	await_subscribed(&peer);
	publish_minute("plant/a", 4, "x", 5);
	assert_true(await_seen("xlstm/forecast/a/x", 4) == 4);
}

static void a_source_that_changes_is_read_otherwise(void **state) {
	(void)state;
	reload(CHANGES PLANT("works/{detector}",
		"channels = x = y\nrange = 0, 10\nhorizon = 9\nlateness = 2m\n"));
	assert_true(process_logged(
		&process, "need a restart: [source plant] horizon, [source plant] lateness"));
	double before = messages();
	publish_minute("plant/a", 5, "y", 6);
	assert_true(messages() == before);
	publish_minute("works/a", 5, "y", 6);
	assert_true(await_seen("xlstm/forecast/a/x", 5) == 5);
	/* Out of the range that it has now. */
	publish_minute("works/a", 6, "y", 11);
	json_t *forecast = await_json(&peer, "xlstm/forecast/a/x");
	assert_true(json_number_at(forecast, "horizon") == 4);
	assert_true(json_number_at(forecast, "anomaly") > 1);
	assert_true(json_is_null(json_object_get(forecast, "observed")));
	json_decref(forecast);
}

static void a_mistake_in_a_source_changes_none(void **state) {
	(void)state;
	double before = messages();
	reload(CHANGES "[source yard]\ntopic = yard/{detector}\n" PLANT(
		"plant/{detector}", "qos = 9\nhorizon = 4\n"));
	assert_true(process_logged(&process, "qos: found \"9\""));
	publish_minute("plant/a", 7, "x", 6);
	publish_minute("yard/b", 7, "x", 6);
	assert_true(messages() == before);
	publish_minute("works/a", 7, "y", 6);
	assert_true(await_seen("xlstm/forecast/a/x", 7) == 6);
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_that_comes_is_heard),
		cmocka_unit_test(a_source_that_goes_is_heard_no_more_and_may_come_back),
		cmocka_unit_test(a_source_that_changes_is_read_otherwise),
		cmocka_unit_test(a_mistake_in_a_source_changes_none),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
