/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_SOURCE_PRIVATE_H
#define WIRE_SOURCE_PRIVATE_H

#include "arena.h"
#include "source.h"
#include "topic.h"

/* Pieces of a detector's name at the most. */
#define NAME_PARTS_MAX 32

/* A detector's name is put together from pieces. */
struct name_part {
	enum name_part_kind {
		NAME_LITERAL,
		NAME_LEVEL, /* what the topic has at a level */
		NAME_FIELD, /* what the message says in a field or tag */
	} kind;
	size_t level;
	struct span text; /* the literal, or the field's name */
};

/* A field that is a channel. */
struct channel_field {
	struct span field;
	struct span channel;
};

struct wire_source {
	struct arena arena; /* holds all that spans point to */
	struct topic_template topic;
	struct span filter;
	enum wire_format format;

	struct name_part parts[NAME_PARTS_MAX];
	size_t part_count; /* 0: the message or, if it does not, the whole topic names it */
	bool has_name_fields;
	int channel_level; /* of {channel}, -1 without */

	struct channel_field *channels;
	size_t channel_count; /* 0: all numeric fields */
	bool times_arrival; /* messages tell no time */
	struct span time; /* empty: the usual names */
	struct span unit;
	struct span latitude;
	struct span longitude;
	size_t payload_max;
};

#endif
