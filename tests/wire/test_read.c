/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and JSON. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void numbers_may_have_blanks_and_a_unit(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}/{channel}"),
		.format = WIRE_NUMBER };
	static const struct message messages[] = {
		{ "d/t", "21.5", 0, "d t 21.5" },
		{ "d/t", "-3e2", 0, "d t -300" },
		{ "d/t", "21.5 °C", 0, "d t 21.5 °C" },
		{ "d/t", "45%", 0, "d t 45 %" },
		{ "d/t", "ON", 0, "d t 1" },
		{ "d/t", "false", 0, "d t 0" },
		{ "d/t", "null", 0, "d t null" },
		{ "d/t", "NaN", 0, "d t null" },
		{ "d/t", "unavailable", 0, "d t null" },
		{ "d/t", "inf", E_SYNTAX, NULL },
		{ "d/t", "1e400", E_NUMBER, NULL },
		{ "d/t", "12 apples and pears", E_SYNTAX, NULL },
		{ "d/t", "12,5", 0, "d t 12 ,5" },
		{ "d/t", "0x10", 0, "d t 0 x10" },
		{ "d/t", "{\"a\":1}", E_SYNTAX, NULL },
		{ "d/t", "\xff", E_ENCODING, NULL },
		{ "d/t", "21.5 \x01", E_SYNTAX, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void fields_of_an_object_are_channels(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	static const struct message messages[] = {
		{ "d", "{\"a\":1.5,\"b\":-2}", 0, "d a 1.5; d b -2" },
		{ "d", "{\"a\":true,\"b\":false,\"c\":null}", 0, "d a 1; d b 0; d c null" },
		{ "d", "{\"a\":\"21.5\",\"b\":\"text\",\"c\":\"\"}", 0, "d a 21.5" },
		{ "d", "{\"a\":{\"b\":{\"c\":1}},\"d\":2}", 0, "d a.b.c 1; d d 2" },
		{ "d", "{\"a\":[1,[2,{\"x\":3}]]}", 0, "d a.0 1; d a.1.0 2; d a.1.1.x 3" },
		{ "d", "{}", E_EMPTY, NULL },
		{ "d", "[]", E_EMPTY, NULL },
		{ "d", "{\"a\":\"text\"}", E_EMPTY, NULL },
		{ "d", "{\"a/b\":1,\"c\":2}", 0, "d c 2 !bad_name" },
		{ "d", "{\"a+\":1}", E_NAME, NULL },
		{ "d", "{\"\":1}", E_NAME, NULL },
		{ "d", "{\"a\":\"1e999\",\"b\":1}", 0, "d b 1 !not_a_number" },
		{ "d", "{\"a\":1e999}", E_NUMBER, NULL },
		{ "d", "{\"a\":99999999999999999999}", 0, "d a 1e+20" },
		{ "d", "{\"a\":NaN}", E_SYNTAX, NULL },
		{ "d", "{\"a\":Infinity}", E_SYNTAX, NULL },
		{ "d", "{\"a\":1,\"a\":2}", E_SYNTAX, NULL },
		{ "d", "{\"a\":1", E_SYNTAX, NULL },
		{ "d", "{\"a\":1}}", E_SYNTAX, NULL },
		{ "d", "{\"a\\u0000b\":1}", E_SYNTAX, NULL },
		{ "d", "{'a':1}", E_SYNTAX, NULL },
		{ "d", "{\"größe\":1}", 0, "d größe 1" },
		{ "d", "7", 0, "d value 7" },
		{ "d", "\"off\"", 0, "d value 0" },
		{ "d", "\"text\"", E_NUMBER, NULL },
		{ "d", "null", 0, "d value null" },
	};
	(void)state;

	CHECK(options, messages);
}

static void times_are_found_under_their_usual_names(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	static const struct message messages[] = {
		{ "d", "{\"time\":1790000000,\"a\":1}", 0, "d a 1 @1790000000000" },
		{ "d", "{\"a\":1,\"timestamp\":1790000000.25}", 0, "d a 1 @1790000000250" },
		{ "d", "{\"ts\":1790000000250,\"a\":1}", 0, "d a 1 @1790000000250" },
		{ "d", "{\"ts\":1790000000250000,\"a\":1}", 0, "d a 1 @1790000000250" },
		{ "d", "{\"ts\":1790000000250000000,\"a\":1}", 0, "d a 1 @1790000000250" },
		{ "d", "{\"ts\":\"1790000000\",\"a\":1}", 0, "d a 1 @1790000000000" },
		{ "d", "{\"Time\":\"2026-11-22T03:24:19\",\"a\":1}", 0, "d a 1 @1795317859000" },
		{ "d", "{\"datetime\":\"2026-11-22T04:24:19+01:00\",\"a\":1}", 0,
			"d a 1 @1795317859000" },
		{ "d", "{\"t\":1790000000,\"a\":1}", 0, "d a 1 @1790000000000" },
		/* Here t is a temperature. */
		{ "d", "{\"t\":21.5,\"h\":40}", 0, "d t 21.5; d h 40" },
		{ "d", "{\"last_seen\":1,\"time\":1790000000,\"a\":1}", 0, "d a 1 @1790000000000" },
		{ "d", "{\"time\":null,\"a\":1}", 0, "d a 1" },
		{ "d", "{\"time\":\"12:30\",\"a\":1}", E_TIME, NULL },
		{ "d", "{\"time\":-5,\"a\":1}", E_TIME, NULL },
		{ "d", "{\"time\":1e30,\"a\":1}", E_TIME, NULL },
		{ "d", "{\"time\":true,\"a\":1}", E_TIME, NULL },
		{ "d", "[{\"time\":1e30,\"a\":1},{\"time\":1790000000,\"a\":2}]", 0,
			"d a 2 @1790000000000 !absurd_time" },
	};
	(void)state;

	CHECK(options, messages);
}

static void a_time_field_may_be_named_or_ignored(void **state) {
	struct wire_source_options named = {
		.topic = SPAN("{detector}"), .format = WIRE_JSON, .time = SPAN("meta.at")
	};
	struct wire_source_options ignored = {
		.topic = SPAN("{detector}"), .format = WIRE_JSON, .time = SPAN("arrival")
	};
	static const struct message with_name[] = {
		{ "d", "{\"meta\":{\"at\":1790000000,\"x\":2},\"time\":5}", 0,
			"d meta.x 2 @1790000000000; d time 5 @1790000000000" },
		{ "d", "{\"a\":1}", 0, "d a 1" },
	};
	static const struct message without[] = {
		{ "d", "{\"time\":1790000000,\"a\":1}", 0, "d time 1790000000; d a 1" },
	};
	(void)state;

	CHECK(named, with_name);
	CHECK(ignored, without);
}

static void only_channels_that_were_asked_for_are_read(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}"),
		.format = WIRE_JSON,
		.channels = SPAN("speed, t = sensor.temp , state") };
	static const struct message messages[] = {
		{ "d", "{\"x\":1,\"sensor\":{\"temp\":2},\"speed\":3}", 0, "d speed 3; d t 2" },
		{ "d", "{\"sensor.temp\":2}", 0, "d t 2" },
		{ "d", "{\"speed\":null}", 0, "d speed null" },
		{ "d", "{\"state\":\"ON\"}", 0, "d state 1" },
		{ "d", "{\"state\":\"unavailable\"}", 0, "d state null" },
		{ "d", "{\"state\":\"odd\",\"speed\":1}", 0, "d speed 1 !not_a_number" },
		{ "d", "{\"state\":{},\"speed\":1}", 0, "d speed 1 !not_a_number" },
		{ "d", "{\"x\":1}", E_EMPTY, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void with_a_channel_in_the_topic_value_means_it(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}/{channel}"),
		.format = WIRE_JSON };
	static const struct message messages[] = {
		{ "d/t", "{\"value\":21.5}", 0, "d t 21.5" },
		{ "d/t", "{\"v\":21.5,\"ts\":1790000000}", 0, "d t 21.5 @1790000000000" },
		{ "d/t", "{\"val\":21.5,\"battery\":3}", 0, "d t 21.5; d t.battery 3" },
		{ "d/t", "21.5", 0, "d t 21.5" },
	};
	(void)state;

	CHECK(options, messages);
}

static void units_are_told_or_configured(void **state) {
	struct wire_source_options told = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	struct wire_source_options configured = { .topic = SPAN("{detector}"),
		.unit = SPAN("bar") };
	static const struct message telling[] = {
		{ "d", "{\"value\":21.5,\"unit\":\"°C\"}", 0, "d value 21.5 °C" },
		{ "d", "{\"unit_of_measurement\":\"W\",\"p\":5}", 0, "d p 5 W" },
		{ "d", "{\"unit\":\"°C\",\"a\":1,\"b\":2}", 0, "d a 1; d b 2" },
		{ "d", "{\"unit\":3}", 0, "d unit 3" },
	};
	static const struct message overruled[] = {
		{ "d", "{\"value\":21.5,\"unit\":\"°C\"}", 0, "d value 21.5 bar" },
		{ "d", "21.5 °C", 0, "d value 21.5 bar" },
		{ "d", "m a=1", 0, "d a 1 bar" },
	};
	(void)state;

	CHECK(told, telling);
	CHECK(configured, overruled);
}

static void an_array_holds_several_readings_in_order(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	static const struct message messages[] = {
		{ "d", "[{\"ts\":1790000000,\"a\":1},{\"ts\":1790000060,\"a\":2}]", 0,
			"d a 1 @1790000000000; d a 2 @1790000060000" },
		{ "d", "[{\"a\":1},7]", 0, "d a 1 !syntax" },
		{ "d", "[1,2]", E_SYNTAX, NULL },
		{ "d", "[[{\"a\":1}]]", E_SYNTAX, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void positions_are_read_beside_the_channels(void **state) {
	struct wire_source_options options = {
		.topic = SPAN("{detector}"), .latitude = SPAN("lat"), .longitude = SPAN("pos.lon")
	};
	struct wire_source *source = make_source(&options);
	struct reading_list list = { 0 };
	(void)state;

	check_message(source,
		&(struct message){
			"d", "{\"lat\":48.5,\"pos\":{\"lon\":\"9.25\"},\"a\":1}", 0, "d a 1" },
		&list);
	assert_int_equal(list.position_count, 1);
	assert_true(span_equal(list.positions[0].detector, SPAN("d")));
	assert_true(list.positions[0].latitude == 48.5);
	assert_true(list.positions[0].longitude == 9.25);

	check_message(
		source, &(struct message){ "d", "{\"lat\":48.5,\"a\":1}", 0, "d a 1" }, &list);
	assert_int_equal(list.position_count, 0);
	check_message(source,
		&(struct message){ "d", "{\"lat\":90.5,\"pos\":{\"lon\":1},\"a\":1}", 0,
			"d a 1 !not_a_number" },
		&list);
	assert_int_equal(list.position_count, 0);
	reading_list_finish(&list);
	wire_source_destroy(source);
}

static void nested_payload(char *payload, int depth, const char *open, const char *close) {
	char *at = payload;

	for (int i = 0; i < depth; i++)
		at += sprintf(at, "%s", open);
	at += sprintf(at, "1");
	for (int i = 0; i < depth; i++)
		at += sprintf(at, "%s", close);
}

static void deep_nesting_is_refused(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	static const int depths[] = { 10, 100, 2000, 3000, 100000 };
	char *payload = malloc(1000000);
	(void)state;

	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		nested_payload(payload, depths[i], "{\"a\":", "}");
		const struct message objects = { "d", payload, E_TOO_LARGE, NULL };
		check_messages(&options, &objects, 1);
		nested_payload(payload, depths[i], "[", "]");
		/* Arrays within the outermost array are no readings. */
		const struct message arrays = { "d", payload,
			depths[i] > 2048 ? E_TOO_LARGE : E_SYNTAX, NULL };
		check_messages(&options, &arrays, 1);
	}
	nested_payload(payload, 9, "{\"a\":", "}");
	const struct message just = { "d", payload, 0, "d a.a.a.a.a.a.a.a.a 1" };
	check_messages(&options, &just, 1);
	free(payload);
}

static void more_readings_than_the_limit_are_refused(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}"), .format = WIRE_JSON };
	char *payload = malloc(10 * (WIRE_READINGS_MAX + 2));
	char *at = payload;
	(void)state;

	*at++ = '[';
	for (int i = 0; i <= WIRE_READINGS_MAX; i++)
		at += sprintf(at, "%s{\"a\":1}", i > 0 ? "," : "");
	strcpy(at, "]");
	const struct message message = { "d", payload, E_TOO_LARGE, NULL };
	check_messages(&options, &message, 1);
	free(payload);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_may_have_blanks_and_a_unit),
		cmocka_unit_test(fields_of_an_object_are_channels),
		cmocka_unit_test(times_are_found_under_their_usual_names),
		cmocka_unit_test(a_time_field_may_be_named_or_ignored),
		cmocka_unit_test(only_channels_that_were_asked_for_are_read),
		cmocka_unit_test(with_a_channel_in_the_topic_value_means_it),
		cmocka_unit_test(units_are_told_or_configured),
		cmocka_unit_test(an_array_holds_several_readings_in_order),
		cmocka_unit_test(positions_are_read_beside_the_channels),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(more_readings_than_the_limit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
