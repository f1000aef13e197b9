/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* The examples of RFC 8428, section 5.1, and its rules. */

static struct wire_source_options by_name(void) {
	return (struct wire_source_options){ .topic = SPAN("senml/#"), .format = WIRE_SENML };
}

static void the_examples_of_the_rfc_are_read(void **state) {
	struct wire_source_options options = by_name();
	static const struct message messages[] = {
		{ "senml", "[{\"n\":\"urn:dev:ow:10e2073a01080063\",\"u\":\"Cel\",\"v\":23.1}]", 0,
			"urn:dev:ow 10e2073a01080063 23.1 Cel" },
		{ "senml",
			"[{\"bn\":\"urn:dev:ow:10e2073a01080063:\",\"n\":\"voltage\",\"u\":\"V\","
			"\"v\":120.1},{\"n\":\"current\",\"u\":\"A\",\"v\":1.2}]",
			0,
			"urn:dev:ow:10e2073a01080063 voltage 120.1 V; "
			"urn:dev:ow:10e2073a01080063 current 1.2 A" },
		{ "senml",
			"[{\"bn\":\"urn:dev:ow:10e2073a0108006:\",\"bt\":1.276020076001e+09,"
			"\"bu\":\"A\",\"bver\":5,\"n\":\"voltage\",\"u\":\"V\",\"v\":120.1},"
			"{\"n\":\"current\",\"t\":-5,\"v\":1.2},{\"n\":\"current\",\"t\":-4,\"v\":"
			"1.3}]",
			0,
			"urn:dev:ow:10e2073a0108006 voltage 120.1 V @1276020076001; "
			"urn:dev:ow:10e2073a0108006 current 1.2 A @1276020071001; "
			"urn:dev:ow:10e2073a0108006 current 1.3 A @1276020072001" },
		{ "senml",
			"[{\"bn\":\"urn:dev:ow:10e2073a01080063\",\"bt\":1.320067464e+09,"
			"\"bu\":\"%RH\",\"v\":20},{\"u\":\"lon\",\"v\":24.30621},{\"t\":60,\"v\":"
			"20.3}]",
			0,
			"urn:dev:ow:10e2073a01080063 value 20 %RH @1320067464000; "
			"urn:dev:ow:10e2073a01080063 value 24.30621 lon @1320067464000; "
			"urn:dev:ow:10e2073a01080063 value 20.3 %RH @1320067524000" },
		{ "senml",
			"[{\"bn\":\"urn:dev:ow:10e2073a01080063:\",\"n\":\"temp\",\"u\":\"Cel\","
			"\"v\":23.1},{\"n\":\"label\",\"vs\":\"Machine Room\"},"
			"{\"n\":\"open\",\"vb\":false},{\"n\":\"nfc-reader\",\"vd\":\"aGkgCg\"}]",
			0,
			"urn:dev:ow:10e2073a01080063 temp 23.1 Cel; "
			"urn:dev:ow:10e2073a01080063 open 0" },
	};
	(void)state;

	CHECK(options, messages);
}

static void times_below_two_to_the_28_count_from_arrival(void **state) {
	struct wire_source_options options = by_name();
	static const struct message messages[] = {
		{ "senml", "[{\"n\":\"a/b\",\"t\":-10,\"v\":1}]", 0, "a b 1 @1789999990000" },
		{ "senml", "[{\"n\":\"a/b\",\"t\":0.5,\"v\":1}]", 0, "a b 1 @1790000000500" },
		{ "senml", "[{\"n\":\"a/b\",\"t\":0,\"v\":1}]", 0, "a b 1" },
		{ "senml", "[{\"n\":\"a/b\",\"bt\":-10,\"t\":10,\"v\":1}]", 0, "a b 1" },
		{ "senml", "[{\"n\":\"a/b\",\"t\":268435456,\"v\":1}]", 0, "a b 1 @268435456000" },
		{ "senml", "[{\"n\":\"a/b\",\"t\":1e12,\"v\":1}]", E_TIME, NULL },
		{ "senml",
			"[{\"n\":\"a/b\",\"t\":-1e12,\"v\":1},{\"n\":\"c\",\"bn\":\"d/\",\"v\":2}]",
			0, "d c 2 !absurd_time" },
	};
	(void)state;

	CHECK(options, messages);
}

static void base_fields_go_on_until_they_change(void **state) {
	struct wire_source_options options = by_name();
	static const struct message messages[] = {
		{ "senml",
			"[{\"bn\":\"d/\",\"bv\":100,\"n\":\"a\",\"v\":1},{\"n\":\"a\",\"v\":2},"
			"{\"bv\":0,\"n\":\"a\",\"v\":3}]",
			0, "d a 101; d a 102; d a 3" },
		{ "senml", "[{\"bn\":\"d/\",\"bu\":\"m\"},{\"n\":\"a\",\"v\":1}]", 0, "d a 1 m" },
		{ "senml",
			"[{\"bn\":\"d/\"},{\"n\":\"a\",\"v\":1},{\"bn\":\"e/"
			"\"},{\"n\":\"a\",\"v\":2}]",
			0, "d a 1; e a 2" },
		{ "senml", "[{\"bn\":\"d/\",\"bv\":5},{\"n\":\"a\"}]", 0, "d a 5" },
	};
	(void)state;

	CHECK(options, messages);
}

