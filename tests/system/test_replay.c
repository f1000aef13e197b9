/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * A file that goes through broker and daemon brings the forecasts that `xlstmctl backtest` makes of
 * it, as the database has them.
 */

#define ROWS    400
#define GAP     10
#define HORIZON 24

#define CONFIG                                                                                     \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"[source replay]\ntopic = replay/{detector}\nformat = json\nstep = 15m\n"                  \
	"season = 96\nhorizon = 24\n"

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	process_start(&process);
	peer_subscribe(&peer, "xlstm/main/#", 1);
	await_subscribed(&peer);
	return 0;
}

/* Two channels with a day's rhythm, some noise, a gap and values that are missing. */
static void write_file(const char *path) {
	FILE *file = fopen(path, "we");
	unsigned noise = 1;

	assert_non_null(file);
	fputs("time,a,b\n", file);
	for (int i = 0; i < ROWS; i++) {
		double phase = 2 * 3.14159265358979 * i / 96;

		if (i >= 200 && i < 200 + GAP)
			continue;
		noise = noise * 1103515245 + 12345;
		fprintf(file, "%d,%.4f,", 1699999200 + 900 * i,
			10 + 3 * sin(phase) + (noise >> 16) % 1000 / 1000.0);
		if (i % 37 == 5)
			fputs("\n", file);
		else
			fprintf(file, "%.4f\n",
				5 + 2 * cos(2 * phase) + (noise >> 8) % 500 / 500.0);
	}
	assert_int_equal(fclose(file), 0);
}

static void run(const char *command) {
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* The text that sqlite3 prints for a script over the daemon's database, to be freed. */
static double number_from(const char *script) {
	char command[4096];
	char text[64] = "";

	snprintf(command, sizeof(command), "sqlite3 -readonly %s <<'END'\n%s\nEND",
		process_file(&process, "xlstmd.db"), script);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_non_null(fgets(text, sizeof(text), pipe));
	pclose(pipe);
	return strtod(text, NULL);
}

/* Steps that the backtest forecast, beside the daemon's. */
static const char compare[] =
	".mode list\n"
	"CREATE TEMP TABLE made(origin, target, series, lead INT, mean REAL, q1 REAL, q2 REAL,"
	" q3 REAL, q4 REAL, q5 REAL, q6 REAL, q7 REAL, q8 REAL, q9 REAL);\n"
	".import --csv --skip 1 %s made\n"
	"SELECT count(*) FROM made LEFT JOIN (SELECT series AS name, issued_ms, lead AS l, mean AS "
	"m, "
	"q10,"
	" q50, q90 FROM forecast_history) ON name = series AND l = lead"
	" AND issued_ms = CAST(strftime('%%s', origin) AS INT) * 1000%s;";

/* How many steps of the backtest's file fulfil the condition. */
static double count_made(const char *made, const char *where) {
	char script[2048];

	snprintf(script, sizeof(script), compare, made, where);
	return number_from(script);
}

static void the_daemon_forecasts_as_the_backtest_does(void **state) {
	char file[128], made[128], command[1024];

	(void)state;
	snprintf(file, sizeof(file), "%s", process_file(&process, "file.csv"));
	snprintf(made, sizeof(made), "%s", process_file(&process, "made.csv"));
	write_file(file);
	snprintf(command, sizeof(command),
		"%s backtest %s --time time --step 15m --season 96 --horizons %d --model"
		" " MODELS "/base-2.safetensors --forecasts %s >/dev/null",
		getenv("XLSTMCTL"), file, HORIZON, made);
	run(command);
	snprintf(command, sizeof(command),
		"%s replay --server %s --time time --lockstep %s >/dev/null", getenv("XLSTMCTL"),
		broker.server, file);
	run(command);
	process_await_query(&process, "SELECT count(*) FROM reading", "780");
	process_stop(&process);

	/* Of the gap the daemon hears when it is over; forecasts made inside it are news to nobody
	 * and are not kept. */
	assert_true(count_made(made, "") == ROWS * 2 * HORIZON);
	assert_true(count_made(made, " WHERE m IS NULL") == GAP * 2 * HORIZON);
	double differing = count_made(made,
		" WHERE abs(m - mean) > 1e-5 * abs(mean) OR abs(q10 - q1) > 1e-5 * abs(q1)"
		" OR abs(q50 - q5) > 1e-5 * abs(q5) OR abs(q90 - q9) > 1e-5 * abs(q9)");
	assert_true(differing == 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_daemon_forecasts_as_the_backtest_does),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
