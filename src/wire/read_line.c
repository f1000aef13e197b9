/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "num.h"
#include "reader.h"

#include <errno.h>

/*
 * InfluxDB's line protocol:
 *   measurement,tag=value,tag=value field=1.5,field=2i,field=t,field="text" 1790000000000000000
 * A faulty line is refused, the others count.
 */

#define TAGS_MAX 32

struct tag {
	struct span key;
	struct span value;
};

struct line {
	struct reader *reader;
	struct span rest; /* of the message */
	struct span measurement;
	struct tag tags[TAGS_MAX];
	size_t tag_count;
	struct span detector;
};

static bool at(const struct line *line, char c) {
	return line->rest.length > 0 && line->rest.data[0] == c;
}

static bool at_end(const struct line *line) {
	return line->rest.length == 0 || at(line, '\n') || at(line, '\r');
}

static void skip(struct line *line, size_t count) {
	line->rest.data += count;
	line->rest.length -= count;
}

static void skip_blanks(struct line *line) {
	while (at(line, ' ') || at(line, '\t'))
		skip(line, 1);
}

static void skip_line(struct line *line) {
	span_cut(&line->rest, '\n');
}

static bool is_one_of(char c, const char *set) {
	return c != '\0' && strchr(set, c);
}

/* A copy without the backslashes before the characters that may be escaped; the text itself where it
 * has none. */
static int unescape(struct reader *reader, struct span *text, const char *escapable) {
	if (text->length == 0 || !memchr(text->data, '\\', text->length))
		return 0;

	char *to = arena_take(&reader->list->arena, text->length);
	size_t length = 0;
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < text->length; i++) {
		bool escapes = text->data[i] == '\\' && i + 1 < text->length &&
			       is_one_of(text->data[i + 1], escapable);
		to[length++] = text->data[escapes ? ++i : i];
	}
	*text = span_of(to, length);
	return 0;
}

/* Takes what lies before the first unescaped stop or the end of the line; must not be empty. */
static int take_name(struct line *line, const char *stops, struct span *ret_name) {
	struct span rest = line->rest;
	size_t length = 0;

	while (length < rest.length && !is_one_of(rest.data[length], stops) &&
		rest.data[length] != '\n') {
		if (rest.data[length] == '\\' && length + 1 < rest.length &&
			rest.data[length + 1] != '\n')
			length++;
		length++;
	}
	if (length == 0)
		return E_SYNTAX;
	*ret_name = span_of(rest.data, length);
	skip(line, length);
	return unescape(line->reader, ret_name, ", =");
}

/* "key=" */
static int take_key(struct line *line, struct span *ret_key) {
	int r = take_name(line, "=, ", ret_key);
	if (r < 0)
		return r;
	if (!at(line, '='))
		return E_SYNTAX;
	skip(line, 1);
	return 0;
}

static int take_tags(struct line *line) {
	line->tag_count = 0;
	while (at(line, ',')) {
		struct tag tag;

		skip(line, 1);
		int r = take_key(line, &tag.key);
		if (r == 0)
			r = take_name(line, ", =", &tag.value);
		if (r == 0 && line->tag_count == TAGS_MAX)
			r = E_TOO_LARGE;
		if (r < 0)
			return r;
		line->tags[line->tag_count++] = tag;
	}
	return at(line, ' ') ? 0 : E_SYNTAX;
}

/* The value of a tag, or of "measurement", for a detector's name. */
static struct span name_field(void *message, struct reader *reader, struct span name) {
	const struct line *line = message;

	(void)reader;
	for (size_t i = 0; i < line->tag_count; i++) {
		if (span_equal(line->tags[i].key, name))
			return line->tags[i].value;
	}
	return span_equal(name, SPAN("measurement")) ? line->measurement : SPAN_EMPTY;
}

static bool is_before(struct span a, struct span b) {
	size_t shorter = a.length < b.length ? a.length : b.length;
	int order = memcmp(a.data, b.data, shorter);

	return order < 0 || (order == 0 && a.length < b.length);
}

static void sort_tags(struct line *line) {
	for (size_t i = 1; i < line->tag_count; i++) {
		struct tag tag = line->tags[i];
		size_t to = i;
		for (; to > 0 && is_before(tag.key, line->tags[to - 1].key); to--)
			line->tags[to] = line->tags[to - 1];
		line->tags[to] = tag;
	}
}

/* Measurement and the tags' values in the order of their keys, joined by '/'. */
static int name_by_tags(struct line *line) {
	line->detector = line->measurement;
	sort_tags(line);
	for (size_t i = 0; i < line->tag_count; i++) {
		line->detector =
			reader_join(line->reader, line->detector, SPAN("/"), line->tags[i].value);
		if (!line->detector.data)
			return -ENOMEM;
	}
	return reader_check_detector(line->detector);
}

