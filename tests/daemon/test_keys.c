/* SPDX-License-Identifier: Apache-2.0 */
#include "config_named.h"
#include "error.h"
#include "keys.h"
#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct key *key(const char *section, const char *name) {
	const struct key *found = keys_find(span_text(section), span_text(name));

	assert_non_null(found);
	return found;
}

static void every_default_lies_in_its_own_range(void **state) {
	size_t count;
	const struct key *keys = keys_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		union {
			char *text;
			struct config_list list;
			uint64_t number;
		} value = { .list = { 0 } };

		assert_true((keys[i].initial == NULL) == (keys[i].inherits != NULL));
		if (!keys[i].initial)
			continue;
		if (keys_read(&keys[i], span_text(keys[i].initial), &value) < 0)
			fail_msg("default of [%s] %s", keys[i].section, keys[i].name);
		keys_free(&keys[i], &value);
	}
}

static void names_are_unique_and_have_help(void **state) {
	size_t count;
	const struct key *keys = keys_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(
			keys_find(span_text(keys[i].section), span_text(keys[i].name)), &keys[i]);
		assert_true(strlen(keys[i].help) > 10);
		assert_int_equal(keys[i].help[strlen(keys[i].help) - 1], '.');
	}
}

static void no_two_keys_share_a_field(void **state) {
	size_t count;
	const struct key *keys = keys_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			bool same_struct = named_of(span_text(keys[i].section)) ==
					   named_of(span_text(keys[j].section));

			if (same_struct && keys[i].at == keys[j].at)
				fail_msg("%s and %s", keys[i].name, keys[j].name);
		}
	}
}

static void values_are_read_in_their_units(void **state) {
	int64_t duration = 0;
	uint64_t bytes = 0;
	uint32_t count = 0, choice = 0;
	bool on = false;

	(void)state;
	assert_int_equal(keys_read(key("mqtt", "keep_alive"), SPAN("2m"), &duration), 0);
	assert_int_equal(duration, 120000);
	assert_int_equal(keys_read(key("mqtt", "inbox"), SPAN("3M"), &bytes), 0);
	assert_int_equal(bytes, 3 * 1024 * 1024);
	assert_int_equal(keys_read(key("mqtt", "inbox"), SPAN("70000"), &bytes), 0);
	assert_int_equal(bytes, 70000);
	assert_int_equal(keys_read(key("forecast", "horizon"), SPAN("512"), &count), 0);
	assert_int_equal(count, 512);
	assert_int_equal(keys_read(key("daemon", "log"), SPAN("debug"), &choice), 0);
	assert_int_equal(choice, LOG_LEVEL_DEBUG);
	assert_int_equal(keys_read(key("daemon", "changes"), SPAN("on"), &on), 0);
	assert_true(on);
}

static void the_word_for_zero_lies_outside_the_range(void **state) {
	int64_t step = 7;

	(void)state;
	assert_int_equal(keys_read(key("source", "step"), SPAN("0s"), &step), E_SYNTAX);
	assert_int_equal(step, 7);
	assert_int_equal(keys_read(key("source", "step"), SPAN("auto"), &step), 0);
	assert_int_equal(step, 0);
}

static void what_is_no_value_changes_nothing(void **state) {
	static const struct {
		const char *section, *name, *value;
	} cases[] = {
		{ "forecast", "horizon", "0" },
		{ "forecast", "horizon", "513" },
		{ "forecast", "horizon", "-1" },
		{ "forecast", "horizon", "1.5" },
		{ "forecast", "horizon", "" },
		{ "mqtt", "keep_alive", "1 fortnight" },
		{ "mqtt", "keep_alive", "1s" },
		{ "mqtt", "inbox", "9999999999999G" },
		{ "mqtt", "inbox", "M" },
		{ "daemon", "log", "Info" },
		{ "daemon", "changes", "perhaps" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t field = 0x5a5a5a5a5a5a5a5a, before = field;
		int r = keys_read(
			key(cases[i].section, cases[i].name), span_text(cases[i].value), &field);

		if (r != E_SYNTAX || field != before)
			fail_msg("%s = %s", cases[i].name, cases[i].value);
	}
}

static void lists_are_trimmed_and_may_go_on(void **state) {
	const struct key *channels = key("source", "channels");
	struct config_list list = { 0 };

	(void)state;
	assert_int_equal(keys_read(channels, SPAN("a ,  b b,"), &list), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[1], "b b");
	assert_int_equal(keys_read_more(channels, SPAN("c"), &list), 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(keys_read(channels, SPAN("a,,b"), &list), E_SYNTAX);
	assert_int_equal(list.count, 3);
	keys_free(channels, &list);
	assert_int_equal(list.count, 0);
}

static void what_is_written_reads_the_same(void **state) {
	static const struct {
		const char *section, *name, *value;
	} cases[] = {
		{ "mqtt", "keep_alive", "90s" },
		{ "mqtt", "inbox", "1M" },
		{ "limits", "memory", "none" },
		{ "source", "step", "auto" },
		{ "source", "qos", "2" },
		{ "daemon", "log", "warning" },
		{ "source", "channels", "speed, volume" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct key *one = key(cases[i].section, cases[i].name);
		struct config_list field = { 0 };
		struct text written = { 0 };

		assert_int_equal(keys_read(one, span_text(cases[i].value), &field), 0);
		keys_write(one, &field, &written);
		assert_true(span_equal(text_span(&written), span_text(cases[i].value)));
		keys_free(one, &field);
		text_finish(&written);
	}
}

static void a_slip_of_the_pen_finds_its_key(void **state) {
	(void)state;
	assert_string_equal(keys_nearest(SPAN("mqtt"), SPAN("sever")), "server");
	assert_string_equal(keys_nearest(SPAN("source"), SPAN("Topic")), "topic");
	assert_string_equal(keys_nearest(SPAN_EMPTY, SPAN("forcast")), "forecast");
	assert_null(keys_nearest(SPAN("mqtt"), SPAN("colour_of_the_sky")));
	assert_null(keys_nearest(SPAN("source"), SPAN("x")));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_lies_in_its_own_range),
		cmocka_unit_test(names_are_unique_and_have_help),
		cmocka_unit_test(no_two_keys_share_a_field),
		cmocka_unit_test(values_are_read_in_their_units),
		cmocka_unit_test(the_word_for_zero_lies_outside_the_range),
		cmocka_unit_test(what_is_no_value_changes_nothing),
		cmocka_unit_test(lists_are_trimmed_and_may_go_on),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(a_slip_of_the_pen_finds_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
