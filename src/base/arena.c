/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAPACITY 1024

struct arena_block {
	struct arena_block *older;
	size_t capacity;
	_Alignas(max_align_t) char data[];
};

static void free_blocks(struct arena_block *block) {
	while (block) {
		struct arena_block *older = block->older;
		free(block);
		block = older;
	}
}

void arena_finish(struct arena *arena) {
	free_blocks(arena->newest);
	*arena = (struct arena){ 0 };
}

/* Each block is larger than all before it, so the newest is the one to keep. */
void arena_reset(struct arena *arena) {
	if (arena->newest && arena->newest->capacity > ARENA_KEPT_MAX) {
		arena_finish(arena);
	} else if (arena->newest) {
		free_blocks(arena->newest->older);
		arena->newest->older = NULL;
	}
	arena->used = 0;
}

static int add_block(struct arena *arena, size_t size) {
	size_t capacity = arena->newest ? arena->newest->capacity * 2 : FIRST_CAPACITY;
	while (capacity < size)
		capacity *= 2;

	struct arena_block *block = malloc(sizeof(*block) + capacity);
	if (!block)
		return -1;
	block->older = arena->newest;
	block->capacity = capacity;
	arena->newest = block;
	arena->used = 0;
	return 0;
}

void *arena_take(struct arena *arena, size_t size) {
	size_t align = _Alignof(max_align_t);

	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + align - 1) / align * align;
	if (!arena->newest || size > arena->newest->capacity - arena->used) {
		if (add_block(arena, size) < 0)
			return NULL;
	}
	void *taken = arena->newest->data + arena->used;
	arena->used += size;
	return taken;
}

struct span arena_copy(struct arena *arena, struct span span) {
	char *copy = arena_take(arena, span.length);

	if (!copy)
		return SPAN_EMPTY;
	if (span.length > 0)
		memcpy(copy, span.data, span.length);
	return span_of(copy, span.length);
}
