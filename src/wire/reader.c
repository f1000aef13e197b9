/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include "error.h"
#include "name.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

void reading_list_finish(struct reading_list *list) {
	free(list->items);
	free(list->positions);
	arena_finish(&list->arena);
	*list = (struct reading_list){ 0 };
}

static void reading_list_reset(struct reading_list *list) {
	list->count = 0;
	list->position_count = 0;
	memset(list->refused, 0, sizeof(list->refused));
	arena_reset(&list->arena);
}

/* Room for one more of an array's items. */
static void *with_room(void *items, size_t count, size_t *capacity, size_t size) {
	if (count < *capacity)
		return items;

	size_t larger = *capacity ? *capacity * 2 : 16;
	items = realloc(items, larger * size);
	if (items)
		*capacity = larger;
	return items;
}

void reader_refuse(struct reader *reader, int error) {
	int index = error_index(error);

	if (index >= 0)
		reader->list->refused[index]++;
	if (reader->refusal == 0)
		reader->refusal = error;
}

int reader_add(struct reader *reader, const struct reading *reading) {
	struct reading_list *list = reader->list;

	int r = isinf(reading->value) ? E_NUMBER : name_check_channel(reading->channel);
	if (r < 0) {
		reader_refuse(reader, r);
		return 0;
	}
	if (list->count == WIRE_READINGS_MAX)
		return E_TOO_LARGE;

	struct reading *items =
		with_room(list->items, list->count, &list->capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->count++] = *reading;
	return 0;
}

int reader_add_position(
	struct reader *reader, struct span detector, double latitude, double longitude) {
	struct reading_list *list = reader->list;

	if (!(fabs(latitude) <= 90 && fabs(longitude) <= 180)) {
		reader_refuse(reader, E_NUMBER);
		return 0;
	}

	struct wire_position *positions = with_room(list->positions, list->position_count,
		&list->position_capacity, sizeof(*positions));
	if (!positions)
		return -ENOMEM;
	list->positions = positions;
	list->positions[list->position_count++] =
		(struct wire_position){ detector, latitude, longitude };
	return 0;
}

struct span reader_join(
	struct reader *reader, struct span first, struct span joint, struct span second) {
	size_t length = first.length + joint.length + second.length;
	char *joined = arena_take(&reader->list->arena, length);
	if (!joined)
		return SPAN_EMPTY;

	char *at = joined;
	const struct span pieces[] = { first, joint, second };
	for (size_t i = 0; i < 3; i++) {
		if (pieces[i].length > 0)
			memcpy(at, pieces[i].data, pieces[i].length);
		at += pieces[i].length;
	}
	return span_of(joined, length);
}

static bool is_value_field(struct span field) {
	return span_equal(field, SPAN("value")) || span_equal(field, SPAN("val")) ||
	       span_equal(field, SPAN("v"));
}

struct span reader_channel_name(struct reader *reader, struct span name) {
	if (reader->channel.length == 0)
		return name;
	if (is_value_field(name))
		return reader->channel;
	return reader_join(reader, reader->channel, SPAN("."), name);
}

int reader_channel_of(struct reader *reader, struct span field, struct span *ret_channel) {
	const struct wire_source *source = reader->source;
	struct span name = field;

	for (size_t i = 0; i < source->channel_count; i++) {
		name = source->channels[i].channel;
		if (span_equal(source->channels[i].field, field))
			break;
		if (i + 1 == source->channel_count)
			return 0;
	}
	*ret_channel = reader_channel_name(reader, name);
	return ret_channel->data ? 1 : -ENOMEM;
}

struct span reader_only_channel(const struct reader *reader) {
	if (reader->channel.length > 0)
		return reader->channel;
	if (reader->source->channel_count > 0)
		return reader->source->channels[0].channel;
	return SPAN("value");
}

struct span reader_unit(const struct reader *reader, struct span told) {
	return reader->source->unit.length > 0 ? reader->source->unit : told;
}

static bool is_word(struct span text, const char *word) {
	return strlen(word) == text.length && strncasecmp(text.data, word, text.length) == 0;
}

