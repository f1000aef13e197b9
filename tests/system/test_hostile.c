/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"
#include "timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What strangers send: every refusal has a name and a count, and nothing grows without bound. */

#define CONFIG                                                                                     \
	"[limits]\nseries = 40\ndetectors = 30\nchannels = 4\n"                                    \
	"[source number]\ntopic = number/{detector}/{channel}\nformat = number\nstep = 1m\n"       \
	"[source json]\ntopic = json/{detector}\nformat = json\nstep = 1m\n"                       \
	"[source senml]\ntopic = senml/#\nformat = senml\n"                                        \
	"[source lines]\ntopic = lines\nformat = line-protocol\n"                                  \
	"[source any]\ntopic = any/{detector}\n"                                                   \
	"[source everything]\ntopic = xlstm/#\nformat = json\n"

static int start(void **state) {
	(void)state;
	scene_open(CONFIG);
	process_start(&process);
	peer_subscribe(&peer, "xlstm/main/#", 1);
	await_subscribed(&peer);
	return 0;
}

/* What the counter is now, once everything sent before has been read. */
static double count_now(const char *path) {
	await_subscribed(&peer);
	json_decref(await_json(&peer, "xlstm/main/stats"));
	json_t *stats = await_json(&peer, "xlstm/main/stats");
	double count = json_number_at(stats, path);
	json_decref(stats);
	return count >= 0 ? count : 0;
}

static void every_refusal_has_its_name(void **state) {
	static const struct {
		const char *topic, *payload, *name;
	} cases[] = {
		{ "number/a/b", "", "empty" },
		{ "number/a/b", "1e999", "not_a_number" },
		{ "number/a/b", "1 2 3", "syntax" },
		{ "number/a/b", "\xff\xfe", "not_utf8" },
		{ "json/a", "{\"x\":1", "syntax" },
		{ "json/a", "{\"x\":1,\"time\":-5}", "absurd_time" },
		{ "json/a", "{\"x\":1,\"time\":\"yesterday\"}", "absurd_time" },
		{ "json/a", "{\"x\":1,\"time\":4000000000}", "absurd_time" },
		{ "json/a", "{\"y\":\"text\"}", "empty" },
		{ "json/a", "{\"bad\\u0001name\":1}", "bad_name" },
		{ "senml/x", "[{\"n\":\"a\"}]", "empty" },
		{ "lines", "measurement", "syntax" },
		{ "any/a", "<xml/>", "unknown_format" },
		{ "xlstm/forecast/a/b", "{\"x\":1}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[64];

		if (!cases[i].name) {
			publish_text(&peer, cases[i].topic, cases[i].payload);
			continue;
		}
		snprintf(path, sizeof(path), "refused.%s", cases[i].name);
		double before = count_now(path);
		publish_text(&peer, cases[i].topic, cases[i].payload);
		double after = count_now(path);
		if (after != before + 1) {
			json_t *stats = await_json(&peer, "xlstm/main/stats");
			fail_msg("%s %s is not counted as %s but %s", cases[i].topic,
				cases[i].payload, cases[i].name,
				json_dumps(json_object_get(stats, "refused"), 0));
		}
	}
	assert_true(process_query_number(&process, "SELECT count(*) FROM reading") == 0);
}

static void a_large_payload_is_refused_unread(void **state) {
	static char large[10 << 20];

	(void)state;
	double before = count_now("refused.too_large");
	memset(large, '1', sizeof(large));
	peer_publish(&peer, "number/a/b", large, 300 << 10, 1, false);
	assert_true(count_now("refused.too_large") == before + 1);
	peer_publish(&peer, "number/a/b", large, sizeof(large), 1, false);
	/* The inbox counts these; its counter is read once a second. */
	json_decref(await_stats(&peer, "refused.too_large", before + 2));
}

static void deep_nesting_is_refused(void **state) {
	static char deep[100001];

	(void)state;
	double before = count_now("refused.syntax") + count_now("refused.too_large");
	memset(deep, '[', sizeof(deep) - 1);
	publish_text(&peer, "json/a", deep);
	assert_true(count_now("refused.syntax") + count_now("refused.too_large") == before + 1);
}

static void retained_readings_without_a_time_are_refused(void **state) {
	(void)state;
	double before = count_now("refused.retained");
	peer_publish(&peer, "number/old/value", "5", 1, 1, true);
	process_stop(&process);
	process_start(&process);
	await_subscribed(&peer);
	json_decref(await_stats(&peer, "refused.retained", before > 0 ? before : 1));
	peer_publish(&peer, "number/old/value", "", 0, 1, true);
}

static void names_can_not_leave_their_place(void **state) {
	(void)state;
	publish_text(&peer, "number/'; DROP TABLE reading; --/x", "1");
	publish_text(&peer, "number/..%2f..%2fetc/\"quote\\", "1");
	publish_text(&peer, "json/j", "{\"a/b\":1,\"\\\"}\":2}");
	process_await_query(&process,
		"SELECT count(*) FROM series WHERE name LIKE '%DROP TABLE%' OR name LIKE '%quote%'",
		"2");
	process_await_query(&process, "SELECT count(*)>0 FROM reading", "1");
	process_await_query(
		&process, "SELECT count(*) FROM forecast WHERE json_valid(json)=0", "0");
}

static void topics_without_end_are_bounded(void **state) {
	char topic[64];

	(void)state;
	double before = count_now("refused.too_many_series");
	for (int i = 0; i < 3000; i++) {
		snprintf(topic, sizeof(topic), "number/flood%d/x", i);
		peer_publish(&peer, topic, "1", 1, i % 100 == 99, false);
	}
	json_decref(await_stats(&peer, "refused.too_many_series", before + 2900));
	assert_true(count_now("detectors") <= 30);
	assert_true(count_now("series") <= 40);
}

static void fields_without_end_are_bounded(void **state) {
	char text[512] = "{\"f0\":0";

	(void)state;
	for (int i = 1; i < 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",\"f%d\":%d", i, i);
	strcat(text, "}");
	publish_text(&peer, "json/j", text);
	json_decref(await_stats(&peer, "refused.too_many_channels", 10));
}

/* Sixty-three characters of two bytes. */
#define LONG_NAME                                                                                  \
	"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"     \
	"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"                                               \
	"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"     \
	"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"                                               \
	"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"     \
	"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"

/* A name is the same in its topic, in JSON and in SQL, and is nowhere a path. */
static void names_that_pass_stay_what_they_are(void **state) {
	static const char *const detectors[] = { "..", "a\"},{\"b", "x'); DELETE FROM reading; --",
		"%s%n%x", "back\\slash", "\u202eright to left", LONG_NAME };
	static struct peer listener;

	(void)state;
	peer_connect(&listener, broker.port);
	peer_subscribe(&listener, "xlstm/forecast/#", 1);
	for (size_t i = 0; i < sizeof(detectors) / sizeof(detectors[0]); i++) {
		char topic[512], series[256];

		snprintf(topic, sizeof(topic), "json/%s", detectors[i]);
		publish_text(&peer, topic, "{\"it's\":1}");
		snprintf(series, sizeof(series), "%s/it's", detectors[i]);
		snprintf(topic, sizeof(topic), "xlstm/forecast/%s", series);
		json_t *forecast = await_json(&listener, topic);
		assert_string_equal(json_string_value(json_object_get(forecast, "series")), series);
		json_decref(forecast);
	}
	peer_disconnect(&listener);
	process_await_query(&process, "SELECT count(*) FROM series WHERE channel='it''s'", "7");
	process_await_query(
		&process, "SELECT count(*) FROM forecast WHERE json_valid(json)=0", "0");
}

static void names_that_could_do_harm_are_refused(void **state) {
	static const char *const payloads[] = {
		"{\"line\\nend\":1}",
		"{\"escape\\u001b[31m\":1}",
		"{\"escape\\u009b31m\":1}",
		"{\"+\":1}",
		"{\"#\":1}",
		"{\"" LONG_NAME LONG_NAME "\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		double before = count_now("refused.bad_name");
		publish_text(&peer, "json/harm", payloads[i]);
		if (count_now("refused.bad_name") != before + 1)
			fail_msg("%s is not refused", payloads[i]);
	}
}

static void refused_requests_are_counted(void **state) {
	(void)state;
	double before = count_now("refused.disabled");
	publish_text(&peer, "xlstm/main/request/flush", "");
	/* The source "everything" makes the broker bring it twice. */
	assert_true(count_now("refused.disabled") > before);
}

/* The answer to a request is JSON with a number in it: on a source's topic it would be a reading. */
static void an_answer_is_never_a_reading_nor_a_forecast(void **state) {
	static const char *const topics[] = { "json/deputy", "xlstm/forecast/a/b",
		"xlstm/main/request/flush" };

	(void)state;
	double readings = count_now("readings");
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		double own = count_now("own");
		peer_request(&peer, "xlstm/main/request/series", "{\"from\":0}", topics[i], "x");
		json_decref(await_json(&peer, "xlstm/main/response/series"));
		/* The source "everything" brings back what is ours, the answer among it. */
		assert_true(count_now("own") > own);
	}
	assert_true(count_now("readings") == readings);
	process_await_query(
		&process, "SELECT count(*) FROM detector WHERE name LIKE '%deputy%'", "0");
}

