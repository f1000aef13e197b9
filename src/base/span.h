/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes that somebody else owns. Not terminated by a zero; may hold any byte. */
struct span {
	const char *data;
	size_t length;
};

#define SPAN_EMPTY ((struct span){ NULL, 0 })

/* The span of a string literal. */
#define SPAN(literal) ((struct span){ "" literal, sizeof(literal) - 1 })

/* The format and arguments of a span for printf: printf("%.*s", SPAN_PRINT(name)). */
#define SPAN_PRINT(span) (int)(span).length, (span).data

static inline struct span span_of(const void *data, size_t length) {
	return (struct span){ data, length };
}

/* The span of a terminated string; NULL gives the empty span. */
static inline struct span span_text(const char *text) {
	return (struct span){ text, text ? strlen(text) : 0 };
}

static inline bool span_equal(struct span a, struct span b) {
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool span_starts_with(struct span text, struct span prefix);

/* Without leading and trailing spaces, tabs and line ends. */
struct span span_trim(struct span text);

/* Cuts text at the first separator: returns what lies before it and leaves the rest, without the
 * separator, in *rest. Without a separator all of it is returned and *rest becomes empty with a
 * NULL data pointer, so that a loop ends at `rest.data == NULL`. */
struct span span_cut(struct span *rest, char separator);

/* Whether all of it is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool span_is_utf8(struct span text);

/* Whether any byte is below 0x20 or is 0x7f, or any character is U+0080 to U+009F. */
bool span_has_control(struct span text);

#endif
