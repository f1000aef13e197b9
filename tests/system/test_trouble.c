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

/* The world around the daemon fails: broker away, process killed, passwords wrong. */

/* With the network, whose state has to survive as well. */
#define CONFIG                                                                                     \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"

/* Whole minutes, so that the clock's grid begins with the first. */
#define BEGIN 1700000040

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	peer_subscribe(&peer, "xlstm/#", 1);
	return 0;
}

static void publish_minute(const char *detector, int minute) {
	char topic[64], text[128];

	snprintf(topic, sizeof(topic), "plant/%s", detector);
	snprintf(text, sizeof(text), "{\"time\":%d,\"a\":%d,\"b\":%g}", BEGIN + 60 * minute,
		minute * minute % 17, 0.5 * (minute % 5));
	publish_text(&peer, topic, text);
}

static void await_readings(int count) {
	char expected[32];

	snprintf(expected, sizeof(expected), "%d", count);
	process_await_query(&process, "SELECT count(*) FROM reading", expected);
}

/* Forecasts of a detector as the database has them: issue and bytes. */
static char *forecasts(const char *detector) {
	char sql[256];

	snprintf(sql, sizeof(sql),
		"SELECT s.channel, f.issued_ms, f.json FROM forecast f JOIN series s ON"
		" s.id=f.series WHERE s.name LIKE '%s/%%' ORDER BY 1, 2",
		detector);
	return process_query(&process, sql);
}

/* The text with every occurrence of one name replaced by another of the same length. */
static void rename_in(char *text, const char *from, const char *to) {
	for (char *at = text; (at = strstr(at, from)) != NULL; at += strlen(to))
		memcpy(at, to, strlen(to));
}

/* One detector lives through kills, the other one is fed the same without any; neither a reading
 * nor a forecast differs. */
static void after_a_kill_it_goes_on_as_if_nothing_had_happened(void **state) {
	(void)state;
	process_start(&process);
	await_subscribed(&peer);
	for (int minute = 0; minute < 30; minute++) {
		publish_minute("killed", minute);
		/* Once before any state has been saved, once after. */
		if (minute % 10 == 9) {
			await_readings(2 * (minute + 1));
			if (minute == 19)
				process_await_query(&process, "SELECT count(*) FROM state", "1");
			process_kill(&process);
			process_start(&process);
			await_subscribed(&peer);
		}
	}
	for (int minute = 0; minute < 30; minute++)
		publish_minute("spared", minute);
	await_readings(120);
	process_await_query(&process, "SELECT count(*) FROM forecast", "120");

	char *killed = forecasts("killed"), *spared = forecasts("spared");
	rename_in(killed, "killed", "spared");
	assert_string_equal(killed, spared);
	free(killed);
	free(spared);
	process_stop(&process);
}

static void killed_before_any_state_was_saved_it_starts_from_readings(void **state) {
	(void)state;
	process_configure(&process, &broker, "[store]\nstate_interval = 1d\n" CONFIG);
	process_start(&process);
	await_subscribed(&peer);
	publish_minute("young", 0);
	publish_minute("young", 1);
	process_await_query(&process,
		"SELECT count(*) FROM forecast f JOIN series s ON s.id=f.series"
		" WHERE s.name LIKE 'young/%'",
		"4");
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	publish_minute("young", 2);
	json_t *forecast = await_json(&peer, "xlstm/forecast/young/a");
	while (json_number_at(forecast, "seen") < 3) {
		json_decref(forecast);
		forecast = await_json(&peer, "xlstm/forecast/young/a");
	}
	assert_true(json_number_at(forecast, "seen") == 3);
	json_decref(forecast);
	process_stop(&process);
}

static void other_options_rebuild_from_readings(void **state) {
	(void)state;
	process_configure(&process, &broker,
		"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = "
		"9\n");
	process_start(&process);
	assert_true(process_logged(&process, "is rebuilt from readings"));
	await_subscribed(&peer);
	publish_minute("spared", 30);
	json_t *forecast = await_json(&peer, "xlstm/forecast/spared/a");
	assert_true(json_number_at(forecast, "horizon") == 9);
	assert_true(json_number_at(forecast, "seen") == 31);
	json_decref(forecast);
	process_stop(&process);
	process_configure(&process, &broker, CONFIG);
}

