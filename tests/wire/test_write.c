/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves: forecasts, anomalies, rows, topics, responses, discovery. */
#include "discovery.h"
#include "fixture.h"
#include "forecast.h"
#include "request.h"

#include <jansson.h>
#include <stdio.h>

static json_t *parse(const struct text *text) {
	json_t *json = json_loadb(text->data, text->length, JSON_REJECT_DUPLICATES, NULL);

	assert_false(text_failed(text));
	if (!json)
		fail_msg("no JSON: %.*s", SPAN_PRINT(text_span(text)));
	return json;
}

static void assert_text(const struct text *text, const char *expected) {
	assert_false(text_failed(text));
	if (!span_equal(text_span(text), span_text(expected)))
		fail_msg("%.*s\ninstead of\n%s", SPAN_PRINT(text_span(text)), expected);
}

static void a_forecast_is_the_json_of_the_contract(void **state) {
	static const float mean[] = { 1.5f, -2 };
	static const float quantiles[QUANTILES * 2] = { 1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7,
		70, 8, 80, 9, 90 };
	const struct forecast forecast = { .status = FORECAST_OK,
		.issued_ms = 1790000000000,
		.step_ms = 60000,
		.seen = 5123,
		.observed = 4.21,
		.anomaly = 0.3,
		.skill = 0.41,
		.horizon = 2,
		.mean = mean,
		.quantiles = quantiles };
	const struct wire_names names = { SPAN("pump7/pressure"), SPAN("bar"), SPAN("base-3") };
	struct text text = { 0 };
	(void)state;

	wire_write_forecast(&text, &forecast, &names);
	assert_text(&text,
		"{\"series\":\"pump7/pressure\",\"issued\":1790000000,\"step\":60,\"horizon\":2,"
		"\"unit\":\"bar\",\"status\":\"ok\",\"seen\":5123,\"observed\":4.21,"
		"\"mean\":[1.5,-2],\"quantiles\":{\"0.1\":[1,10],\"0.2\":[2,20],\"0.3\":[3,30],"
		"\"0.4\":[4,40],\"0.5\":[5,50],\"0.6\":[6,60],\"0.7\":[7,70],\"0.8\":[8,80],"
		"\"0.9\":[9,90]},\"anomaly\":0.3,\"skill\":0.41,\"model\":\"base-3\"}");
	text_finish(&text);
}

static void what_a_forecast_does_not_know_is_null_or_left_out(void **state) {
	static const float mean[] = { NAN };
	static const float quantiles[QUANTILES] = { -INFINITY, 0, 0, 0, 0, 0, 0, 0, INFINITY };
	const struct forecast forecast = { .status = FORECAST_WARMING,
		.issued_ms = 1790000000250,
		.step_ms = 250,
		.observed = NAN,
		.anomaly = NAN,
		.skill = NAN,
		.horizon = 1,
		.mean = mean,
		.quantiles = quantiles };
	const struct wire_names names = { .series = SPAN("a\"b/ü") };
	struct text text = { 0 };
	(void)state;

	wire_write_forecast(&text, &forecast, &names);
	json_t *json = parse(&text);
	assert_string_equal(json_string_value(json_object_get(json, "series")), "a\"b/ü");
	assert_true(json_number_value(json_object_get(json, "issued")) == 1790000000.25);
	assert_true(json_number_value(json_object_get(json, "step")) == 0.25);
	assert_string_equal(json_string_value(json_object_get(json, "status")), "warming");
	assert_null(json_object_get(json, "unit"));
	assert_null(json_object_get(json, "model"));
	assert_true(json_is_null(json_object_get(json, "observed")));
	assert_true(json_is_null(json_object_get(json, "anomaly")));
	assert_true(json_is_null(json_object_get(json, "skill")));
	assert_true(json_is_null(json_array_get(json_object_get(json, "mean"), 0)));
	json_t *levels = json_object_get(json, "quantiles");
	assert_int_equal(json_object_size(levels), QUANTILES);
	assert_true(json_is_null(json_array_get(json_object_get(levels, "0.9"), 0)));
	json_decref(json);
	text_finish(&text);
}

