/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "random.h"
#include "topic.h"

#include <stdlib.h>

static void templates_become_subscriptions(void **state) {
	static const struct {
		const char *template;
		const char *filter;
	} cases[] = {
		{ "plant/{site}/{detector}/{channel}", "plant/+/+/+" },
		{ "a", "a" },
		{ "{x}", "+" },
		{ "#", "#" },
		{ "+/b/#", "+/b/#" },
		{ "a/{rest#}", "a/#" },
		{ "/a/", "/a/" },
		{ "$SYS/{x}", "$SYS/+" },
		{ "größe/{x}", "größe/+" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topic_template topic;
		struct text filter = { 0 };
		const char *problem;

		assert_int_equal(
			topic_template_read(span_text(cases[i].template), &topic, &problem), 0);
		topic_template_filter(&topic, &filter);
		assert_true(span_equal(text_span(&filter), span_text(cases[i].filter)));
		text_finish(&filter);
	}
}

static void wrong_templates_are_refused_with_a_phrase(void **state) {
	static const char *const templates[] = { "", "a/#/b", "{rest#}/b", "a{b}", "{b}a", "{", "}",
		"{}", "{#}", "{a b}", "a+", "a#", "{x}/{x}", "a\nb", "a\xff", "{a/b}", "+a",
		"{x}{y}",
		"1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/"
		"31/"
		"32/33" };
	(void)state;

	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		struct topic_template topic;
		const char *problem = NULL;

		if (topic_template_read(span_text(templates[i]), &topic, &problem) != E_SYNTAX)
			fail_msg("%s was taken", templates[i]);
		assert_non_null(problem);
	}
	char *longest = malloc(TOPIC_LENGTH_MAX + 1);
	struct topic_template topic;
	const char *problem;
	memset(longest, 'x', TOPIC_LENGTH_MAX + 1);
	assert_int_equal(
		topic_template_read(span_of(longest, TOPIC_LENGTH_MAX), &topic, &problem), 0);
	assert_int_equal(
		topic_template_read(span_of(longest, TOPIC_LENGTH_MAX + 1), &topic, &problem),
		E_SYNTAX);
	free(longest);
}

static void topics_match_as_in_mqtt(void **state) {
	static const struct {
		const char *template;
		const char *topic;
		bool matches;
	} cases[] = {
		{ "a/{x}/c", "a/b/c", true },
		{ "a/{x}/c", "a//c", true },
		{ "a/{x}/c", "a/b", false },
		{ "a/{x}/c", "a/b/c/d", false },
		{ "a/{x}/c", "a/b/d", false },
		{ "a", "a", true },
		{ "a", "a/", false },
		{ "a", "", false },
		{ "+", "a", true },
		{ "+", "$SYS", false },
		{ "#", "$SYS/a", false },
		{ "#", "a/b", true },
		{ "{x}/a", "$SYS/a", false },
		{ "$SYS/{x}", "$SYS/a", true },
		{ "a/#", "a", true },
		{ "a/#", "a/b/c", true },
		{ "a/#", "ab", false },
		{ "a/{r#}", "a", false },
		{ "a/{r#}", "a/b/c", true },
		{ "a/b/#", "a", false },
		{ "/a", "/a", true },
		{ "/a", "a", false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span values[TOPIC_LEVELS_MAX];
		struct topic_template topic;
		const char *problem;

		assert_int_equal(
			topic_template_read(span_text(cases[i].template), &topic, &problem), 0);
		if (topic_template_match(&topic, span_text(cases[i].topic), values) !=
			cases[i].matches)
			fail_msg("%s, %s", cases[i].template, cases[i].topic);
	}
}

static void placeholders_hold_their_levels(void **state) {
	struct span values[TOPIC_LEVELS_MAX];
	struct topic_template topic;
	const char *problem;
	(void)state;

	assert_int_equal(topic_template_read(SPAN("p/{site}/+/{rest#}"), &topic, &problem), 0);
	assert_true(topic_template_match(&topic, SPAN("p/north/x/a/b/c"), values));
	assert_int_equal(topic_template_find(&topic, SPAN("site")), 1);
	assert_int_equal(topic_template_find(&topic, SPAN("rest")), 3);
	assert_int_equal(topic_template_find(&topic, SPAN("p")), -1);
	assert_int_equal(topic_template_find(&topic, SPAN("")), -1);
	assert_true(span_equal(values[1], SPAN("north")));
	assert_true(span_equal(values[2], SPAN("x")));
	assert_true(span_equal(values[3], SPAN("a/b/c")));
}

/* The rules of MQTT 3.1.1, section 4.7, written down as a recursion. */
static bool matches_by_the_book(const char *filter, const char *topic) {
	if (strcmp(filter, "#") == 0)
		return true;
	if (strcmp(filter, "/#") == 0 && *topic == '\0')
		return true;
	if (*filter == '+') {
		topic += strcspn(topic, "/");
		return matches_by_the_book(filter + 1, topic);
	}
	if (*filter == '\0' || *topic == '\0')
		return *filter == *topic;
	return *filter == *topic && matches_by_the_book(filter + 1, topic + 1);
}

static void random_filters_match_by_the_book(void **state) {
	static const char *const pieces[] = { "a", "b", "ab", "", "+", "#" };
	struct random random;
	(void)state;

	random_init(&random, 1);
	for (int i = 0; i < 50000; i++) {
		char filter[32] = "", topic[32] = "";
		struct span values[TOPIC_LEVELS_MAX];
		struct topic_template template;
		const char *problem;

		for (uint64_t j = random_next(&random) % 4 + 1; j > 0; j--) {
			const char *piece = pieces[random_next(&random) % 6];
			strcat(strcat(filter, piece), j > 1 ? "/" : "");
		}
		for (uint64_t j = random_next(&random) % 4 + 1; j > 0; j--)
			strcat(strcat(topic, pieces[random_next(&random) % 4]), j > 1 ? "/" : "");
		if (topic[0] == '\0' ||
			topic_template_read(span_text(filter), &template, &problem) < 0)
			continue;
		bool ours = topic_template_match(&template, span_text(topic), values);
		if (ours != matches_by_the_book(filter, topic))
			fail_msg("%s, %s: %d", filter, topic, ours);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_become_subscriptions),
		cmocka_unit_test(wrong_templates_are_refused_with_a_phrase),
		cmocka_unit_test(topics_match_as_in_mqtt),
		cmocka_unit_test(placeholders_hold_their_levels),
		cmocka_unit_test(random_filters_match_by_the_book),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
