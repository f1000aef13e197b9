/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation fails: each of those that a message takes, in turn. It is read as ever, or not for want of
 * memory, and nothing is left behind. */
#include "fixture.h"
#include "request.h"
#include "sanitizers.h"
#include "starve.h"

#include <errno.h>

/* jansson keeps a token in 16 bytes, then in 32, and so on: the quote that ends temperature_in and abcdefghijklmn is
 * the first to find no room, in other names it is a letter. Numbers follow. */
static const struct example {
	const char *topic;
	const char *detector; /* empty: from the topic */
	enum wire_format format;
	const char *payload;
} examples[] = {
	{ "{detector}", "", WIRE_JSON,
		"{\"timestamp\":1790000000,\"temperature_in\":21.5,"
		"\"pressure_of_the_feed_water_pump\":4.25,\"unit_of_measurement\":\"bar\","
		"\"inner\":{\"a_name_of_nineteen_\":[1,2.5,3,4,5,6,7,8,9]}}" },
	{ "{site}", "{site}/{device}", WIRE_JSON,
		"[{\"device\":\"abcdefghijklmn\",\"v\":1},{\"device\":\"abcdefghijklmno\",\"v\":2}"
		"]" },
	{ "+", "", WIRE_SENML,
		"[{\"bn\":\"urn:dev:ow:10e2073a01080063:\",\"bt\":1790000000,"
		"\"n\":\"temperature_in\",\"v\":1},{\"n\":\"h\",\"v\":40}]" },
	{ "{site}", "{site}/{device}", WIRE_LINE_PROTOCOL,
		"m,device=abcdefghijklmno temperature\\ in=61.5,volume=12i 1790000000000000000" },
};

/* What becomes of the message when that allocation fails. Returns whether it has so many. */
static bool read_starved(
	const struct example *example, int64_t nth, int *ret_result, struct text *ret_readings) {
	struct wire_source_options options = { .topic = span_text(example->topic),
		.detector = span_text(example->detector),
		.format = example->format };
	struct wire_source *source = make_source(&options);
	struct reading_list list = { 0 };
	int64_t before = starve_blocks();

	starve(nth);
	*ret_result = wire_read(source, SPAN("north"), span_text(example->payload), NOW, &list);
	bool reached = starve_end();
	describe_list(ret_readings, &list);
	int64_t described = ret_readings->data != NULL;
	reading_list_finish(&list);
	assert_int_equal(starve_blocks(), before + described);
	wire_source_destroy(source);
	return reached;
}

static void a_message_is_read_right_or_not_at_all(void **state) {
	(void)state;
	if (SANITIZED)
		skip();
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct text wanted = { 0 };
		int64_t failures = 0;
		bool reached = true;
		int r;

		assert_false(read_starved(&examples[i], INT64_MAX, &r, &wanted));
		assert_int_equal(r, 0);
		for (int64_t nth = 1; reached; nth++) {
			struct text readings = { 0 };

			reached = read_starved(&examples[i], nth, &r, &readings);
			assert_int_equal(r, reached ? -ENOMEM : 0);
			assert_string_equal(readings.data, reached ? "" : wanted.data);
			failures += reached;
			text_finish(&readings);
		}
		assert_true(failures > 1);
		text_finish(&wanted);
	}
}

/* What a request's answer says, where that allocation fails. */
static bool ask_starved(int64_t nth, int *ret_result, struct text *answer) {
	struct span payload =
		SPAN("{\"transaction\":[\"abcdefghijklmn\",1,\"abcdefghijklmnopqrst\",2],"
		     "\"series\":\"pump7/pressure\",\"from\":1790000000}");
	struct wire_request *request;

	starve(nth);
	*ret_result = wire_request_read(&request, payload);
	bool reached = starve_end();
	if (*ret_result == 0) {
		wire_write_response(answer, request, SPAN_EMPTY);
		wire_request_destroy(request);
	}
	text_add_char(answer, '\0');
	return reached;
}

static void a_request_is_read_right_or_not_at_all(void **state) {
	int64_t before = starve_blocks();
	bool reached = true;
	int r;

	(void)state;
	if (SANITIZED)
		skip();
	for (int64_t nth = 1; reached; nth++) {
		struct text answer = { 0 };

		reached = ask_starved(nth, &r, &answer);
		assert_int_equal(r, reached ? -ENOMEM : 0);
		assert_string_equal(answer.data, reached ? ""
							 : "{\"status\":\"ok\",\"data\":{},"
							   "\"transaction\":[\"abcdefghijklmn\","
							   "1,\"abcdefghijklmnopqrst\",2]}");
		text_finish(&answer);
		assert_int_equal(starve_blocks(), before);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_read_right_or_not_at_all),
		cmocka_unit_test(a_request_is_read_right_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
