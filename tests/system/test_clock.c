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

/* The wall clock of the daemon's machine steps while it runs. The peer's does not. */

#define CONFIG                                                                                     \
	"[source plain]\ntopic = plain/{detector}/{channel}\nformat = number\nstep = 1s\n"         \
	"horizon = 4\n"                                                                            \
	"[source dated]\ntopic = dated/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"

#define HOUR INT64_C(3600000)
#define YEAR (24 * 365 * HOUR)

#define BEGIN 1700000040

static int minute;

static int start(void **state) {
	(void)state;
	scene_start(CONFIG);
	return 0;
}

/* A reading without a time of its own brings a forecast. */
static void assert_plain_forecasts(void) {
	publish_text(&peer, "plain/pump/pressure", "4.25");
	json_decref(await_json(&peer, "xlstm/forecast/pump/pressure"));
}

/* A reading that says when it was made is forecast as if nothing had happened. */
static void assert_dated_forecasts(void) {
	char text[64];

	snprintf(text, sizeof(text), "{\"time\":%d,\"a\":%d}", BEGIN + 60 * minute, minute % 7);
	publish_text(&peer, "dated/meter", text);
	json_t *forecast = await_json(&peer, "xlstm/forecast/meter/a");
	assert_true(json_number_at(forecast, "issued") == BEGIN + 60 * minute);
	assert_true(json_number_at(forecast, "seen") == ++minute);
	json_decref(forecast);
}

static void assert_lives(void) {
	/* A period of the sensor without a time has to pass. */
	sleep_ms(1100);
	assert_plain_forecasts();
	assert_dated_forecasts();
	await_subscribed(&peer);
}

static void await_told(const char *what) {
	int64_t deadline_ms = now_ms() + PATIENCE_MS;
	bool told = false;

	while (!told && now_ms() < deadline_ms) {
		json_t *stats = await_json(&peer, "xlstm/main/stats");
		char *text = json_dumps(json_object_get(stats, "troubles"), 0);

		told = strstr(text, what) != NULL;
		free(text);
		json_decref(stats);
	}
	if (!told)
		fail_msg("%s is not told", what);
}

/* What `xlstmctl status` prints of the troubles in the last statistics. */
static void assert_status_names(const char *trouble) {
	char command[512];

	snprintf(command, sizeof(command), "%s status --database %s | grep '^troubles .*%s'",
		getenv("XLSTMCTL"), process_file(&process, "xlstmd.db"), trouble);
	assert_int_equal(system(command), 0);
}

static void a_clock_that_steps_is_told_and_stops_nothing(void **state) {
	static const struct {
		int64_t by_ms;
		const char *told;
	} steps[] = {
		{ 2 * HOUR, "stepped by +7200 s" },
		{ -2 * HOUR, "stepped by -7200 s" },
		{ 5 * YEAR, "stepped by +157680000 s" },
		{ -5 * YEAR, "stepped by -157680000 s" },
		{ -3 * HOUR, "stepped by -10800 s" },
		{ 3 * HOUR, "stepped by +10800 s" },
	};

	(void)state;
	assert_lives();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		process.fault->clock_ms += steps[i].by_ms;
		await_told(steps[i].told);
		assert_lives();
	}
	assert_true(process_logged(&process, "trouble begins: clock: stepped by"));
	assert_status_names("clock (stepped by");
}

static void sensors_are_not_silent_because_the_clock_has_stepped(void **state) {
	(void)state;
	json_t *stats = await_stats(&peer, "readings", 1);
	double before = json_number_at(stats, "stale");

	json_decref(stats);
	process.fault->clock_ms += 2 * HOUR;
	await_told("stepped by +7200 s");
	assert_dated_forecasts();
	stats = await_json(&peer, "xlstm/main/stats");
	/* The sensor of one-second periods may have been silent in earnest. */
	assert_true(json_number_at(stats, "stale") <= before + 1);
	json_decref(stats);
	process.fault->clock_ms -= 2 * HOUR;
}

/* A replay makes of the readings what they were made of when they came. */
static void a_restart_with_a_clock_set_back_goes_on(void **state) {
	char expected[32];

	(void)state;
	process.fault->clock_ms += YEAR;
	assert_lives();
	process.fault->clock_ms -= YEAR;
	assert_lives();
	snprintf(expected, sizeof(expected), "%d", minute);
	process_await_query(&process,
		"SELECT count(*) FROM reading r JOIN series s ON s.id = r.series"
		" WHERE s.name = 'meter/a'",
		expected);
	process_kill(&process);
	process_start(&process);
	await_subscribed(&peer);
	assert_lives();
	process.fault->clock_ms += HOUR;
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_steps_is_told_and_stops_nothing),
		cmocka_unit_test(sensors_are_not_silent_because_the_clock_has_stepped),
		cmocka_unit_test(a_restart_with_a_clock_set_back_goes_on),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