static void the_longest_forecast_is_written_whole(void **state) {
	static float mean[HORIZON_MAX], quantiles[QUANTILES * HORIZON_MAX];
	const struct forecast forecast = {
		.horizon = HORIZON_MAX, .mean = mean, .quantiles = quantiles
	};
	const struct wire_names names = { .series = SPAN("a/b") };
	struct text text = { 0 };
	(void)state;

	for (int i = 0; i < QUANTILES * HORIZON_MAX; i++)
		quantiles[i] = (float)sin(i) * powf(10, (float)(i % 70 - 35));
	wire_write_forecast(&text, &forecast, &names);
	json_t *json = parse(&text);
	for (int level = 0; level < QUANTILES; level++) {
		char key[] = { '0', '.', (char)('1' + level), '\0' };
		json_t *row = json_object_get(json_object_get(json, "quantiles"), key);
		assert_int_equal(json_array_size(row), HORIZON_MAX);
		for (size_t i = 0; i < HORIZON_MAX; i++) {
			double wanted = (double)quantiles[(size_t)level * HORIZON_MAX + i];
			double got = json_number_value(json_array_get(row, i));
			assert_true(fabs(got - wanted) <= 6e-7 * fabs(wanted));
		}
	}
	json_decref(json);
	text_finish(&text);
}

static void times_have_the_decimals_they_need(void **state) {
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = { { 0, "0" }, { 1, "0.001" }, { 10, "0.01" }, { 100, "0.1" }, { 1000, "1" },
		{ 1790000000250, "1790000000.25" }, { 1790000000001, "1790000000.001" },
		{ 60000, "60" } };
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text = { 0 };
		wire_write_seconds(&text, cases[i].ms);
		assert_text(&text, cases[i].text);
		text_finish(&text);
	}
}

static void an_anomaly_tells_the_range_it_left(void **state) {
	const struct wire_anomaly anomaly = { 1790000000000, 9.5, 3, 4.5, 3.2 };
	const struct wire_names names = { .series = SPAN("pump7/pressure"), .unit = SPAN("bar") };
	struct text text = { 0 };
	(void)state;

	wire_write_anomaly(&text, &anomaly, &names);
	assert_text(&text,
		"{\"series\":\"pump7/pressure\",\"time\":1790000000,\"value\":9.5,\"low\":3,"
		"\"high\":4.5,\"score\":3.2,\"unit\":\"bar\"}");
	text_finish(&text);
}

static void topics_are_joined(void **state) {
	struct text text = { 0 };
	(void)state;

	wire_write_series_topic(&text, SPAN("xlstm"), SPAN("forecast"), SPAN("n/pump7/p"));
	assert_text(&text, "xlstm/forecast/n/pump7/p");
	text_reset(&text);
	wire_write_instance_topic(&text, SPAN("xlstm"), SPAN("main"), SPAN("request/status"));
	assert_text(&text, "xlstm/main/request/status");
	text_finish(&text);
}

/* What replay publishes is what a source reads. */
static void a_written_row_reads_back_as_its_readings(void **state) {
	static const struct span channels[] = { { "a\"", 2 }, { "b", 1 }, { "c", 1 } };
	static const double values[] = { 0.1, NAN, -1e-300 };
	struct wire_source_options options = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	struct wire_source *source = make_source(&options);
	struct reading_list list = { 0 };
	struct text text = { 0 };
	(void)state;

	wire_write_row(&text, 1790000000250, channels, values, 3);
	assert_int_equal(wire_read(source, SPAN("d"), text_span(&text), NOW, &list), 0);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(span_equal(list.items[i].channel, channels[i]));
		assert_int_equal(list.items[i].time_ms, 1790000000250);
		assert_true(isnan(values[i]) ? isnan(list.items[i].value)
					     : list.items[i].value == values[i]);
	}
	reading_list_finish(&list);
	text_finish(&text);
	wire_source_destroy(source);
}

