/* SPDX-License-Identifier: Apache-2.0 */
#include "json_whole.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/*
 * jansson 2.14 gathers each token in a buffer that grows. Where it can't, the byte is left out and reading goes on,
 * beyond the token's end if the byte was the closing quote. So it is given an array whose first element is a string
 * longer than any token of the text, byte by byte until one finds no room; behind it the buffer does not have to
 * grow any more. Any other lack of memory ends the reading.
 */
struct source {
	const char *text;
	size_t length;
	size_t letters; /* of the string */
	size_t at; /* of  ["aaa...", text ]  */
};

#define OPENING 2 /* [" */
#define CLOSING 2 /* ", */

/* The buffer's sizes are multiples of this. If the letters are, too, it does not grow at the string's quotes. */
#define BUFFER_UNIT 16

/* Bytes of the longest token or more: within one there is no quote but behind a backslash. */
static size_t longest_token(const char *text, size_t length) {
	size_t longest = 0, begin = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"' && (i == 0 || text[i - 1] != '\\'))
			begin = i;
		if (i - begin > longest)
			longest = i - begin;
	}
	return longest + 2;
}

static size_t give(void *buffer, const char *bytes, size_t length, size_t room) {
	size_t given = length < room ? length : room;

	memcpy(buffer, bytes, given);
	return given;
}

static size_t give_string(const struct source *source, void *buffer) {
	return give(buffer, source->at < OPENING ? &"[\""[source->at] : "a", 1, 1);
}

/* What comes behind the letters, from `at` on. */
static size_t give_rest(const struct source *source, size_t at, void *buffer, size_t room) {
	if (at < CLOSING)
		return give(buffer, &"\","[at], CLOSING - at, room);
	at -= CLOSING;
	if (at < source->length)
		return give(buffer, source->text + at, source->length - at, room);
	return give(buffer, "]", at == source->length, room);
}

static size_t read_more(void *buffer, size_t room, void *context) {
	struct source *source = context;
	size_t string = OPENING + source->letters;

	if (errno == ENOMEM)
		return 0;
	size_t given = source->at < string ? give_string(source, buffer)
					   : give_rest(source, source->at - string, buffer, room);
	source->at += given;
	return given;
}

int json_read_whole(json_t **ret_json, const char *text, size_t length, json_error_t *ret_error) {
	struct source source = { .text = text,
		.length = length,
		.letters = (longest_token(text, length) / BUFFER_UNIT + 1) * BUFFER_UNIT };

	errno = 0;
	json_t *array = json_load_callback(read_more, &source, JSON_REJECT_DUPLICATES, ret_error);
	if (!array)
		return errno == ENOMEM ? -ENOMEM : -EINVAL;

	bool single = json_array_size(array) == 2;
	if (single)
		*ret_json = json_incref(json_array_get(array, 1));
	json_decref(array);
	return single ? 0 : -EINVAL;
}