bool reader_read_word(struct span text, double *ret_value) {
	static const struct {
		const char *word;
		double value;
	} words[] = {
		{ "on", 1 },
		{ "true", 1 },
		{ "off", 0 },
		{ "false", 0 },
		{ "null", NAN },
		{ "nan", NAN },
		{ "none", NAN },
		{ "unknown", NAN },
		{ "unavailable", NAN },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(text, words[i].word)) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

static struct span part_text(
	const struct name_part *part, struct reader *reader, field_value value, void *message) {
	switch (part->kind) {
	case NAME_LITERAL: return part->text;
	case NAME_LEVEL: return reader->levels[part->level];
	case NAME_FIELD: return value ? value(message, reader, part->text) : SPAN_EMPTY;
	}
	return SPAN_EMPTY;
}

int reader_check_detector(struct span name) {
	return name_check_detector(name);
}

/* A topic without placeholders is a name itself; where its end is the channel, without that. */
static struct span topic_as_name(const struct reader *reader) {
	struct span name = reader->topic;
	size_t tail = reader->channel.length + 1;

	if (reader->channel.length > 0 && name.length > tail &&
		reader->source->channel_level == (int)reader->source->topic.count - 1)
		name.length -= tail;
	return name;
}

int reader_name_detector(
	struct reader *reader, field_value value, void *message, struct span *ret_detector) {
	const struct wire_source *source = reader->source;
	char name[NAME_MAX_LENGTH];
	size_t length = 0;

	if (source->part_count == 0) {
		*ret_detector = topic_as_name(reader);
		return name_check_detector(*ret_detector);
	}
	if (source->part_count == 1 && source->parts[0].kind == NAME_LEVEL) {
		*ret_detector = reader->levels[source->parts[0].level];
		return name_check_detector(*ret_detector);
	}
	for (size_t i = 0; i < source->part_count; i++) {
		struct span text = part_text(&source->parts[i], reader, value, message);
		if (text.length == 0 || text.length > sizeof(name) - length)
			return E_NAME;
		memcpy(name + length, text.data, text.length);
		length += text.length;
	}

	int r = name_check_detector(span_of(name, length));
	if (r < 0)
		return r;
	*ret_detector = arena_copy(&reader->list->arena, span_of(name, length));
	return ret_detector->data ? 0 : -ENOMEM;
}

/* Whether the payload, whose blanks have been trimmed, is JSON of any kind. */
static bool looks_like_json(struct span payload) {
	return payload.data[0] == '{' || payload.data[0] == '[' || payload.data[0] == '"';
}

static int read_any(struct reader *reader) {
	struct span payload = span_trim(reader->payload);

	if (looks_like_json(payload))
		return read_json(reader);

	int r = read_number(reader);
	if (r != E_SYNTAX)
		return r;
	return memchr(payload.data, '=', payload.length) ? read_line_protocol(reader) : E_FORMAT;
}

static int read_payload(struct reader *reader) {
	if (span_trim(reader->payload).length == 0)
		return E_EMPTY;
	switch (reader->source->format) {
	case WIRE_AUTO: return read_any(reader);
	case WIRE_NUMBER: return read_number(reader);
	case WIRE_JSON:
	case WIRE_SENML: return read_json(reader);
	case WIRE_LINE_PROTOCOL: return read_line_protocol(reader);
	}
	return E_FORMAT;
}

/* The detector where the topic alone says it: it is the same for all of the message. */
static int name_by_topic(struct reader *reader) {
	const struct wire_source *source = reader->source;

	if (source->channel_level >= 0) {
		reader->channel = reader->levels[source->channel_level];
		int r = name_check_channel(reader->channel);
		if (r < 0)
			return r;
	}
	if (source->part_count == 0 || source->has_name_fields)
		return 0;
	return reader_name_detector(reader, NULL, NULL, &reader->detector);
}

static int read_message(struct reader *reader) {
	const struct wire_source *source = reader->source;

	if (!topic_template_match(&source->topic, reader->topic, reader->levels))
		return E_NO_SOURCE;
	if (reader->payload.length > source->payload_max)
		return E_TOO_LARGE;

	int r = name_by_topic(reader);
	if (r < 0)
		return r;
	r = read_payload(reader);
	if (r < 0)
		return r;
	if (reader->list->count == 0)
		return reader->refusal < 0 ? reader->refusal : E_EMPTY;
	return 0;
}

int wire_read(const struct wire_source *source, struct span topic, struct span payload,
	int64_t now_ms, struct reading_list *list) {
	struct reader reader = {
		.source = source,
		.list = list,
		.topic = topic,
		.payload = payload,
		.now_ms = now_ms,
	};

	reading_list_reset(list);
	int r = read_message(&reader);
	if (r < 0)
		reading_list_reset(list);
	return r;
}
