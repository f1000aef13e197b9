/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_TOPIC_H
#define WIRE_TOPIC_H

#include "span.h"
#include "text.h"

#include <stdbool.h>

/*
 * Topic templates: "plant/{site}/{detector}/{channel}". A level is literal text, one placeholder
 * in braces, '+' (any one level) or, at the end, '#' (any number of levels). A placeholder at the
 * end written "{name#}" takes all remaining levels, at least one.
 */
#define TOPIC_LEVELS_MAX 32
#define TOPIC_LENGTH_MAX 1024

struct topic_level {
	enum topic_level_kind {
		TOPIC_LITERAL,
		TOPIC_ONE, /* '+' or a placeholder */
		TOPIC_REST, /* '#' or "{name#}" */
	} kind;
	struct span text; /* the literal, or the placeholder's name; empty for '+' and '#' */
};

struct topic_template {
	struct topic_level levels[TOPIC_LEVELS_MAX];
	size_t count;
};

/* Takes a template apart; its spans point into `text`, which must outlive it. 0, or E_SYNTAX with a
 * phrase in *ret_problem. */
int topic_template_read(
	struct span text, struct topic_template *ret_template, const char **ret_problem);

/* The index of the level that is this placeholder, -1 if there is none. */
int topic_template_find(const struct topic_template *topic, struct span name);

/* Appends the subscription that receives what the template matches: "plant/+/+/+". */
void topic_template_filter(const struct topic_template *topic, struct text *to);

/* Whether the topic matches; if so ret_values[i] is the text at level i (for TOPIC_REST all that
 * remains). As in MQTT, wildcards at the first level do not match topics that start with '$'. */
bool topic_template_match(const struct topic_template *topic, struct span text,
	struct span ret_values[TOPIC_LEVELS_MAX]);

#endif
