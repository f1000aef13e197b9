/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "span.h"

#include <stdarg.h>
#include <stdbool.h>

/*
 * Bytes that grow: messages, JSON, lines. A failed allocation is remembered and makes every later
 * write a no-op, so that writers need to look only once, at the end: text_failed().
 * Zero-initialised it is empty and ready.
 */
struct text {
	char *data;
	size_t length;
	size_t capacity;
	bool failed;
};

void text_finish(struct text *text);

/* Empties it and forgets a failure; keeps the memory. */
void text_reset(struct text *text);

bool text_failed(const struct text *text);
struct span text_span(const struct text *text);

/* Room for `length` more bytes at data + length, for writers that fill them themselves and then
 * advance `length`. NULL if there is none. */
char *text_reserve(struct text *text, size_t length);

void text_add(struct text *text, struct span bytes);
void text_add_char(struct text *text, char c);
void text_add_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A JSON string with quotes and escapes; malformed UTF-8 becomes U+FFFD, so the result always is
 * valid JSON. */
void text_add_json_string(struct text *text, struct span bytes);

/* A JSON number with seven significant digits; `null` for NaN and infinities. */
void text_add_json_number(struct text *text, double value);

#endif
