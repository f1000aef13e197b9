/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include "num.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 256

void text_finish(struct text *text) {
	free(text->data);
	*text = (struct text){ 0 };
}

void text_reset(struct text *text) {
	text->length = 0;
	text->failed = false;
}

bool text_failed(const struct text *text) {
	return text->failed;
}

struct span text_span(const struct text *text) {
	return span_of(text->data, text->length);
}

static bool text_grow(struct text *text, size_t needed) {
	size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;

	while (capacity < needed)
		capacity *= 2;

	char *data = realloc(text->data, capacity);
	if (!data)
		return false;
	text->data = data;
	text->capacity = capacity;
	return true;
}

char *text_reserve(struct text *text, size_t length) {
	if (text->failed)
		return NULL;
	if (length > SIZE_MAX / 4 - text->length)
		text->failed = true;
	else if (!text->data || text->length + length > text->capacity)
		text->failed = !text_grow(text, text->length + length);
	return text->failed ? NULL : text->data + text->length;
}

void text_add(struct text *text, struct span bytes) {
	char *at = bytes.length > 0 ? text_reserve(text, bytes.length) : NULL;

	if (!at)
		return;
	memcpy(at, bytes.data, bytes.length);
	text->length += bytes.length;
}

void text_add_char(struct text *text, char c) {
	text_add(text, span_of(&c, 1));
}

void text_add_format(struct text *text, const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	char *at = length < 0 ? NULL : text_reserve(text, (size_t)length + 1);
	if (!at)
		return;

	va_start(arguments, format);
	vsnprintf(at, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

/* Bytes of the well-formed character that `bytes` starts with, 0 if it is malformed. */
static size_t character_length(struct span bytes) {
	for (size_t length = 1; length <= 4 && length <= bytes.length; length++) {
		if (span_is_utf8(span_of(bytes.data, length)))
			return length;
	}
	return 0;
}

static void add_escape(struct text *text, char c) {
	switch (c) {
	case '"': text_add(text, SPAN("\\\"")); break;
	case '\\': text_add(text, SPAN("\\\\")); break;
	case '\n': text_add(text, SPAN("\\n")); break;
	case '\r': text_add(text, SPAN("\\r")); break;
	case '\t': text_add(text, SPAN("\\t")); break;
	default: text_add_format(text, "\\u%04x", (unsigned)(unsigned char)c); break;
	}
}

static bool is_plain(char c) {
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

/* Bytes at the start that need no look. */
static size_t plain_length(struct span bytes) {
	size_t length = 0;

	while (length < bytes.length && is_plain(bytes.data[length]))
		length++;
	return length;
}

void text_add_json_string(struct text *text, struct span bytes) {
	text_add_char(text, '"');
	while (bytes.length > 0) {
		size_t plain = plain_length(bytes);
		size_t length = plain ? plain : character_length(bytes);

		if (length == 0)
			text_add(text, SPAN("\xef\xbf\xbd"));
		else if (!plain && length == 1)
			add_escape(text, bytes.data[0]);
		else
			text_add(text, span_of(bytes.data, length));
		bytes.data += length ? length : 1;
		bytes.length -= length ? length : 1;
	}
	text_add_char(text, '"');
}

void text_add_json_number(struct text *text, double value) {
	if (!isfinite(value)) {
		text_add(text, SPAN("null"));
		return;
	}

	char *at = text_reserve(text, NUM_TEXT_MAX);
	if (at)
		text->length += num_write(at, value);
}