static void a_response_brings_the_transaction_back(void **state) {
	static const char *const transactions[] = { "7", "\"abc\"", "null", "{\"a\":[1,2.5]}",
		"0.1", "9007199254740993" };
	(void)state;

	for (size_t i = 0; i < sizeof(transactions) / sizeof(transactions[0]); i++) {
		struct wire_request *request;
		struct text text = { 0 };
		char payload[100];

		snprintf(payload, sizeof(payload), "{\"transaction\":%s}", transactions[i]);
		assert_int_equal(wire_request_read(&request, span_text(payload)), 0);
		wire_write_response(&text, request, SPAN("{\"x\":1}"));
		json_t *json = parse(&text);
		json_t *wanted = json_loads(transactions[i], JSON_DECODE_ANY, NULL);
		assert_true(json_equal(json_object_get(json, "transaction"), wanted));
		assert_string_equal(json_string_value(json_object_get(json, "status")), "ok");
		assert_int_equal(
			json_integer_value(json_object_get(json_object_get(json, "data"), "x")), 1);
		json_decref(wanted);
		json_decref(json);
		text_finish(&text);
		wire_request_destroy(request);
	}
}

static void a_request_may_be_empty(void **state) {
	struct wire_request *request;
	struct text text = { 0 };
	(void)state;

	assert_int_equal(wire_request_read(&request, SPAN_EMPTY), 0);
	wire_write_response(&text, request, SPAN_EMPTY);
	assert_text(&text, "{\"status\":\"ok\",\"data\":{}}");
	text_finish(&text);
	wire_request_destroy(request);
	wire_request_destroy(NULL);
}

static void an_error_response_names_the_error(void **state) {
	struct wire_request *request;
	struct text text = { 0 };
	(void)state;

	assert_int_equal(wire_request_read(&request, SPAN("{\"transaction\":7}")), 0);
	wire_write_error_response(&text, request, E_NOT_FOUND, SPAN("pump\"9"));
	assert_text(&text, "{\"status\":\"error\",\"error\":\"not_found\","
			   "\"message\":\"no such thing: pump\\\"9\",\"transaction\":7}");
	text_reset(&text);
	wire_write_error_response(&text, NULL, E_SYNTAX, SPAN_EMPTY);
	json_t *json = parse(&text);
	assert_string_equal(json_string_value(json_object_get(json, "error")), "syntax");
	assert_null(json_object_get(json, "transaction"));
	json_decref(json);
	text_finish(&text);
	wire_request_destroy(request);
}

static void arguments_are_found_by_name_and_kind(void **state) {
	struct wire_request *request;
	struct span text;
	double number;
	bool flag;
	(void)state;

	assert_int_equal(wire_request_read(&request,
				 SPAN("{\"s\":\"pump7/p\",\"n\":5,\"q\":\"2.5\",\"b\":true}")),
		0);
	assert_int_equal(wire_request_text(request, "s", &text), 0);
	assert_true(span_equal(text, SPAN("pump7/p")));
	assert_int_equal(wire_request_text(request, "n", &text), E_USAGE);
	assert_int_equal(wire_request_text(request, "x", &text), E_NOT_FOUND);
	assert_int_equal(wire_request_number(request, "n", &number), 0);
	assert_true(number == 5);
	assert_int_equal(wire_request_number(request, "q", &number), 0);
	assert_true(number == 2.5);
	assert_int_equal(wire_request_number(request, "s", &number), E_USAGE);
	assert_int_equal(wire_request_number(request, "b", &number), E_USAGE);
	assert_int_equal(wire_request_number(request, "x", &number), E_NOT_FOUND);
	assert_int_equal(wire_request_bool(request, "b", &flag), 0);
	assert_true(flag);
	assert_int_equal(wire_request_bool(request, "n", &flag), E_USAGE);
	assert_int_equal(wire_request_bool(request, "x", &flag), E_NOT_FOUND);
	wire_request_destroy(request);
}

static void wrong_requests_are_refused(void **state) {
	static char large[WIRE_REQUEST_MAX + 1];
	struct wire_request *request;
	(void)state;

	memset(large, ' ', sizeof(large));
	assert_int_equal(wire_request_read(&request, span_of(large, sizeof(large))), E_TOO_LARGE);
	assert_int_equal(wire_request_read(&request, SPAN("[]")), E_SYNTAX);
	assert_int_equal(wire_request_read(&request, SPAN("7")), E_SYNTAX);
	assert_int_equal(wire_request_read(&request, SPAN("{")), E_SYNTAX);
	assert_int_equal(wire_request_read(&request, SPAN("{\"a\":[1\0,2]}")), E_SYNTAX);
	assert_int_equal(wire_request_read(&request, SPAN("{\"a\":\"\xff\"}")), E_ENCODING);
	assert_int_equal(wire_request_read(&request, SPAN("{\"a\":1e999}")), E_NUMBER);
}

