/* SPDX-License-Identifier: Apache-2.0 */
#include "app_fixture.h"

#include "caught_log.h"
#include "setup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The first minute, in the past of any clock. */
#define BEGIN_MS  INT64_C(1700000040000)
#define MINUTE_MS 60000

/* Longer than any test. */
#define SAVE_MS 3600000

/* Nobody listens on port 9, and nobody asks it. Old readings are not removed. */
static const char common[] = "[daemon]\n"
			     "instance = test\n"
			     "[mqtt]\n"
			     "server = tcp://127.0.0.1:9\n"
			     "inbox = 64k\n"
			     "[store]\n"
			     "path = %s\n"
			     "keep_readings = forever\n"
			     "keep_forecasts = forever\n"
			     "keep_anomalies = forever\n"
			     "[learning]\n"
			     "enabled = off\n"
			     "[forecast]\n"
			     "model = %s\n"
			     "%s";

struct app_fixture first, second;

static void read_config(struct app_fixture *fixture, const char *configuration) {
	const char *model = fixture->model ? fixture->model : "none";
	struct text content = { 0 }, problems = { 0 };

	text_add_format(&content, common, fixture->files->path, model, configuration);
	if (config_parse(text_span(&content), "test", &problems, &fixture->config) < 0) {
		print_message("%.*s", SPAN_PRINT(text_span(&problems)));
		fail();
	}
	text_finish(&content);
	text_finish(&problems);
}

static void init_handles(struct app *app) {
	uv_async_init(&app->loop, &app->mail_arrived, NULL);
	uv_timer_init(&app->loop, &app->look_again);
	uv_prepare_init(&app->loop, &app->before_poll);
}

/* Nothing but the publish lane would ever connect, so it is told that there is no broker. */
static void disconnect(struct app *app) {
	app->publisher.tend = false;
	publisher_stop(&app->publisher, 0);
}

static void make_folder(struct app_fixture *fixture) {
	void *files = fixture->files;

	if (!files)
		assert_int_equal(fixture_setup(&files), 0);
	fixture->files = files;
}

void app_fixture_start(struct app_fixture *fixture, const char *configuration) {
	struct app *app = &fixture->app;

	make_folder(fixture);
	read_config(fixture, configuration);
	*app = (struct app){
		.config = fixture->config,
		.started_ms = app_now(),
		.behind_ms = TIME_NONE,
	};
	assert_int_equal(uv_loop_init(&app->loop), 0);
	init_handles(app);
	fixture->runs = true;
	assert_int_equal(setup_init(app), 0);
	disconnect(app);
}