static void readings_that_step_in_no_tick_are_counted(void **state) {
	(void)state;
	double before = count_now("unused");
	publish_text(&peer, "json/quick", "{\"x\":1,\"time\":1700000040}");
	publish_text(&peer, "json/quick", "{\"x\":2,\"time\":1700000050}");
	assert_true(count_now("unused") == before + 1);
}

static void it_still_works_for_those_it_knew(void **state) {
	(void)state;
	double before = count_now("readings");
	publish_text(&peer, "json/j", "{\"f1\":3}");
	assert_true(count_now("readings") == before + 1);
	process_stop(&process);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_has_its_name),
		cmocka_unit_test(a_large_payload_is_refused_unread),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(retained_readings_without_a_time_are_refused),
		cmocka_unit_test(names_can_not_leave_their_place),
		cmocka_unit_test(names_that_pass_stay_what_they_are),
		cmocka_unit_test(names_that_could_do_harm_are_refused),
		cmocka_unit_test(refused_requests_are_counted),
		cmocka_unit_test(an_answer_is_never_a_reading_nor_a_forecast),
		cmocka_unit_test(readings_that_step_in_no_tick_are_counted),
		cmocka_unit_test(topics_without_end_are_bounded),
		cmocka_unit_test(fields_without_end_are_bounded),
		cmocka_unit_test(it_still_works_for_those_it_knew),
	};

	return cmocka_run_group_tests(tests, start, scene_close);
}