static void sums_are_channels_of_their_own(void **state) {
	struct wire_source_options options = by_name();
	static const struct message messages[] = {
		{ "senml", "[{\"n\":\"d/e\",\"u\":\"W\",\"v\":5,\"s\":70}]", 0,
			"d e 5 W; d e.sum 70" },
		{ "senml", "[{\"n\":\"d/e\",\"s\":70}]", 0, "d e.sum 70" },
		{ "senml",
			"[{\"bn\":\"d/\",\"bs\":1000,\"n\":\"e\",\"s\":70},{\"n\":\"e\",\"s\":71}]",
			0, "d e.sum 1070; d e.sum 1071" },
		{ "senml", "[{\"bn\":\"d/\",\"bs\":1000},{\"n\":\"e\"}]", 0, "d e.sum 1000" },
	};
	(void)state;

	CHECK(options, messages);
}

static void what_breaks_the_rules_is_refused(void **state) {
	struct wire_source_options options = by_name();
	static const struct message messages[] = {
		{ "senml", "{\"n\":\"a/b\",\"v\":1}", E_SYNTAX, NULL },
		{ "senml", "[]", E_EMPTY, NULL },
		{ "senml", "[7]", E_SYNTAX, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"v\":\"1\"}]", E_SYNTAX, NULL },
		{ "senml", "[{\"n\":7,\"v\":1}]", E_SYNTAX, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"v\":1,\"vb\":true}]", E_SYNTAX, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"vb\":1}]", E_SYNTAX, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"t\":\"x\",\"v\":1}]", E_SYNTAX, NULL },
		{ "senml", "[{\"bver\":11,\"n\":\"a/b\",\"v\":1}]", E_FORMAT, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"v\":1,\"must_\":1}]", E_FORMAT, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"v\":1,\"may\":{\"x\":[]}}]", 0, "a b 1" },
		{ "senml", "[{\"v\":1}]", E_NAME, NULL },
		{ "senml", "[{\"n\":\"ab\",\"v\":1}]", E_NAME, NULL },
		{ "senml", "[{\"n\":\"/b\",\"v\":1}]", E_NAME, NULL },
		{ "senml", "[{\"n\":\"a//b\",\"v\":1}]", 0, "a b 1" },
		{ "senml", "[{\"n\":\"a//c/b\",\"v\":1}]", E_NAME, NULL },
		{ "senml", "[{\"n\":\"a/+\",\"v\":1},{\"n\":\"a/b\",\"v\":2}]", 0,
			"a b 2 !bad_name" },
		{ "senml", "[{\"bv\":1.7e308,\"n\":\"a/b\",\"v\":1.7e308}]", E_NUMBER, NULL },
		{ "senml", "[{\"n\":\"a/b\",\"vs\":\"text\"}]", E_EMPTY, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

static void topic_and_configuration_may_name_the_detector(void **state) {
	struct wire_source_options topic = { .topic = SPAN("{detector}"), .format = WIRE_AUTO };
	struct wire_source_options gateway = {
		.topic = SPAN("{gateway}"), .detector = SPAN("{gateway}/{bn}"), .format = WIRE_SENML
	};
	struct wire_source_options listed = {
		.topic = SPAN("{detector}"), .channels = SPAN("warm = temp"), .format = WIRE_SENML
	};
	static const struct message by_topic[] = {
		{ "pump", "[{\"bn\":\"urn:x:\",\"n\":\"temp\",\"v\":1},{\"n\":\"rpm\",\"v\":2}]", 0,
			"pump temp 1; pump rpm 2" },
		{ "pump", "[{\"bn\":\"urn:x\",\"v\":1}]", 0, "pump value 1" },
	};
	static const struct message by_gateway[] = {
		{ "gw", "[{\"bn\":\"urn:x:\",\"n\":\"temp\",\"v\":1}]", 0, "gw/urn:x temp 1" },
		{ "gw", "[{\"n\":\"temp\",\"v\":1}]", E_NAME, NULL },
	};
	static const struct message by_list[] = {
		{ "pump", "[{\"n\":\"temp\",\"v\":1},{\"n\":\"rpm\",\"v\":2}]", 0, "pump warm 1" },
	};
	(void)state;

	CHECK(topic, by_topic);
	CHECK(gateway, by_gateway);
	CHECK(listed, by_list);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_are_read),
		cmocka_unit_test(times_below_two_to_the_28_count_from_arrival),
		cmocka_unit_test(base_fields_go_on_until_they_change),
		cmocka_unit_test(sums_are_channels_of_their_own),
		cmocka_unit_test(what_breaks_the_rules_is_refused),
		cmocka_unit_test(topic_and_configuration_may_name_the_detector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
