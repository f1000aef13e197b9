/* SPDX-License-Identifier: Apache-2.0 */
#include "pupil.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A daemon learns from what it is fed, keeps what it has learned across kill -9, and goes back when it
 * is told to. States are not saved meanwhile. */

#define CONFIG(state_interval)                                                                     \
	"changes = on\n"                                                                           \
	"[store]\nstate_interval = " state_interval "\n"                                           \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"experts = persistence, smooth, network\n" PUPIL_LEARNING                                  \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 2\n"       \
	"[source mine]\ntopic = mine/{detector}\nformat = json\nstep = 60s\nhorizon = 2\n"         \
	"instances = own\n"

static int minute;

static int start(void **state) {
	(void)state;
	scene_open(CONFIG("1h"));
	process_start(&process);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	peer_subscribe(&peer, "xlstm/main/stats", 0);
	await_subscribed(&peer);
	return 0;
}

static void publish_minute(const char *topic) {
	pupil_publish(topic, minute++);
}

static void feed_until(const char *topic, const char *sql, const char *expected) {
	pupil_feed_until(&process, (const char *const[]){ topic, NULL }, &minute, sql, expected);
}

static void expect_model(const char *name) {
	json_t *answer = ask("status", "");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "data"), "model")), name);
	json_decref(answer);
}

/* The next forecast names this model; the first that comes is the one that the broker kept. */
static void expect_forecast_of(const char *readings, const char *forecasts, const char *model) {
	peer_subscribe(&peer, forecasts, 0);
	json_decref(await_json(&peer, forecasts));
	publish_minute(readings);
	json_t *forecast = await_json(&peer, forecasts);
	assert_string_equal(json_string_value(json_object_get(forecast, "model")), model);
	json_decref(forecast);
}

static void expect_answer(const char *verb, const char *payload, const char *status) {
	json_t *answer = ask(verb, payload);
	assert_string_equal(json_string_value(json_object_get(answer, "status")), status);
	json_decref(answer);
}

static void it_learns_and_every_attempt_is_a_row(void **state) {
	(void)state;
	feed_until("plant/a", "SELECT value FROM meta WHERE key='champion'", "base-2+1");
	process_await_query(&process,
		"SELECT model, candidate, loss_after<loss_before, duration_ms>0 FROM learning"
		" WHERE adopted",
		"base-2|base-2+1|1|1");
	process_await_query(&process, "SELECT name, parent, length(weights)>370000 FROM model",
		"base-2+1|base-2|1");
	process_await_query(&process,
		"SELECT count(*) FROM learning WHERE reason NOT LIKE '%standard errors%'", "0");
	expect_model("base-2+1");
}

static void what_was_adopted_is_in_use_after_a_kill(void **state) {
	(void)state;
	process_await_query(&process, "SELECT count(*) FROM state", "0");
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	expect_model("base-2+1");
	expect_forecast_of("plant/a", "xlstm/forecast/a/c3", "base-2+1");
}

static void it_goes_back_to_a_version_by_request(void **state) {
	(void)state;
	expect_answer("restore_model", "{\"name\":\"base-2+99\"}", "error");
	expect_model("base-2+1");
	expect_answer("restore_model", "{\"name\":\"base-2\"}", "ok");
	expect_model("base-2");
	process_await_query(&process,
		"SELECT model, candidate, reason FROM learning ORDER BY id DESC LIMIT 1",
		"base-2+1|base-2|by request");
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	expect_model("base-2");
	expect_answer("restore_model", "{\"name\":\"base-2+1\"}", "ok");
	expect_model("base-2+1");
}

static void a_detector_of_its_own_learns_by_itself(void **state) {
	(void)state;
	process_kill(&process);
	process_configure(&process, &broker, CONFIG("100ms"));
	process_start(&process);
	await_subscribed(&peer);
	feed_until("mine/b", "SELECT count(*) FROM meta WHERE key='champion b'", "1");
	char *name = process_query(&process, "SELECT value FROM meta WHERE key='champion b'");
	assert_non_null(strstr(name, "@b"));
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	expect_forecast_of("mine/b", "xlstm/forecast/b/c3", name);
	free(name);
}

