/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "read_json.h"

#include <errno.h>
#include <math.h>

/* The version of SenML that RFC 8428 describes. */
#define SENML_VERSION 10

/* Times below this are relative to now (RFC 8428 section 4.5.3). */
#define ABSOLUTE_SECONDS 268435456.0

/* A record, or of a base record what goes on for the next ones. NULL: not there. */
struct senml {
	const json_t *name;
	const json_t *unit;
	const json_t *time;
	const json_t *value;
	const json_t *sum;
};

struct record {
	struct senml own;
	const json_t *flag; /* vb */
	const json_t *other; /* vs or vd: a value that is no number */
	int values;
};

/* What a label stands for, and the type that its values have. */
struct label {
	const char *label;
	bool is_text;
	size_t offset;
};

#define LABEL(text, is_text, field)                                                                \
	{ text, is_text, offsetof(struct senml, field) }
static const struct label base_labels[] = { LABEL("bn", true, name), LABEL("bu", true, unit),
	LABEL("bt", false, time), LABEL("bv", false, value), LABEL("bs", false, sum) };
static const struct label own_labels[] = { LABEL("n", true, name), LABEL("u", true, unit),
	LABEL("t", false, time), LABEL("v", false, value), LABEL("s", false, sum) };
#undef LABEL
#define LABELS (sizeof(own_labels) / sizeof(own_labels[0]))

bool is_senml(const json_t *json) {
	static const char *const values[] = { "v", "vb", "vs", "vd", "s" };
	const json_t *record = json_array_get(json, 0);

	if (!json_is_object(record))
		return false;
	if (json_is_string(json_object_get(record, "bn")))
		return true;
	if (!json_is_string(json_object_get(record, "n")))
		return false;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (json_object_get(record, values[i]))
			return true;
	}
	return false;
}

/* 1 if the key is one of the labels, 0 if not, E_SYNTAX if its value is of the wrong type. */
static int take_label(const struct label labels[LABELS], const char *key, const json_t *value,
	struct senml *into) {
	for (size_t i = 0; i < LABELS; i++) {
		if (strcmp(key, labels[i].label) != 0)
			continue;
		if (labels[i].is_text ? !json_is_string(value) : !json_is_number(value))
			return E_SYNTAX;
		memcpy((char *)into + labels[i].offset, &value, sizeof(value));
		return 1;
	}
	return 0;
}

static int take_version(const json_t *value) {
	if (!json_is_number(value))
		return E_SYNTAX;
	return json_number_value(value) > SENML_VERSION ? E_FORMAT : 0;
}

/* The other fields. Unknown ones do not matter, unless their name says that they do. */
static int take_other(struct record *record, const char *key, const json_t *value) {
	if (strcmp(key, "bver") == 0)
		return take_version(value);
	if (strcmp(key, "vb") == 0) {
		record->flag = value;
		record->values++;
		return json_is_boolean(value) ? 0 : E_SYNTAX;
	}
	if (strcmp(key, "vs") == 0 || strcmp(key, "vd") == 0) {
		record->other = value;
		record->values++;
		return json_is_string(value) ? 0 : E_SYNTAX;
	}
	return key[0] != '\0' && key[strlen(key) - 1] == '_' ? E_FORMAT : 0;
}

static int take_apart(json_t *json, struct senml *base, struct record *record) {
	const char *key;
	json_t *value;

	*record = (struct record){ 0 };
	json_object_foreach(json, key, value) {
		int r = take_label(base_labels, key, value, base);
		if (r == 0)
			r = take_label(own_labels, key, value, &record->own);
		if (r == 0)
			r = take_other(record, key, value);
		if (r < 0)
			return r;
	}
	record->values += record->own.value != NULL;
	return record->values > 1 ? E_SYNTAX : 0;
}

static struct span text_of(const json_t *string) {
	return string ? span_of(json_string_value(string), json_string_length(string)) : SPAN_EMPTY;
}

static double number_of(const json_t *number) {
	return number ? json_number_value(number) : 0;
}

/* A base time and time together; relative ones count from the arrival. */
static int resolve_time(const struct reader *reader, const struct senml *base,
	const struct senml *own, int64_t *ret_ms) {
	double seconds = number_of(base->time) + number_of(own->time);

	if (reader->source->times_arrival)
		seconds = 0;
	if (seconds >= ABSOLUTE_SECONDS) {
		double ms = round(seconds * 1e3);
		if (!(ms <= (double)TIME_MAX_MS))
			return E_TIME;
		*ret_ms = (int64_t)ms;
		return 0;
	}
	if (seconds == 0) {
		*ret_ms = TIME_NONE;
		return 0;
	}
	double ms = (double)reader->now_ms + round(seconds * 1e3);
	if (reader->now_ms == TIME_NONE || !(ms >= 0 && ms <= (double)TIME_MAX_MS))
		return E_TIME;
	*ret_ms = (int64_t)ms;
	return 0;
}

static struct span trim_separators(struct span name) {
	while (name.length > 0 &&
		(name.data[name.length - 1] == '/' || name.data[name.length - 1] == ':'))
		name.length--;
	return name;
}

