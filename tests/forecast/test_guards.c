/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "registry.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void deviations_that_do_not_matter_stay_inside(void **unused) {
	(void)unused;
	static const struct {
		struct guards guards;
		double observed, expected;
		bool matters;
	} cases[] = {
		{ { .side = GUARD_BOTH }, 12, 10, true },
		{ { .side = GUARD_BOTH }, 8, 10, true },
		{ { .side = GUARD_ABOVE }, 12, 10, true },
		{ { .side = GUARD_ABOVE }, 8, 10, false },
		{ { .side = GUARD_BELOW }, 12, 10, false },
		{ { .side = GUARD_BELOW }, 8, 10, true },
		{ { .least_absolute = 2 }, 12, 10, true },
		{ { .least_absolute = 2.5 }, 12, 10, false },
		{ { .least_relative = 0.2 }, 8, 10, true },
		{ { .least_relative = 0.25 }, 8, 10, false },
		{ { .least_relative = 0.25 }, -12, -10, false },
		{ { .least_absolute = 1, .least_relative = 0.25 }, 12, 10, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double observed = cases[i].observed, expected = cases[i].expected;
		double wild = guards_judge(&cases[i].guards, 3.5, observed, expected);
		assert_true(wild == (cases[i].matters ? 3.5 : 1));
		assert_true(guards_judge(&cases[i].guards, 0.5, observed, expected) == 0.5);
	}
}

static void what_can_not_be_is_worse_the_further_it_lies_outside(void **unused) {
	(void)unused;
	struct guards guards;
	guards_init(&guards);
	assert_true(guards_allow(&guards, 1e300) && guards_allow(&guards, NAN));
	guards.low = 0;
	assert_true(!guards_allow(&guards, -1e-9) && guards_allow(&guards, 0));
	assert_true(guards_judge_impossible(&guards, -100) == 2);
	guards.high = 50;
	assert_true(guards_judge_impossible(&guards, -25) == 2.5);
	assert_true(guards_judge_impossible(&guards, 100) == 3);
	guards.high = 0;
	assert_false(guards_check(&guards));
}

/* --- a labelled series of the Numenta benchmark */

#define FILE_NAME "artificialWithAnomaly/art_daily_jumpsup.csv"
#define STEP_MS   300000

static const char *data_folder(void) {
	const char *folder = getenv("XLSTMD_DATA");
	return folder ? folder : DATA;
}

static int64_t time_of(const char *text) {
	struct tm tm = { 0 };
	if (!strptime(text, "%Y-%m-%d %H:%M:%S", &tm))
		fail_msg("no time: %s", text);
	return (int64_t)timegm(&tm) * 1000;
}

/* The window in which the series is labelled as anomalous. */
struct window {
	int64_t from_ms, to_ms;
};

static bool read_window(struct window *window) {
	char path[512];
	snprintf(path, sizeof(path), "%s/nab/combined_windows.json", data_folder());
	json_t *root = json_load_file(path, 0, NULL);
	json_t *pair = json_array_get(json_object_get(root, FILE_NAME), 0);
	if (pair) {
		window->from_ms = time_of(json_string_value(json_array_get(pair, 0)));
		window->to_ms = time_of(json_string_value(json_array_get(pair, 1)));
	}
	json_decref(root);
	return pair != NULL;
}

/* What was told of the series. */
struct told {
	struct window window;
	int inside, outside; /* anomalies in the window, and after the first days out of it */
	int ticks_outside;
};

static void count(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	(void)detector;
	(void)channel;
	struct told *told = user;
	bool in_window =
		tick->time_ms >= told->window.from_ms && tick->time_ms <= told->window.to_ms;
	if (forecast->status == FORECAST_WARMING)
		return;
	bool anomalous = forecast->anomaly > 1;
	told->inside += anomalous && in_window;
	told->outside += anomalous && !in_window;
	told->ticks_outside += !in_window;
}

/* Runs the file through an engine with these guards. */
static void run_file(const struct guards *guards, struct told *told) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	struct engine_options engine_options = { 0 };
	struct forecast_options options;
	struct registry *registry;
	struct detector *detector;
	struct engine *engine;
	struct batch *batch;
	uint32_t channel;
	char line[256], command[600];
	uint64_t message = 0;
	clock.step_ms = STEP_MS;
	forecast_options_init(&options);
	options.horizon = 4;
	options.guards = *guards;
	assert_int_equal(registry_create(&registry, &limits, 1), 0);
	assert_int_equal(engine_create(&engine, &engine_options), 0);
	assert_int_equal(batch_create(&batch, 1), 0);
	registry_find_or_add_detector(registry, SPAN("jumps"), &clock, &detector);
	registry_find_or_add_channel(registry, detector, SPAN("value"), SPAN_EMPTY, &channel);
	assert_int_equal(engine_add(engine, detector, &options), 0);

	snprintf(command, sizeof(command), "gzip -dc '%s/nab/%s.gz'", data_folder(), FILE_NAME);
	FILE *file = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file)) {
		struct arrival arrival = { .now_ms = TIME_NONE, .message = ++message };
		double value = strtod(strchr(line, ',') + 1, NULL);
		detector_put(detector, channel, time_of(line), value, &arrival);
		engine_want(engine, detector);
		while (engine_is_due(engine)) {
			engine_fill(engine, batch);
			batch_run(batch);
			engine_apply(engine, batch, count, told);
		}
	}
	pclose(file);
	batch_destroy(batch);
	engine_destroy(engine);
	registry_destroy(registry);
}

/* Its label says that values jump up. */
static void a_labelled_jump_is_found_on_its_side_alone(void **unused) {
	(void)unused;
	struct told both = { 0 }, above = { 0 }, below = { 0 }, large = { 0 };
	struct guards guards;
	if (!read_window(&both.window)) {
		print_message("skipped: no data at %s\n", data_folder());
		skip();
	}
	above.window = below.window = large.window = both.window;
	guards_init(&guards);
	run_file(&guards, &both);
	guards.side = GUARD_ABOVE;
	run_file(&guards, &above);
	guards.side = GUARD_BELOW;
	run_file(&guards, &below);
	guards.side = GUARD_BOTH;
	guards.least_absolute = 500; /* the values span 165 */
	run_file(&guards, &large);

	assert_true(above.inside > 0);
	assert_int_equal(above.inside + below.inside, both.inside);
	assert_int_equal(above.outside + below.outside, both.outside);
	/* One in a thousand leaves the range in the long run; four times as many are no surprise. */
	assert_true(both.outside <= 0.004 * both.ticks_outside);
	assert_int_equal(large.inside + large.outside, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deviations_that_do_not_matter_stay_inside),
		cmocka_unit_test(what_can_not_be_is_worse_the_further_it_lies_outside),
		cmocka_unit_test(a_labelled_jump_is_found_on_its_side_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
