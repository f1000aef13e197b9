/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_SOURCE_H
#define WIRE_SOURCE_H

#include "arena.h"
#include "record.h"
#include "span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A source says how the messages of a set of topics become readings (docs/mqtt.md). It is compiled
 * once from its configuration and never changes; any thread may read with it, each into a list of
 * its own.
 */
struct wire_source;

enum wire_format {
	WIRE_AUTO,
	WIRE_NUMBER,
	WIRE_JSON,
	WIRE_SENML,
	WIRE_LINE_PROTOCOL,
};

/* Larger payloads are refused before anything looks at them, unless the options say otherwise. */
#define WIRE_PAYLOAD_MAX (1024 * 1024)

/* Readings of one message at the most. */
#define WIRE_READINGS_MAX 65536

/* Empty spans mean the default in brackets. Everything is copied. */
struct wire_source_options {
	struct span topic; /* template, as in topic.h */
	struct span detector; /* name with the topic's placeholders and, in braces too, fields
	                       * (JSON) or tags (line protocol) of the message: "{site}/{device}"
	                       * [{detector}, or without it the topic's placeholders but {channel},
	                       * joined by '/'] */
	enum wire_format format;
	struct span channels; /* fields that are channels, separated by commas [all numeric ones];
	                       * "speed = v" names field v channel speed */
	struct span time; /* field with the time; "arrival": none is [the usual names] */
	struct span unit; /* of all channels [what the message says] */
	struct span latitude; /* fields with the position, degrees */
	struct span longitude;
	size_t payload_max; /* bytes, 0: WIRE_PAYLOAD_MAX */
};

/* 0, -ENOMEM, or E_CONFIG with a phrase that says what is wrong in *ret_problem. */
int wire_source_create(struct wire_source **ret_source, const struct wire_source_options *options,
	const char **ret_problem);
void wire_source_destroy(struct wire_source *source);

/* The MQTT subscription of the source. */
struct span wire_source_filter(const struct wire_source *source);

/* Whether the source is for this topic. */
bool wire_source_matches(const struct wire_source *source, struct span topic);

/* Where a message says that a detector is. */
struct wire_position {
	struct span detector;
	double latitude; /* degrees north, -90..90 */
	double longitude; /* degrees east, -180..180 */
};

/* What one message held. Lists are reused: reading into one empties it. */
struct reading_list {
	struct reading *items;
	size_t count;
	struct wire_position *positions; /* of detectors among the readings, where told */
	size_t position_count;
	uint32_t refused
		[32]; /* parts of the message that made no reading, by error_index() of why */

	/* Private: what the spans point into, until the next read. */
	size_t capacity;
	size_t position_capacity;
	struct arena arena;
};

/* Zero-initialised a list is empty and ready. */
void reading_list_finish(struct reading_list *list);

/*
 * Reads a message. Spans in the list hold until the next read or until topic and payload go, whichever is
 * first. Times are TIME_NONE where the message names none; `now_ms`, the time of arrival, serves
 * only formats that count from it (SenML). Names are valid by name.h, values finite or NAN, times
 * within 1970 to 2200. Readings are in the order of the message.
 *
 * 0 with at least one reading and, in `refused`, the parts that were at fault; or with nothing in
 * the list:
 *   E_NO_SOURCE   the topic does not match
 *   E_TOO_LARGE   more bytes than payload_max, more readings than WIRE_READINGS_MAX, nested too deep
 *   E_ENCODING    not UTF-8
 *   E_SYNTAX      does not parse
 *   E_FORMAT      resembles no format (auto), or is of a later version
 *   E_NAME, E_NUMBER, E_TIME   no reading was left; why the first part was refused
 *   E_EMPTY       well-formed without a reading
 *   -ENOMEM
 */
int wire_read(const struct wire_source *source, struct span topic, struct span payload,
	int64_t now_ms, struct reading_list *list);

#endif
