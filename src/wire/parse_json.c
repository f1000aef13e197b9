/* SPDX-License-Identifier: Apache-2.0 */
#include "parse_json.h"

#include "error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>

/*
 * Where jansson 2.14 finds no room for a token's next byte it leaves that byte out and goes on: a name is another
 * one, or, if the byte was the closing quote, is read beyond its end. So an allocation that fails never comes back
 * to it, but ends the parse from within. That leaves nothing behind, as all that a parse allocates comes from an
 * arena; which is quicker, too.
 */
struct parse {
	struct arena *arena;
	jmp_buf no_memory;
};

/* Of this thread; NULL while it does not parse, when jansson allocates as ever. */
static _Thread_local struct parse *parse;

static void *take(size_t size) {
	if (!parse)
		return malloc(size);

	void *memory = arena_take(parse->arena, size);
	if (!memory)
		longjmp(parse->no_memory, 1);
	return memory;
}

/* A parse gives back only what it took. */
static void give_back(void *memory) {
	if (!parse)
		free(memory);
}

/* jansson has one pair of allocators for the process, to be set while there is a single thread. */
__attribute__((constructor)) static void set_allocators(void) {
	json_set_alloc_funcs(take, give_back);
}

static int error_of(const json_error_t *error) {
	switch (json_error_code(error)) {
	case json_error_stack_overflow: return E_TOO_LARGE;
	case json_error_invalid_utf8: return E_ENCODING;
	case json_error_numeric_overflow: return E_NUMBER;
	default: return E_SYNTAX;
	}
}

/* jansson overlooks a zero byte behind a number. */
static bool has_zero(struct span text) {
	return text.length > 0 && memchr(text.data, '\0', text.length);
}

int json_parse(struct arena *arena, struct span text, size_t flags, json_t **ret_json) {
	struct parse current = { .arena = arena };
	json_error_t error;

	if (has_zero(text))
		return E_SYNTAX;

	parse = &current;
	if (setjmp(current.no_memory) == 0) {
		*ret_json = json_loadb(text.data, text.length,
			JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | flags, &error);
		parse = NULL;
		return *ret_json ? 0 : error_of(&error);
	}
	parse = NULL;
	return -ENOMEM;
}