static void on_walk(uv_handle_t *handle, void *context) {
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void end(struct app_fixture *fixture) {
	struct app *app = &fixture->app;

	setup_finish(app);
	uv_walk(&app->loop, on_walk, NULL);
	uv_run(&app->loop, UV_RUN_DEFAULT);
	uv_loop_close(&app->loop);
	config_destroy(fixture->config);
	fixture->runs = false;
}

void app_fixture_kill(struct app_fixture *fixture) {
	lane_wait(&fixture->app.writer.lane);
	fixture->app.writer.retrying = false;
	journal_reset(writer_journal(&fixture->app.writer));
	end(fixture);
}

void app_fixture_stop(struct app_fixture *fixture) {
	app_save_all(&fixture->app, app_clock(&fixture->app) + SAVE_MS);
	end(fixture);
}

void app_fixture_copy(const struct app_fixture *from, struct app_fixture *to) {
	int status;

	assert_false(to->runs);
	make_folder(to);
	fixture_shell(&status, "cp '%s'/* '%s'", from->files->folder, to->files->folder);
	assert_int_equal(status, 0);
}

void app_fixture_finish(struct app_fixture *fixture) {
	void *files = fixture->files;

	if (fixture->runs)
		app_fixture_kill(fixture);
	if (files)
		fixture_teardown(&files);
	*fixture = (struct app_fixture){ 0 };
}

int app_fixture_setup(void **state) {
	return catch_log(state);
}

int app_fixture_teardown(void **state) {
	app_fixture_finish(&first);
	app_fixture_finish(&second);
	return release_log(state);
}

void app_fixture_receive(
	struct app_fixture *fixture, const char *topic, unsigned minute, const char *payload) {
	struct mail mail = {
		.kind = MAIL_MESSAGE,
		.time_ms = BEGIN_MS + (int64_t)minute * MINUTE_MS,
		.topic = span_text(topic),
		.payload = span_text(payload),
	};

	app_ingest(&fixture->app, &mail);
	assert_int_equal(fixture->app.refusals.total, 0);
}

void app_fixture_hear(
	struct app_fixture *fixture, const char *series, unsigned minute, double value) {
	char payload[32];

	snprintf(payload, sizeof(payload), "%.17g", value);
	app_fixture_receive(fixture, series, minute, payload);
}

/* A wave of ten minutes and something irregular on it. */
static double value_of(unsigned pump, unsigned minute) {
	uint32_t chance = (minute * 97 + pump) * 2654435761u;

	return 10 * pump + sin(minute * 0.628 + pump) + (chance >> 16) / 131072.0;
}

void app_fixture_hear_pumps(struct app_fixture *fixture, unsigned count, unsigned minute) {
	char series[64];

	for (unsigned pump = 1; pump <= count; pump++) {
		snprintf(series, sizeof(series), "plant/pump%u/pressure", pump);
		app_fixture_hear(fixture, series, minute, value_of(pump, minute));
	}
}

bool app_fixture_step_batch(struct app_fixture *fixture) {
	struct app *app = &fixture->app;

	if (engine_fill(app->engine, app->step.batch) == 0)
		return false;
	app_note_batch(app, app->step.batch);
	batch_run(app->step.batch);
	app_apply(app, app->step.batch, APP_JOURNAL);
	return true;
}

void app_fixture_step(struct app_fixture *fixture) {
	while (app_fixture_step_batch(fixture)) {
	}
}

void app_fixture_run_pumps(
	struct app_fixture *fixture, unsigned count, unsigned from, unsigned minutes) {
	for (unsigned minute = from; minute < from + minutes; minute++) {
		app_fixture_hear_pumps(fixture, count, minute);
		app_fixture_step(fixture);
	}
}

void app_fixture_commit(struct app_fixture *fixture) {
	app_note_floor(&fixture->app);
	app_note_input(&fixture->app);
	writer_commit(&fixture->app.writer, app_now());
	assert_int_equal(fixture->app.writer.failure, 0);
}

static void take_state(struct app *app, const struct detector *detector, struct text *to) {
	detector_save(detector, to);
	for (uint32_t i = 0; i < detector_channel_count(detector); i++) {
		size_t size = engine_state_size(app->engine, detector, i);
		void *bytes = malloc(size + 1);

		assert_non_null(bytes);
		engine_state_save(app->engine, detector, i, bytes);
		text_add(to, span_of(bytes, size));
		free(bytes);
	}
	assert_false(text_failed(to));
}

void assert_same_text(const struct text *one, const struct text *other) {
	assert_int_equal(one->length, other->length);
	assert_memory_equal(one->data, other->data, one->length);
}

static void assert_same_state(struct app *app, struct app *other, uint32_t id) {
	struct text state = { 0 }, others = { 0 };

	take_state(app, registry_detector(app->registry, id), &state);
	take_state(other, registry_detector(other->registry, id), &others);
	assert_same_text(&state, &others);
	text_finish(&state);
	text_finish(&others);
}

void app_fixture_assert_same_detector(
	struct app_fixture *fixture, struct app_fixture *other, const char *name) {
	const struct detector *detector =
		registry_find_detector(fixture->app.registry, span_text(name));

	assert_non_null(detector);
	assert_same_state(&fixture->app, &other->app, detector_id(detector));
}

static void take_neighbourhood(const struct app *app, size_t index, struct text *to) {
	size_t size = engine_neighbourhood_size(app->engine, index);
	void *bytes = malloc(size);

	assert_non_null(bytes);
	engine_neighbourhood_save(app->engine, index, bytes);
	text_add(to, span_of(bytes, size));
	free(bytes);
}

static void assert_same_neighbourhoods(const struct app *app, const struct app *other) {
	struct text all = { 0 }, others = { 0 };
	size_t count = engine_neighbourhoods(app->engine);

	assert_int_equal(engine_neighbourhoods(other->engine), count);
	for (size_t i = 0; i < count; i++) {
		take_neighbourhood(app, i, &all);
		take_neighbourhood(other, i, &others);
	}
	if (count > 0)
		assert_same_text(&all, &others);
	text_finish(&all);
	text_finish(&others);
}

static void assert_same_series(const struct series_slot *slot, const struct series_slot *other) {
	assert_same_text(&slot->forecast, &other->forecast);
	assert_int_equal(slot->range_ms, other->range_ms);
	assert_memory_equal(&slot->low, &other->low, sizeof(slot->low));
	assert_memory_equal(&slot->high, &other->high, sizeof(slot->high));
}

void app_fixture_assert_same(struct app_fixture *fixture, struct app_fixture *other) {
	struct app *app = &fixture->app;
	uint32_t detectors = registry_last_detector_id(app->registry);
	uint32_t series = registry_series_count(app->registry);

	assert_true(detectors > 0);
	assert_int_equal(registry_last_detector_id(other->app.registry), detectors);
	assert_int_equal(registry_series_count(other->app.registry), series);
	for (uint32_t id = 1; id <= detectors; id++)
		assert_same_state(app, &other->app, id);
	assert_same_neighbourhoods(app, &other->app);
	for (uint32_t id = 1; id <= series; id++)
		assert_same_series(&app->roster.series[id], &other->app.roster.series[id]);
}

long long app_fixture_count(const struct app_fixture *fixture, const char *sql) {
	const char *answer = fixture_ask(fixture->files, sql);
	char *rest;
	long long count = strtoll(answer, &rest, 10);

	if (rest == answer || *rest)
		fail_msg("%s: %s", sql, answer);
	return count;
}