/* The name's last part, behind the last '/' or ':', is the channel, what is before it the
 * detector. */
static int split_name(struct reader *reader, struct span base, struct span own,
	struct span *ret_detector, struct span *ret_channel) {
	struct span whole = reader_join(reader, base, SPAN_EMPTY, own);
	if (!whole.data)
		return -ENOMEM;

	size_t at = whole.length;
	while (at > 0 && whole.data[at - 1] != '/' && whole.data[at - 1] != ':')
		at--;
	*ret_detector = trim_separators(span_of(whole.data, at));
	*ret_channel = span_of(whole.data + at, whole.length - at);
	return ret_detector->length > 0 && ret_channel->length > 0 ? 0 : E_NAME;
}

/* "{bn}" in a detector's name. */
static struct span name_field(void *message, struct reader *reader, struct span field) {
	const struct senml *base = message;

	(void)reader;
	return span_equal(field, SPAN("bn")) ? trim_separators(text_of(base->name)) : SPAN_EMPTY;
}

/* Without topic or configuration to name the detector the record's whole name says detector and
 * channel. */
static int resolve_by_record(struct reader *reader, struct span base, struct span own,
	struct span *ret_detector, struct span *ret_channel) {
	*ret_detector = trim_separators(base);
	*ret_channel = reader_only_channel(reader);
	int r = own.length > 0 ? split_name(reader, base, own, ret_detector, ret_channel) : 0;

	return r < 0 ? r : reader_check_detector(*ret_detector);
}

/* With them the record's own name is the channel. */
static int resolve_by_topic(struct reader *reader, struct senml *base, struct span own,
	struct span *ret_detector, struct span *ret_channel) {
	*ret_channel = own.length > 0 ? own : reader_only_channel(reader);
	*ret_detector = reader->detector;
	if (reader->detector.length > 0)
		return 0;
	return reader_name_detector(reader, name_field, base, ret_detector);
}

/* Names of detector and channel: 1, 0 if the configuration does not list the channel, or an
 * error. */
static int resolve_names(struct reader *reader, struct senml *base, struct span own,
	struct span *ret_detector, struct span *ret_channel) {
	int r = reader->source->part_count == 0
			? resolve_by_record(
				  reader, text_of(base->name), own, ret_detector, ret_channel)
			: resolve_by_topic(reader, base, own, ret_detector, ret_channel);

	if (r < 0 || own.length == 0)
		return r < 0 ? r : 1;
	return reader_channel_of(reader, *ret_channel, ret_channel);
}

static int add_sum(struct reader *reader, const struct reading *reading, double sum) {
	struct reading summed = *reading;

	summed.value = sum;
	summed.unit = SPAN_EMPTY; /* the value's unit, times seconds */
	summed.channel = reader_join(reader, reading->channel, SPAN("."), SPAN("sum"));
	return summed.channel.data ? reader_add(reader, &summed) : -ENOMEM;
}

/* The record's value, if it is a number, and its sum. A base value without a value counts as a
 * value of zero upon it, if the record has a name. */
static int add_record(struct reader *reader, const struct senml *base, const struct record *record,
	struct reading *reading) {
	const struct senml *own = &record->own;
	bool named = own->name != NULL;
	int r = 0;

	if (record->flag) {
		reading->value = json_is_true(record->flag);
		r = reader_add(reader, reading);
	} else if (own->value || (base->value && named && !record->other && !own->sum)) {
		reading->value = number_of(base->value) + number_of(own->value);
		r = reader_add(reader, reading);
	}
	if (r == 0 && (own->sum || (base->sum && named && !own->value)))
		r = add_sum(reader, reading, number_of(base->sum) + number_of(own->sum));
	return r;
}

static bool holds_value(const struct senml *base, const struct record *record) {
	return record->values > 0 || record->own.sum ||
	       (record->own.name && (base->value || base->sum));
}

static int read_record(struct reader *reader, struct senml *base, const struct record *record) {
	struct span unit = text_of(record->own.unit ? record->own.unit : base->unit);
	struct reading reading = { .unit = reader_unit(reader, unit) };

	if (!holds_value(base, record))
		return 0;
	int r = resolve_time(reader, base, &record->own, &reading.time_ms);
	if (r == 0)
		r = resolve_names(reader, base, text_of(record->own.name), &reading.detector,
			&reading.channel);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		reader_refuse(reader, r);
	return r == 1 ? add_record(reader, base, record, &reading) : 0;
}

int read_senml(struct reader *reader, json_t *pack) {
	struct senml base = { 0 };
	struct record record;
	size_t index;
	json_t *json;

	if (!json_is_array(pack))
		return E_SYNTAX;
	json_array_foreach(pack, index, json) {
		if (!json_is_object(json))
			return E_SYNTAX;
		int r = take_apart(json, &base, &record);
		if (r == 0)
			r = read_record(reader, &base, &record);
		if (r < 0)
			return r;
	}
	return 0;
}