static void a_broker_that_is_away_is_waited_for(void **state) {
	(void)state;
	peer_disconnect(&peer);
	broker_stop(&broker);
	process_start(&process);
	assert_true(process_await(&process, "broker away", PATIENCE_MS));
	broker_restart(&broker);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/#", 1);
	await_subscribed(&peer);
}

static void a_broker_that_goes_comes_back(void **state) {
	(void)state;
	peer_disconnect(&peer);
	broker_kill(&broker);
	assert_true(process_await(&process, "broker away", PATIENCE_MS));
	broker_restart(&broker);
	peer_connect(&peer, broker.port);
	peer_subscribe(&peer, "xlstm/#", 1);
	await_subscribed(&peer);
	publish_minute("spared", 31);
	json_t *forecast = await_json(&peer, "xlstm/forecast/spared/a");
	assert_true(json_number_at(forecast, "seen") == 32);
	json_decref(forecast);
}

static void a_reader_is_never_in_the_way_nor_we_in_his(void **state) {
	char command[256];

	(void)state;
	/* Somebody holds a read transaction open for as long as this pipe. */
	snprintf(command, sizeof(command), "sqlite3 -readonly %s >/dev/null",
		process_file(&process, "xlstmd.db"));
	FILE *reader = popen(command, "we");
	assert_non_null(reader);
	fputs("BEGIN; SELECT count(*) FROM reading;\n", reader);
	fflush(reader);
	for (int minute = 32; minute < 40; minute++)
		publish_minute("spared", minute);
	process_await_query(&process,
		"SELECT count(*) FROM reading r JOIN series s ON s.id=r.series"
		" WHERE s.name='spared/a'",
		"40");
	assert_int_equal(pclose(reader), 0);
	process_stop(&process);
}

#define FAST "[source fast]\ntopic = fast/{detector}/{channel}\nstep = 1s\nhorizon = 2\n"

static void start_with(const char *configuration) {
	process_configure(&process, &broker, configuration);
	process_start(&process);
}

/* The next forecast of a fast sensor, whose status must be this; when it was made. */
static double await_status(const char *topic, const char *expected) {
	json_t *forecast = await_json(&peer, topic);
	double issued = json_number_at(forecast, "issued");

	assert_string_equal(json_string_value(json_object_get(forecast, "status")), expected);
	json_decref(forecast);
	return issued;
}

static void a_silent_sensor_is_told_to_be_stale_once(void **state) {
	(void)state;
	start_with("[forecast]\nstale_after = 2\n" FAST);
	await_subscribed(&peer);
	publish_text(&peer, "fast/f/x", "1");
	await_status("xlstm/forecast/f/x", "warming");
	await_status("xlstm/forecast/f/x", "stale");
	publish_text(&peer, "fast/f/x", "2");
	await_status("xlstm/forecast/f/x", "warming");
	process_stop(&process);
}

/* It has said something before, and nothing since: what is told is what was published then. On a slow machine it is
 * told before a question would be answered. */
static void a_sensor_that_falls_silent_over_a_restart_is_told_to_be_stale(void **state) {
	(void)state;
	start_with("[forecast]\nstale_after = 100000\n" FAST);
	await_subscribed(&peer);
	publish_text(&peer, "fast/g/x", "3");
	double issued = await_status("xlstm/forecast/g/x", "warming");
	process_stop(&process);
	start_with("[forecast]\nstale_after = 2\n" FAST);
	assert_true(await_status("xlstm/forecast/g/x", "stale") == issued);
	process_kill(&process);
	start_with("[forecast]\nstale_after = 2\n" FAST);
	assert_true(await_status("xlstm/forecast/g/x", "stale") == issued);
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_kill_it_goes_on_as_if_nothing_had_happened),
		cmocka_unit_test(killed_before_any_state_was_saved_it_starts_from_readings),
		cmocka_unit_test(other_options_rebuild_from_readings),
		cmocka_unit_test(a_broker_that_is_away_is_waited_for),
		cmocka_unit_test(a_broker_that_goes_comes_back),
		cmocka_unit_test(a_reader_is_never_in_the_way_nor_we_in_his),
		cmocka_unit_test(a_silent_sensor_is_told_to_be_stale_once),
		cmocka_unit_test(a_sensor_that_falls_silent_over_a_restart_is_told_to_be_stale),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
