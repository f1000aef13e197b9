/* SPDX-License-Identifier: Apache-2.0 */
#include "read_json.h"

#include "error.h"
#include "num.h"
#include "parse_json.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

/* Objects and arrays within one another at the most; fields are named "a.b.c". */
#define DEPTH_MAX 8

/* Before this (September 2001) a number in a field "t" is a temperature, not a time. */
#define PLAUSIBLE_SECONDS 1e9

/* One object on its way into readings. */
struct object {
	struct reader *reader;
	json_t *json;
	json_t *time; /* field with the time, NULL without */
	json_t *unit;
	struct reading reading; /* what its readings have in common */
};

static struct span string_span(const json_t *string) {
	return span_of(json_string_value(string), json_string_length(string));
}

/* The field of that name, or, for "one.two", field two of the object in field one. */
static json_t *find_field(json_t *object, struct span name) {
	json_t *found = json_object_getn(object, name.data, name.length);
	struct span rest = name;
	struct span first = span_cut(&rest, '.');

	if (found || !rest.data)
		return found;
	found = json_object_getn(object, first.data, first.length);
	return json_is_object(found) ? find_field(found, rest) : NULL;
}

/* The usual names of times, the most telling first. */
static const char *const time_names[] = { "timestamp", "time", "ts", "datetime", "date_time",
	"_time", "epoch", "utc", "t", "last_seen" };
#define TIME_NAMES ((int)(sizeof(time_names) / sizeof(time_names[0])))

static bool is_plausible_time(const json_t *value) {
	int64_t ms;

	if (json_is_string(value))
		return timestamp_read(string_span(value), &ms) == 0;
	return json_is_number(value) && json_number_value(value) >= PLAUSIBLE_SECONDS;
}

/* How telling a name of a time it is: 0 the most, TIME_NAMES for none. Most names are told by their
 * first letter. */
static int time_rank(const char *key, size_t length, const json_t *value) {
	if (length == 0 || length > 9 || !strchr("tTdDeEuUlL_", key[0]))
		return TIME_NAMES;
	for (int i = 0; i < TIME_NAMES; i++) {
		if (strncasecmp(key, time_names[i], length) == 0 && time_names[i][length] == '\0')
			return length > 1 || is_plausible_time(value) ? i : TIME_NAMES;
	}
	return TIME_NAMES;
}

static bool is_unit_name(const char *key, size_t length) {
	return (length == 4 && memcmp(key, "unit", 4) == 0) ||
	       (length == 19 && memcmp(key, "unit_of_measurement", 19) == 0);
}

/* Finds the fields that say something about the others. */
static void find_time_and_unit(struct object *object) {
	const struct wire_source *source = object->reader->source;
	int best = TIME_NAMES;
	const char *key;
	size_t length;
	json_t *value;

	json_object_keylen_foreach(object->json, key, length, value) {
		if (json_is_string(value) && is_unit_name(key, length))
			object->unit = value;
		if (source->time.length > 0)
			continue;
		int rank = time_rank(key, length, value);
		if (rank < best) {
			best = rank;
			object->time = value;
		}
	}
	if (source->time.length > 0 && !source->times_arrival)
		object->time = find_field(object->json, source->time);
}

static int read_time(const json_t *value, int64_t *ret_ms) {
	if (!value || json_is_null(value)) {
		*ret_ms = TIME_NONE;
		return 0;
	}
	if (json_is_number(value))
		return timestamp_from_number(json_number_value(value), ret_ms);
	if (!json_is_string(value))
		return E_TIME;
	return timestamp_read(string_span(value), ret_ms) < 0 ? E_TIME : 0;
}

/* 1 with a value, 0 if the field holds none that anybody asked for, E_NUMBER. Words count where
 * the field was asked for by name. */
static int read_value(const json_t *field, bool asked_for, double *ret_value) {
	switch (json_typeof(field)) {
	case JSON_INTEGER:
	case JSON_REAL: *ret_value = json_number_value(field); return 1;
	case JSON_TRUE: *ret_value = 1; return 1;
	case JSON_FALSE: *ret_value = 0; return 1;
	case JSON_NULL: *ret_value = NAN; return 1;
	case JSON_STRING: break;
	default: return asked_for ? E_NUMBER : 0;
	}

	int r = num_read(string_span(field), ret_value);
	if (r == 0)
		return 1;
	if (r == E_NUMBER)
		return r;
	if (!asked_for)
		return 0;
	return reader_read_word(string_span(field), ret_value) ? 1 : E_NUMBER;
}

static int add_field(
	struct object *object, struct span channel, const json_t *field, bool asked_for) {
	struct reading reading = object->reading;

	int r = read_value(field, asked_for, &reading.value);
	if (r < 0)
		reader_refuse(object->reader, r);
	if (r <= 0)
		return 0;
	reading.channel = reader_channel_name(object->reader, channel);
	return reading.channel.data ? reader_add(object->reader, &reading) : -ENOMEM;
}

