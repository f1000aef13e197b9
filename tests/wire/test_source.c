/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>

static void wrong_options_are_refused_with_a_phrase(void **state) {
	/* clang-format off */
	static const struct wire_source_options cases[] = {
		{.topic = { "", 0 }  },
		{			       .topic = { "a/#/b", 5 }                  },
		{ .topic = { "a/{channel#}", 12 }},
		{         .topic = { "a", 1 }, .detector = { "{", 1 } },
		{        .topic = { "a", 1 }, .detector = { "{}", 2 } },
		{        .topic = { "a", 1 }, .channels = { "a,", 2 } },
		{       .topic = { "a", 1 }, .channels = { "a/b", 3 } },
		{        .topic = { "a", 1 }, .channels = { "a=", 2 } },
		{        .topic = { "a", 1 }, .channels = { "=a", 2 } },
		{ .topic = { "a", 1 },       .latitude = { "lat", 3 } },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_source *source = NULL;
		const char *problem = NULL;

		assert_int_equal(wire_source_create(&source, &cases[i], &problem), E_CONFIG);
		assert_non_null(problem);
		assert_null(source);
	}
}

static void a_source_stands_on_its_own(void **state) {
	char topic[] = "a/{detector}", channels[] = "x = y";
	struct wire_source_options options = { .topic = span_text(topic),
		.channels = span_text(channels) };
	struct wire_source *source = make_source(&options);
	struct reading_list list = { 0 };
	(void)state;

	memset(topic, '?', sizeof(topic));
	memset(channels, '?', sizeof(channels));
	assert_true(span_equal(wire_source_filter(source), SPAN("a/+")));
	assert_true(wire_source_matches(source, SPAN("a/d")));
	assert_false(wire_source_matches(source, SPAN("b/d")));
	check_message(source, &(struct message){ "a/d", "{\"y\":1,\"z\":2}", 0, "d x 1" }, &list);
	reading_list_finish(&list);
	wire_source_destroy(source);
}

static void topic_and_configuration_name_the_detector(void **state) {
	/* clang-format off */
	static const struct {
		const char *topic;
		const char *detector;
		struct message message;
	} cases[] = {
		{ "p/{site}/{detector}/{channel}", "", { "p/n/pump/t", "1", 0, "pump t 1" } },
		{ "p/{site}/{device}/{channel}", "", { "p/n/pump/t", "1", 0, "n/pump t 1" } },
		{ "p/{site}/{detector}/{channel}", "{site}/{detector}",
			{ "p/n/pump/t", "1", 0, "n/pump t 1" } },
		{ "p/{site}/{detector}", "x-{detector}-{site}",
			{ "p/n/pump", "1", 0, "x-pump-n value 1" } },
		{ "p/{site}", "all", { "p/n", "1", 0, "all value 1" } },
		{ "p/+/{channel}", "", { "p/n/t", "1", 0, "p/n t 1" } },
		{ "p/#", "", { "p/n/t", "1", 0, "p/n/t value 1" } },
		{ "p/{rest#}", "", { "p/n/t", "1", 0, "n/t value 1" } },
		{ "p/{site}", "{site}/{id}", { "p/n", "{\"id\":\"a\",\"v\":1}", 0, "n/a v 1" } },
		{ "p/{site}", "{dev.id}",
			{ "p/n", "{\"dev\":{\"id\":42},\"v\":1}", 0, "42 dev.id 42; 42 v 1" } },
		{ "p/{site}", "{id}", { "p/n", "{\"v\":1}", E_NAME, NULL } },
		{ "p/{site}", "{id}", { "p/n", "1", E_NAME, NULL } },
		{ "p/{detector}", "", { "p/", "1", E_NAME, NULL } },
		{ "p/{detector}", "", { "p/a\xff", "1", E_ENCODING, NULL } },
		{ "p/{detector}", "", { "p/a\nb", "1", E_NAME, NULL } },
		{ "p/{detector}", "", { "q/a", "1", E_NO_SOURCE, NULL } },
		{ "p/{detector}/{channel}", "", { "p/a/", "1", E_NAME, NULL } },
	};
	/* clang-format on */
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_source_options options = { .topic = span_text(cases[i].topic),
			.detector = span_text(cases[i].detector) };
		check_messages(&options, &cases[i].message, 1);
	}
}

static void names_that_are_too_long_are_refused(void **state) {
	struct wire_source_options options = { .topic = SPAN("{a}/{b}/{channel}") };
	char topic[400];
	(void)state;

	memset(topic, 'x', sizeof(topic));
	topic[64] = topic[129] = '/';
	topic[131] = '\0';
	const struct message joined = { topic, "1", E_NAME, NULL };
	check_messages(&options, &joined, 1);
	topic[3] = '/';
	topic[5] = '/';
	topic[64] = topic[129] = topic[131] = 'x';
	topic[6 + NAME_MAX_LENGTH + 1] = '\0';
	const struct message channel = { topic, "1", E_NAME, NULL };
	check_messages(&options, &channel, 1);
}

static void payloads_beyond_the_limit_are_refused_unread(void **state) {
	struct wire_source_options options = { .topic = SPAN("a"), .payload_max = 10 };
	static const struct message messages[] = { { "a", "1234567890", 0, "a value 1234567890" },
		{ "a", "12345678901", E_TOO_LARGE, NULL } };
	(void)state;

	CHECK(options, messages);

	struct wire_source_options standard = { .topic = SPAN("a") };
	struct wire_source *source = make_source(&standard);
	struct reading_list list = { 0 };
	size_t size = 10 * 1024 * 1024;
	char *payload = malloc(size);
	memset(payload, '[', size);
	assert_int_equal(
		wire_read(source, SPAN("a"), span_of(payload, size), NOW, &list), E_TOO_LARGE);
	reading_list_finish(&list);
	wire_source_destroy(source);
	free(payload);
}

static void auto_tells_the_formats_apart(void **state) {
	struct wire_source_options options = { .topic = SPAN("{detector}") };
	static const struct message messages[] = {
		{ "d", " 21.5\n", 0, "d value 21.5" },
		{ "d", "{\"a\":1}", 0, "d a 1" },
		{ "d", " [ {\"a\":1} ]", 0, "d a 1" },
		{ "d", "[{\"n\":\"a\",\"v\":1}]", 0, "d a 1" },
		{ "d", "[{\"bn\":\"a\",\"v\":1}]", 0, "d value 1" },
		{ "d", "m a=1", 0, "d a 1" },
		{ "d", "7m,x=1 a=1", 0, "d a 1" },
		{ "d", "\"21.5\"", 0, "d value 21.5" },
		{ "d", "true", 0, "d value 1" },
		{ "d", "hello world", E_FORMAT, NULL },
		{ "d", "<xml/>", E_FORMAT, NULL },
		{ "d", "", E_EMPTY, NULL },
		{ "d", " \r\n", E_EMPTY, NULL },
		{ "d", "1e999", E_NUMBER, NULL },
		{ "d", "\xff\xfe", E_ENCODING, NULL },
		{ "d", "{\"a\":\"\xff\"}", E_ENCODING, NULL },
		{ "d", "m a=\xff", E_ENCODING, NULL },
	};
	(void)state;

	CHECK(options, messages);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_options_are_refused_with_a_phrase),
		cmocka_unit_test(a_source_stands_on_its_own),
		cmocka_unit_test(topic_and_configuration_name_the_detector),
		cmocka_unit_test(names_that_are_too_long_are_refused),
		cmocka_unit_test(payloads_beyond_the_limit_are_refused_unread),
		cmocka_unit_test(auto_tells_the_formats_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