static struct wire_discovery discovery_of(
	struct span detector, const struct wire_discovery_channel *channels, size_t count) {
	return (struct wire_discovery){ .prefix = SPAN("homeassistant"),
		.base = SPAN("xlstm"),
		.instance = SPAN("main"),
		.version = SPAN("0.1.0"),
		.detector = detector,
		.channels = channels,
		.channel_count = count };
}

static const char *text_at(json_t *json, const char *key) {
	return json_string_value(json_object_get(json, key));
}

static void discovery_tells_of_two_sensors_per_channel(void **state) {
	static const struct wire_discovery_channel channels[] = {
		{ { "pressure", 8 }, { "bar", 3 } },
		{ { "°C", 3 }, { NULL, 0 } },
	};
	struct wire_discovery discovery = discovery_of(SPAN("pump7"), channels, 2);
	struct text text = { 0 };
	(void)state;

	wire_write_discovery_topic(&text, &discovery);
	assert_text(&text, "homeassistant/device/xlstm_main_pump7/config");
	text_reset(&text);

	wire_write_discovery(&text, &discovery);
	json_t *json = parse(&text);
	assert_string_equal(text_at(json_object_get(json, "device"), "name"), "pump7");
	assert_string_equal(text_at(json_object_get(json, "origin"), "sw"), "0.1.0");
	assert_string_equal(text_at(json, "availability_topic"), "xlstm/main/state");
	json_t *components = json_object_get(json, "components");
	assert_int_equal(json_object_size(components), 4);
	json_t *sensor = json_object_get(components, "xlstm_main_pump7_pressure_forecast");
	assert_string_equal(text_at(sensor, "platform"), "sensor");
	assert_string_equal(text_at(sensor, "unique_id"), "xlstm_main_pump7_pressure_forecast");
	assert_string_equal(text_at(sensor, "state_topic"), "xlstm/forecast/pump7/pressure");
	assert_string_equal(text_at(sensor, "value_template"), "{{ value_json.mean[0] }}");
	assert_string_equal(text_at(sensor, "unit_of_measurement"), "bar");
	sensor = json_object_get(components, "xlstm_main_pump7_pressure_anomaly");
	assert_string_equal(text_at(sensor, "value_template"), "{{ value_json.anomaly }}");
	assert_null(json_object_get(sensor, "unit_of_measurement"));
	json_decref(json);
	text_finish(&text);
}

static void discovery_ids_hold_allowed_characters_and_stay_apart(void **state) {
	static const char *const names[] = { "a/b", "a_b", "a.b", "ä", "ö", "a b", "a/b/c" };
	char seen[7][100];
	(void)state;

	for (size_t i = 0; i < 7; i++) {
		struct wire_discovery discovery = discovery_of(span_text(names[i]), NULL, 0);
		struct text text = { 0 };

		wire_write_discovery_topic(&text, &discovery);
		text_add_char(&text, '\0');
		snprintf(seen[i], sizeof(seen[i]), "%s",
			text.data + strlen("homeassistant/device/"));
		size_t plain = strspn(seen[i], "abcdefghijklmnopqrstuvwxyz0123456789_-");
		assert_string_equal(seen[i] + plain, "/config");
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
		text_finish(&text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forecast_is_the_json_of_the_contract),
		cmocka_unit_test(what_a_forecast_does_not_know_is_null_or_left_out),
		cmocka_unit_test(the_longest_forecast_is_written_whole),
		cmocka_unit_test(times_have_the_decimals_they_need),
		cmocka_unit_test(an_anomaly_tells_the_range_it_left),
		cmocka_unit_test(topics_are_joined),
		cmocka_unit_test(a_written_row_reads_back_as_its_readings),
		cmocka_unit_test(a_response_brings_the_transaction_back),
		cmocka_unit_test(a_request_may_be_empty),
		cmocka_unit_test(an_error_response_names_the_error),
		cmocka_unit_test(arguments_are_found_by_name_and_kind),
		cmocka_unit_test(wrong_requests_are_refused),
		cmocka_unit_test(discovery_tells_of_two_sensors_per_channel),
		cmocka_unit_test(discovery_ids_hold_allowed_characters_and_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