static int add_fields_asked_for(struct object *object) {
	const struct wire_source *source = object->reader->source;

	for (size_t i = 0; i < source->channel_count; i++) {
		const struct channel_field *wanted = &source->channels[i];
		const json_t *field = find_field(object->json, wanted->field);
		int r = field ? add_field(object, wanted->channel, field, true) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_position(const struct wire_source *source, struct span path) {
	return source->latitude.length > 0 &&
	       (span_equal(path, source->latitude) || span_equal(path, source->longitude));
}

static int add_all(struct object *object, json_t *json, struct span path, int depth);

/* One field of an object or array, whose path so far is `path`. */
static int add_any(
	struct object *object, struct span path, struct span key, json_t *field, int depth) {
	const struct wire_source *source = object->reader->source;
	struct span name = key;

	if (field == object->time || field == object->unit)
		return 0;
	if (path.length > 0) {
		name = reader_join(object->reader, path, SPAN("."), key);
		if (!name.data)
			return -ENOMEM;
	} else if (source->time.length == 0 && !json_is_object(field) &&
		   time_rank(key.data, key.length, field) < TIME_NAMES) {
		return 0;
	}
	if (is_position(source, name))
		return 0;
	if (json_is_object(field) || json_is_array(field))
		return add_all(object, field, name, depth + 1);
	return add_field(object, name, field, false);
}

static int add_array(struct object *object, json_t *array, struct span path, int depth) {
	size_t index;
	json_t *field;

	json_array_foreach(array, index, field) {
		char digits[NUM_TEXT_MAX];
		size_t length = num_write_int(digits, (int64_t)index);
		int r = add_any(object, path, span_of(digits, length), field, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

/* All numeric fields, those of objects and arrays inside under names like "inner.field". */
static int add_all(struct object *object, json_t *json, struct span path, int depth) {
	const char *key;
	size_t length;
	json_t *field;

	if (depth > DEPTH_MAX)
		return E_TOO_LARGE;
	if (json_is_array(json))
		return add_array(object, json, path, depth);
	json_object_keylen_foreach(json, key, length, field) {
		int r = add_any(object, path, span_of(key, length), field, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_position(struct object *object) {
	const struct wire_source *source = object->reader->source;
	double latitude, longitude;

	if (source->latitude.length == 0)
		return 0;
	const json_t *north = find_field(object->json, source->latitude);
	const json_t *east = find_field(object->json, source->longitude);
	if (!north || !east || read_value(north, false, &latitude) <= 0 ||
		read_value(east, false, &longitude) <= 0 || isnan(latitude) || isnan(longitude))
		return 0;
	return reader_add_position(object->reader, object->reading.detector, latitude, longitude);
}

/* Text for a detector's name: a string, or a number without its decimals. */
static struct span name_field(void *message, struct reader *reader, struct span name) {
	const json_t *field = find_field(message, name);
	char digits[NUM_TEXT_MAX];

	if (json_is_string(field))
		return string_span(field);
	if (!json_is_number(field))
		return SPAN_EMPTY;
	size_t length = num_write_exact(digits, json_number_value(field));
	return arena_copy(&reader->list->arena, span_of(digits, length));
}

/* The unit that an object names is that of its only reading. */
static void set_unit(struct object *object, size_t first) {
	struct reading_list *list = object->reader->list;

	if (object->unit && list->count - first == 1)
		list->items[first].unit = reader_unit(object->reader, string_span(object->unit));
}

static int read_object(struct reader *reader, json_t *json) {
	struct object object = { .reader = reader, .json = json };
	struct reading *reading = &object.reading;
	size_t first = reader->list->count;

	reading->detector = reader->detector;
	reading->unit = reader_unit(reader, SPAN_EMPTY);
	int r = 0;
	if (reading->detector.length == 0)
		r = reader_name_detector(reader, name_field, json, &reading->detector);
	if (r == 0) {
		find_time_and_unit(&object);
		r = read_time(object.time, &reading->time_ms);
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		reader_refuse(reader, r);
		return 0;
	}

	r = reader->source->channel_count > 0 ? add_fields_asked_for(&object)
					      : add_all(&object, json, SPAN_EMPTY, 0);
	if (r < 0)
		return r;
	set_unit(&object, first);
	return add_position(&object);
}

static int read_array(struct reader *reader, json_t *array) {
	size_t index;
	json_t *element;

	json_array_foreach(array, index, element) {
		int r = 0;
		if (json_is_object(element))
			r = read_object(reader, element);
		else
			reader_refuse(reader, E_SYNTAX);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A message that is one JSON value. */
static int read_scalar(struct reader *reader, const json_t *value) {
	struct reading reading = { .time_ms = TIME_NONE,
		.detector = reader->detector,
		.channel = reader_only_channel(reader),
		.unit = reader_unit(reader, SPAN_EMPTY) };

	int r = read_value(value, true, &reading.value);
	if (r < 0)
		return r;
	if (reading.detector.length == 0)
		r = reader_name_detector(reader, NULL, NULL, &reading.detector);
	return r < 0 ? r : reader_add(reader, &reading);
}

int read_json(struct reader *reader) {
	json_t *json;

	int r = json_parse(&reader->list->arena, reader->payload, JSON_DECODE_INT_AS_REAL, &json);
	if (r < 0)
		return r;

	bool senml = reader->source->format == WIRE_SENML ||
		     (reader->source->format == WIRE_AUTO && is_senml(json));
	if (senml)
		return read_senml(reader, json);
	if (json_is_object(json))
		return read_object(reader, json);
	if (json_is_array(json))
		return read_array(reader, json);
	return read_scalar(reader, json);
}