static int name_detector(struct line *line) {
	struct reader *reader = line->reader;

	if (reader->source->part_count == 0)
		return name_by_tags(line);
	line->detector = reader->detector;
	if (line->detector.length > 0)
		return 0;
	return reader_name_detector(reader, name_field, line, &line->detector);
}

/* A quoted text, which is no value for us. */
static int skip_text(struct line *line) {
	skip(line, 1);
	while (line->rest.length > 0 && !at(line, '"'))
		skip(line, at(line, '\\') && line->rest.length > 1 ? 2 : 1);
	if (line->rest.length == 0)
		return E_SYNTAX;
	skip(line, 1);
	return 0;
}

static bool read_flag(struct span text, double *ret_value) {
	static const char *const words[][2] = { { "f", "t" }, { "F", "T" }, { "false", "true" },
		{ "False", "True" }, { "FALSE", "TRUE" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int flag = 0; flag < 2; flag++) {
			if (span_equal(text, span_text(words[i][flag]))) {
				*ret_value = flag;
				return true;
			}
		}
	}
	return false;
}

/* "1.5", "2i", "3u", "t". */
static int read_field(struct span text, double *ret_value) {
	int64_t integer;

	if (text.length == 0)
		return E_SYNTAX;
	if (read_flag(text, ret_value))
		return 0;
	char last = text.data[text.length - 1];
	if (last != 'i' && last != 'u')
		return num_read(text, ret_value);

	text.length--;
	int r = num_read_int(text, &integer);
	if (r == 0)
		*ret_value = (double)integer;
	/* Unsigned integers reach twice as far. */
	return r == E_NUMBER && last == 'u' ? num_read(text, ret_value) : r;
}

static int take_field(struct line *line) {
	struct reader *reader = line->reader;
	struct reading reading = { .detector = line->detector,
		.unit = reader_unit(reader, SPAN_EMPTY),
		.time_ms = TIME_NONE };
	struct span key, value;

	int r = take_key(line, &key);
	if (r < 0)
		return r;
	if (at(line, '"'))
		return skip_text(line);
	r = take_name(line, ", ", &value);
	if (r == 0)
		r = read_field(span_trim(value), &reading.value);
	if (r == E_NUMBER) {
		reader_refuse(reader, r);
		return 0;
	}
	if (r < 0)
		return r;

	r = reader_channel_of(reader, key, &reading.channel);
	return r == 1 ? reader_add(reader, &reading) : r;
}

static int take_fields(struct line *line) {
	for (;;) {
		int r = take_field(line);
		if (r < 0)
			return r;
		if (!at(line, ','))
			return 0;
		skip(line, 1);
	}
}

/* The time at the end of the line, in nano-, micro- or milliseconds or seconds by its size. */
static int take_time(struct line *line, int64_t *ret_ms) {
	struct span text;
	int64_t number;

	*ret_ms = TIME_NONE;
	skip_blanks(line);
	if (at_end(line))
		return 0;
	int r = take_name(line, " \r", &text);
	if (r == 0)
		r = num_read_int(text, &number);
	skip_blanks(line);
	if (r < 0 || !at_end(line))
		return r == E_NUMBER ? E_TIME : E_SYNTAX;
	return line->reader->source->times_arrival ? 0
						   : timestamp_from_number((double)number, ret_ms);
}

static int take_line(struct line *line) {
	struct reading_list *list = line->reader->list;
	size_t first = list->count;
	int64_t time_ms = TIME_NONE;

	int r = take_name(line, ", ", &line->measurement);
	if (r == 0)
		r = take_tags(line);
	if (r == 0)
		r = name_detector(line);
	if (r < 0)
		return r;

	skip_blanks(line);
	r = take_fields(line);
	if (r == 0)
		r = take_time(line, &time_ms);
	if (r < 0) {
		list->count = first;
		return r;
	}
	for (size_t i = first; i < list->count; i++)
		list->items[i].time_ms = time_ms;
	return 0;
}

int read_line_protocol(struct reader *reader) {
	struct line line = { .reader = reader, .rest = reader->payload };

	if (!span_is_utf8(reader->payload))
		return E_ENCODING;
	while (line.rest.length > 0) {
		skip_blanks(&line);
		if (at_end(&line) || at(&line, '#')) {
			skip_line(&line);
			continue;
		}
		int r = take_line(&line);
		if (r == -ENOMEM || (r == E_TOO_LARGE && reader->list->count == WIRE_READINGS_MAX))
			return r;
		if (r < 0)
			reader_refuse(reader, r);
		skip_line(&line);
	}
	return 0;
}
