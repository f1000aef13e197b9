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

#include <cmocka.h>

/* From a reading to its forecast, over the wire and in the database, and across a clean stop. */

#define CONFIG                                                                                     \
	"[source plant]\ntopic = plant/{detector}/{channel}\nstep = 60s\nhorizon = 4\n"            \
	"[source traffic]\ntopic = traffic/{detector}\nformat = json\nstep = 60s\n"                \
	"channels = speed, volume\n"

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	process_start(&process);
	peer_subscribe(&peer, "xlstm/#", 1);
	return 0;
}

/* Minutes of the year 2023. */
static void publish_row(int minute, double speed, const char *volume) {
	char text[128];

	snprintf(text, sizeof(text), "{\"time\":%d,\"speed\":%g,\"volume\":%s,\"other\":1}",
		1700000000 / 60 * 60 + 60 * minute, speed, volume);
	publish_text(&peer, "traffic/r1", text);
}

static void a_reading_brings_a_forecast_at_once(void **state) {
	(void)state;
	await_subscribed(&peer);
	publish_number(&peer, "plant/pump7/pressure", 4.25);

	json_t *forecast = await_json(&peer, "xlstm/forecast/pump7/pressure");
	assert_string_equal(
		json_string_value(json_object_get(forecast, "series")), "pump7/pressure");
	assert_string_equal(json_string_value(json_object_get(forecast, "status")), "warming");
	assert_true(json_number_at(forecast, "observed") == 4.25);
	assert_true(json_number_at(forecast, "horizon") == 4);
	assert_true(json_number_at(forecast, "step") == 60);
	assert_int_equal(json_array_size(json_object_get(forecast, "mean")), 4);
	json_t *quantiles = json_object_get(forecast, "quantiles");
	assert_int_equal(json_object_size(quantiles), 9);
	assert_int_equal(json_array_size(json_object_get(quantiles, "0.9")), 4);
	json_decref(forecast);
}

static void reading_and_forecast_are_in_the_database(void **state) {
	(void)state;
	process_await_query(&process,
		"SELECT s.name, r.value FROM reading r JOIN series s ON s.id=r.series",
		"pump7/pressure|4.25");
	process_await_query(&process,
		"SELECT count(*), min(lead), max(lead) FROM forecast_latest"
		" WHERE series='pump7/pressure'",
		"4|1|4");
}

static void what_is_stored_is_what_was_published(void **state) {
	(void)state;
	publish_row(0, 61.5, "12");
	const struct peer_message *message = peer_next(&peer, PATIENCE_MS);
	while (message && strcmp(message->topic, "xlstm/forecast/r1/speed") != 0)
		message = peer_next(&peer, PATIENCE_MS);
	assert_non_null(message);
	assert_true(message->retained == false);
	char *published = strdup(message->payload);

	process_await_query(&process,
		"SELECT json FROM forecast f JOIN series s ON s.id=f.series"
		" WHERE s.name='r1/speed'",
		published);
	free(published);
}

static void fields_that_are_no_channels_make_no_series(void **state) {
	(void)state;
	process_await_query(&process,
		"SELECT group_concat(name,' ') FROM (SELECT name FROM series"
		" WHERE name LIKE 'r1/%' ORDER BY name)",
		"r1/speed r1/volume");
}

static void the_forecast_is_kept_for_those_who_come_later(void **state) {
	static struct peer late;

	(void)state;
	peer_connect(&late, broker.port);
	peer_subscribe(&late, "xlstm/forecast/pump7/pressure", 0);
	const struct peer_message *message = peer_next(&late, PATIENCE_MS);
	assert_non_null(message);
	assert_true(message->retained);
	/* Worth reading until its last step: four minutes. */
	assert_in_range(message->expiry_s, 200, 240);
	peer_disconnect(&late);
}

static void refusals_are_counted_by_name(void **state) {
	(void)state;
	publish_row(0, 61.5, "12");
	publish_row(-30, 61.5, "12");
	publish_text(&peer, "plant/pump7/pressure", "{\"a\":");
	publish_text(&peer, "traffic/r1", "\"\xff\"");

	json_decref(await_stats(&peer, "refused.duplicate", 2));
	json_decref(await_stats(&peer, "refused.late", 2));
	json_decref(await_stats(&peer, "refused.syntax", 1));
	json_decref(await_stats(&peer, "refused.not_utf8", 1));
}

