/* SPDX-License-Identifier: Apache-2.0 */
#include "span.h"

#include <stdint.h>

bool span_starts_with(struct span text, struct span prefix) {
	return text.length >= prefix.length &&
	       span_equal(span_of(text.data, prefix.length), prefix);
}

static bool is_blank(char c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span text) {
	while (text.length > 0 && is_blank(text.data[0])) {
		text.data++;
		text.length--;
	}
	while (text.length > 0 && is_blank(text.data[text.length - 1]))
		text.length--;
	return text;
}

struct span span_cut(struct span *rest, char separator) {
	struct span whole = *rest;
	const char *at = whole.length ? memchr(whole.data, separator, whole.length) : NULL;

	if (!at) {
		*rest = SPAN_EMPTY;
		return whole;
	}

	size_t before = (size_t)(at - whole.data);
	*rest = span_of(at + 1, whole.length - before - 1);
	return span_of(whole.data, before);
}

/* Bytes of the sequence that this one leads, 0 if none may start with it. */
static size_t utf8_sequence_length(uint8_t lead) {
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

/* The second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool utf8_second_byte_fits(uint8_t lead, uint8_t second) {
	switch (lead) {
	case 0xe0: return second >= 0xa0 && second <= 0xbf;
	case 0xed: return second >= 0x80 && second <= 0x9f;
	case 0xf0: return second >= 0x90 && second <= 0xbf;
	case 0xf4: return second >= 0x80 && second <= 0x8f;
	default: return second >= 0x80 && second <= 0xbf;
	}
}

/* Steps over as many whole words of ASCII as there are. */
static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end) {
	uint64_t word;

	for (; (size_t)(end - at) >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	return at;
}

bool span_is_utf8(struct span text) {
	if (text.length == 0)
		return true;

	const uint8_t *end = (const uint8_t *)text.data + text.length;
	const uint8_t *at = skip_ascii((const uint8_t *)text.data, end);

	while (at < end) {
		size_t length = utf8_sequence_length(*at);
		if (length == 0 || length > (size_t)(end - at))
			return false;
		if (length > 1 && !utf8_second_byte_fits(at[0], at[1]))
			return false;
		for (size_t i = 2; i < length; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return false;
		}
		at += length;
	}
	return true;
}

/* U+0080 to U+009F, which terminals take for the beginning of commands. */
static bool is_c1(struct span text, size_t i) {
	return (uint8_t)text.data[i] == 0xc2 && i + 1 < text.length &&
	       ((uint8_t)text.data[i + 1] & 0xe0) == 0x80;
}

bool span_has_control(struct span text) {
	for (size_t i = 0; i < text.length; i++) {
		uint8_t byte = (uint8_t)text.data[i];
		if (byte < 0x20 || byte == 0x7f || is_c1(text, i))
			return true;
	}
	return false;
}
