/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * States that another version has saved, or a part of them, under a check sum that is right: they are named, and
 * what they knew comes from the readings again.
 */

/* Lean rows, whose hexadecimal text fits into what a query gives. */
#define CONFIG                                                                                     \
	"[forecast]\nmodel = none\nrows = lean\n"                                                  \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 2\n"

#define BEGIN     1700000040
#define MINUTES   40
#define BYTES_MAX 32768

static int minute; /* that comes next */

static int start(void **state) {
	(void)state;
	minute = 0;
	scene_open(CONFIG);
	peer_subscribe(&peer, "xlstm/#", 1);
	return 0;
}

/* Of two detectors, the same of both. */
static void publish_minute(void) {
	char text[64];

	snprintf(text, sizeof(text), "{\"time\":%d,\"x\":%d}", BEGIN + 60 * minute,
		minute * minute % 23);
	publish_text(&peer, "plant/a", text);
	publish_text(&peer, "plant/b", text);
	minute++;
}

/* CRC-32C bit by bit. */
static uint32_t checksum(const unsigned char *bytes, size_t length) {
	uint32_t sum = UINT32_MAX;

	for (size_t i = 0; i < 8 * length; i++) {
		uint32_t bit = (sum ^ bytes[i / 8] >> i % 8) & 1;
		sum = sum >> 1 ^ (bit ? UINT32_C(0x82F63B78) : 0);
	}
	return ~sum;
}

static size_t read_state(unsigned char *bytes) {
	char *text = process_query(&process, "SELECT hex(bytes) FROM state WHERE detector="
					     "(SELECT id FROM detector WHERE name='a')");
	size_t length = strlen(text) / 2;

	assert_in_range(length, 1, BYTES_MAX);
	for (size_t i = 0; i < length; i++) {
		unsigned byte;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
		bytes[i] = (unsigned char)byte;
	}
	free(text);
	return length;
}

static void write_state(const unsigned char *bytes, size_t length) {
	char command[256];

	snprintf(command, sizeof(command), "sqlite3 %s", process_file(&process, "xlstmd.db"));
	FILE *to = popen(command, "we");
	assert_non_null(to);
	fprintf(to, "UPDATE state SET checksum=%u, bytes=x'", checksum(bytes, length));
	for (size_t i = 0; i < length; i++)
		fprintf(to, "%02x", bytes[i]);
	fputs("' WHERE detector=(SELECT id FROM detector WHERE name='a');\n", to);
	assert_int_equal(pclose(to), 0);
}

/* Another version of the part that begins so, behind `skip` bytes. */
static void change_version(const char *begins, size_t skip, int by) {
	unsigned char bytes[BYTES_MAX];
	size_t length = read_state(bytes);
	unsigned char *part = memmem(bytes, length, begins, strlen(begins));

	assert_non_null(part);
	part[skip] = (unsigned char)(part[skip] + by);
	write_state(bytes, length);
}

/* The next forecast of a detector but for its name; to be freed. */
static char *await_forecast(const char *topic) {
	json_t *forecast = await_json(&peer, topic);

	assert_true(json_number_at(forecast, "seen") == minute);
	json_object_del(forecast, "series");
	char *text = json_dumps(forecast, JSON_SORT_KEYS);
	json_decref(forecast);
	return text;
}

static void assert_both_forecast_alike(void) {
	char *a = await_forecast("xlstm/forecast/a/x"), *b = await_forecast("xlstm/forecast/b/x");

	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void feed(void) {
	for (int i = 0; i < MINUTES; i++) {
		publish_minute();
		assert_both_forecast_alike();
	}
}

static void states_of_another_version_are_named_and_rebuilt(void **state) {
	static const struct {
		const char *begins;
		size_t skip;
		int by;
	} parts[] = {
		/* A channel's row. */
		{ "XLSR", 4, 1 },
		{ "XLSR", 4, -1 },
		/* The detector's clock. */
		{ "DETCLOCK", 8, 1 },
		/* The whole, which holds one channel. */
		{ "", 0, 1 },
		{ "", 0, -1 },
	};

	(void)state;
	process_start(&process);
	await_subscribed(&peer);
	feed();
	process_stop(&process);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		change_version(parts[i].begins, parts[i].skip, parts[i].by);
		assert_int_equal(truncate(process_file(&process, "log"), 0), 0);
		process_start(&process);
		assert_true(process_logged(&process,
			"a: its state can't be used (written by a version that this one does not "
			"know) and is rebuilt from readings"));
		assert_false(process_logged(&process, "b: its state"));
		await_subscribed(&peer);
		publish_minute();
		assert_both_forecast_alike();
		process_stop(&process);
		assert_true(process_query_number(&process, "SELECT count(*) FROM reading") ==
			    2 * minute);
	}
	/* What was rebuilt has been saved, and is used again. */
	assert_int_equal(truncate(process_file(&process, "log"), 0), 0);
	process_start(&process);
	assert_true(process_logged(&process, "2 detectors, 2 states, 0 rebuilt"));
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_of_another_version_are_named_and_rebuilt),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
