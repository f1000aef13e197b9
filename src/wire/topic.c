/* SPDX-License-Identifier: Apache-2.0 */
#include "topic.h"

#include "error.h"

static bool is_placeholder_name(struct span name) {
	for (size_t i = 0; i < name.length; i++) {
		char c = name.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '_' && c != '-')
			return false;
	}
	return name.length > 0;
}

/* "{name}" or "{name#}". */
static bool read_placeholder(struct span text, struct topic_level *level) {
	if (text.length < 3 || text.data[0] != '{' || text.data[text.length - 1] != '}')
		return false;

	struct span name = span_of(text.data + 1, text.length - 2);
	bool rest = name.data[name.length - 1] == '#';
	name.length -= rest;
	*level = (struct topic_level){ rest ? TOPIC_REST : TOPIC_ONE, name };
	return is_placeholder_name(name);
}

static bool is_plain(struct span text) {
	static const char special[] = "+#{}";

	for (size_t i = 0; i < sizeof(special) - 1; i++) {
		if (text.length > 0 && memchr(text.data, special[i], text.length))
			return false;
	}
	return true;
}

static bool read_level(struct span text, struct topic_level *level) {
	if (span_equal(text, SPAN("+")))
		*level = (struct topic_level){ TOPIC_ONE, SPAN_EMPTY };
	else if (span_equal(text, SPAN("#")))
		*level = (struct topic_level){ TOPIC_REST, SPAN_EMPTY };
	else if (is_plain(text))
		*level = (struct topic_level){ TOPIC_LITERAL, text };
	else
		return read_placeholder(text, level);
	return true;
}

static int refuse(const char **ret_problem, const char *problem) {
	*ret_problem = problem;
	return E_SYNTAX;
}

int topic_template_read(
	struct span text, struct topic_template *ret_template, const char **ret_problem) {
	struct topic_template topic = { .count = 0 };

	if (text.length == 0 || text.length > TOPIC_LENGTH_MAX)
		return refuse(ret_problem, "a topic has 1 to 1024 bytes");
	if (!span_is_utf8(text) || span_has_control(text))
		return refuse(ret_problem, "a topic is UTF-8 without control characters");

	for (struct span rest = text; rest.data; topic.count++) {
		struct topic_level *level = &topic.levels[topic.count];

		if (topic.count == TOPIC_LEVELS_MAX)
			return refuse(ret_problem, "a topic has at most 32 levels");
		if (!read_level(span_cut(&rest, '/'), level))
			return refuse(ret_problem, "a level is plain text, {placeholder}, + or #");
		if (level->kind == TOPIC_REST && rest.data)
			return refuse(ret_problem, "# may only come last");
		if (level->kind != TOPIC_LITERAL && level->text.length > 0 &&
			topic_template_find(&topic, level->text) >= 0)
			return refuse(ret_problem, "a placeholder appears twice");
	}
	*ret_template = topic;
	return 0;
}

int topic_template_find(const struct topic_template *topic, struct span name) {
	for (size_t i = 0; i < topic->count; i++) {
		const struct topic_level *level = &topic->levels[i];
		if (level->kind != TOPIC_LITERAL && level->text.length > 0 &&
			span_equal(level->text, name))
			return (int)i;
	}
	return -1;
}

void topic_template_filter(const struct topic_template *topic, struct text *to) {
	for (size_t i = 0; i < topic->count; i++) {
		if (i > 0)
			text_add_char(to, '/');
		switch (topic->levels[i].kind) {
		case TOPIC_LITERAL: text_add(to, topic->levels[i].text); break;
		case TOPIC_ONE: text_add_char(to, '+'); break;
		case TOPIC_REST: text_add_char(to, '#'); break;
		}
	}
}

bool topic_template_match(const struct topic_template *topic, struct span text,
	struct span ret_values[TOPIC_LEVELS_MAX]) {
	struct span rest = text;

	if (text.length == 0)
		return false;
	if (text.data[0] == '$' && topic->levels[0].kind != TOPIC_LITERAL)
		return false;

	for (size_t i = 0; i < topic->count; i++) {
		const struct topic_level *level = &topic->levels[i];

		if (!rest.data) {
			/* '#' matches its parent level too, as in MQTT; a placeholder does not. */
			ret_values[i] = SPAN_EMPTY;
			return level->kind == TOPIC_REST && level->text.length == 0;
		}
		if (level->kind == TOPIC_REST) {
			ret_values[i] = rest;
			return true;
		}
		ret_values[i] = span_cut(&rest, '/');
		if (level->kind == TOPIC_LITERAL && !span_equal(ret_values[i], level->text))
			return false;
	}
	return !rest.data;
}