static void a_missing_value_is_a_reading_without_one(void **state) {
	(void)state;
	publish_row(1, 60, "null");
	json_t *forecast = await_json(&peer, "xlstm/forecast/r1/volume");
	assert_true(json_is_null(json_object_get(forecast, "observed")));
	json_decref(forecast);
	process_await_query(&process,
		"SELECT count(*) FROM reading r JOIN series s ON s.id=r.series"
		" WHERE s.name='r1/volume' AND value IS NULL",
		"1");
}

static json_t *ask(const char *verb, const char *request) {
	char topic[64];

	snprintf(topic, sizeof(topic), "xlstm/main/request/%s", verb);
	publish_text(&peer, topic, request);
	snprintf(topic, sizeof(topic), "xlstm/main/response/%s", verb);
	return await_json(&peer, topic);
}

static void assert_answer(const char *verb, const char *request, const char *status) {
	json_t *answer = ask(verb, request);

	assert_string_equal(json_string_value(json_object_get(answer, "status")), status);
	json_decref(answer);
}

static void questions_are_answered(void **state) {
	(void)state;
	assert_answer("ping", "", "ok");
	assert_answer("status", "{}", "ok");
	assert_answer("stats", "", "ok");
	assert_answer("forecast", "{\"series\":\"nobody/nothing\"}", "error");
	assert_answer("forecast", "[]", "error");
	assert_answer("dance", "", "error");
	assert_answer("series", "{\"from\":0}", "error");

	json_t *answer = ask("forecast", "{\"series\":\"r1/speed\",\"transaction\":[7]}");
	assert_true(json_number_at(json_object_get(answer, "data"), "observed") == 60);
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(answer, "transaction"), 0)), 7);
	json_decref(answer);

	answer = ask("series", "");
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(answer, "data"), "series")), 3);
	json_decref(answer);
}

static void an_answer_goes_where_the_asker_wants_it(void **state) {
	static struct peer asker;

	(void)state;
	peer_connect(&asker, broker.port);
	peer_subscribe(&asker, "my/answers", 1);
	peer_request(&asker, "xlstm/main/request/ping", "", "my/answers", "number 5");
	const struct peer_message *message = peer_next(&asker, PATIENCE_MS);
	assert_non_null(message);
	assert_string_equal(message->topic, "my/answers");
	assert_string_equal(message->correlation, "number 5");
	peer_disconnect(&asker);
}

static void what_would_change_something_is_off(void **state) {
	(void)state;
	json_t *answer = ask("flush", "");
	assert_string_equal(json_string_value(json_object_get(answer, "error")), "disabled");
	json_decref(answer);
}

static void a_clean_stop_loses_nothing_and_goes_on(void **state) {
	(void)state;
	double readings = process_query_number(&process, "SELECT count(*) FROM reading");

	process_stop(&process);
	assert_true(process_query_number(&process, "SELECT count(*) FROM reading") == readings);
	assert_true(process_query_number(&process, "SELECT count(*) FROM state") == 2);
	process_start(&process);
	await_subscribed(&peer);

	/* The same minute again: it would be new to a detector that had forgotten. */
	publish_row(1, 60, "null");
	json_decref(await_stats(&peer, "refused.duplicate", 2));
	publish_row(2, 59, "11");
	json_t *forecast = await_json(&peer, "xlstm/forecast/r1/speed");
	assert_true(json_number_at(forecast, "seen") == 3);
	json_decref(forecast);
}

static void the_state_topic_says_whether_we_are_there(void **state) {
	static struct peer other;

	(void)state;
	process_stop(&process);
	peer_connect(&other, broker.port);
	peer_subscribe(&other, "xlstm/main/state", 1);
	const struct peer_message *message = peer_next(&other, PATIENCE_MS);
	assert_non_null(message);
	assert_string_equal(message->payload, "offline");
	assert_true(message->retained);
	process_start(&process);
	message = peer_next(&other, PATIENCE_MS);
	assert_non_null(message);
	assert_string_equal(message->payload, "online");
	peer_disconnect(&other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reading_brings_a_forecast_at_once),
		cmocka_unit_test(reading_and_forecast_are_in_the_database),
		cmocka_unit_test(what_is_stored_is_what_was_published),
		cmocka_unit_test(fields_that_are_no_channels_make_no_series),
		cmocka_unit_test(the_forecast_is_kept_for_those_who_come_later),
		cmocka_unit_test(refusals_are_counted_by_name),
		cmocka_unit_test(a_missing_value_is_a_reading_without_one),
		cmocka_unit_test(questions_are_answered),
		cmocka_unit_test(an_answer_goes_where_the_asker_wants_it),
		cmocka_unit_test(what_would_change_something_is_off),
		cmocka_unit_test(a_clean_stop_loses_nothing_and_goes_on),
		cmocka_unit_test(the_state_topic_says_whether_we_are_there),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