static int tool(const char *arguments) {
	char command[512];
	snprintf(command, sizeof(command), "%s %s --server %s >%s 2>&1", getenv("XLSTMCTL"),
		arguments, broker.server, process_file(&process, "said"));
	return system(command);
}

static void the_command_goes_back_too(void **state) {
	(void)state;
	assert_int_equal(tool("model restore base-2"), 0);
	expect_model("base-2");
	assert_int_not_equal(tool("model restore base-2+99"), 0);
	expect_model("base-2");
	assert_int_equal(tool("model restore base-2+1"), 0);
	expect_model("base-2+1");
}

/* Waits until statistics say so of learning as a whole. */
static void await_paused(bool paused) {
	bool found = !paused;
	for (int i = 0; i < 100 && found != paused; i++) {
		json_t *stats = await_json(&peer, "xlstm/main/stats");
		found = json_is_true(json_object_get(json_object_get(stats, "learning"), "paused"));
		json_decref(stats);
	}
	assert_int_equal(found, paused);
}

/* Lessons that there are once half a day of a detector's minutes has been worked off. */
static double lessons_after(const char *topic) {
	for (int i = 0; i < 12; i++)
		pupil_publish_hour((const char *const[]){ topic, NULL }, &minute);
	json_decref(ask("flush", ""));
	double before, ticks = 0, lessons;
	do {
		json_t *stats = await_json(&peer, "xlstm/main/stats");
		before = ticks;
		ticks = json_number_at(stats, "ticks");
		lessons = json_number_at(stats, "learning.lessons");
		json_decref(stats);
	} while (ticks == 0 || ticks > before);
	return lessons;
}

static void a_pause_and_a_flag_outlive_a_kill(void **state) {
	(void)state;
	expect_answer("pause_learning", "{\"paused\":true}", "ok");
	expect_answer("flag", "{\"detector\":\"a\",\"flagged\":true}", "ok");
	expect_answer("flag", "{\"detector\":\"nobody\",\"flagged\":true}", "error");
	process_await_query(&process,
		"SELECT group_concat(key||'='||value) FROM meta WHERE key IN ('paused', 'flagged "
		"a')",
		"flagged a=1,paused=1");
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	await_paused(true);
	expect_answer("pause_learning", "{\"paused\":false}", "ok");
	await_paused(false);
	assert_true(lessons_after("plant/a") == 0);
	expect_answer("flag", "{\"detector\":\"a\",\"flagged\":false}", "ok");
	assert_true(lessons_after("plant/a") > 0);
}

static void a_reload_pauses_learning(void **state) {
	(void)state;
	process_configure(&process, &broker, CONFIG("100ms") "[learning]\nenabled = off\n");
	process_signal(&process, SIGHUP);
	await_paused(true);
	process_configure(&process, &broker, CONFIG("100ms"));
	process_signal(&process, SIGHUP);
	await_paused(false);
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest learns[] = {
		cmocka_unit_test(it_learns_and_every_attempt_is_a_row),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_learns_and_every_attempt_is_a_row),
		cmocka_unit_test(what_was_adopted_is_in_use_after_a_kill),
		cmocka_unit_test(it_goes_back_to_a_version_by_request),
		cmocka_unit_test(the_command_goes_back_too),
		cmocka_unit_test(a_detector_of_its_own_learns_by_itself),
		cmocka_unit_test(a_pause_and_a_flag_outlive_a_kill),
		cmocka_unit_test(a_reload_pauses_learning),
	};

	/* The others work a hundred thousand readings off again, which sanitizers take minutes for. */
	if (SANITIZED)
		return cmocka_run_group_tests(learns, start, scene_close);
	return cmocka_run_group_tests(tests, start, scene_close);
}
