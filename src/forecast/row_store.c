/* SPDX-License-Identifier: Apache-2.0 */
#include "row_store.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)0)
#endif

/* Of a huge page, and of a chunk that is made of them. Before, each chunk is as large as all others
 * together, so that a few rows take no more than they need. */
#define HUGE_BYTES  ((size_t)2 << 20)
#define CHUNK_BYTES ((size_t)32 << 20)

/* Of a cache line. One lies behind each row, so that AddressSanitizer sees who writes beyond it. */
#define LINE_BYTES ((size_t)64)

struct row_chunk {
	struct row_chunk *next;
	void *block;
	char *bytes; /* in it, where a huge page or a line begins */
	size_t size, used;
};

/* A row that was given back begins so. */
struct row_spare {
	struct row_spare *next;
	size_t size;
};

static size_t whole(size_t size, size_t unit) {
	return (size + unit - 1) / unit * unit;
}

static size_t next_size(const struct row_store *store, size_t row) {
	size_t before = 0;
	for (const struct row_chunk *chunk = store->chunks; chunk; chunk = chunk->next)
		before += chunk->size;
	if (before >= CHUNK_BYTES || row >= CHUNK_BYTES)
		return row > CHUNK_BYTES ? whole(row, HUGE_BYTES) : CHUNK_BYTES;
	return before > row ? before / row * row : row;
}

/* Zero, and fresh from the system where it is large, which knows that without looking. */
static void take_block(struct row_chunk *chunk, size_t size) {
	bool huge = size >= CHUNK_BYTES;
	size_t unit = huge ? HUGE_BYTES : LINE_BYTES;
	chunk->block = calloc(1, size + unit);
	if (!chunk->block)
		return;
	chunk->bytes = (char *)whole((uintptr_t)chunk->block, unit);
	chunk->size = size;
	/* Where the system has no huge pages others do. */
	if (huge)
		(void)madvise(chunk->bytes, size, MADV_HUGEPAGE);
}

static struct row_chunk *add_chunk(struct row_store *store, size_t row) {
	struct row_chunk *chunk = calloc(1, sizeof(*chunk));
	if (!chunk)
		return NULL;
	take_block(chunk, next_size(store, row));
	if (!chunk->block) {
		free(chunk);
		return NULL;
	}
	ASAN_POISON_MEMORY_REGION(chunk->bytes, chunk->size);
	chunk->next = store->chunks;
	store->chunks = chunk;
	return chunk;
}

/* Has the pages come, whatever they hold. On a kernel that does not know how (before 5.14) they come later. */
static void touch(const char *bytes, size_t size) {
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)bytes / page * page;
	(void)madvise((void *)begin, (uintptr_t)bytes + size - begin, MADV_POPULATE_WRITE);
}

static void *take_spare(struct row_store *store, size_t size) {
	struct row_spare **at = &store->spares;
	while (*at && (*at)->size != size)
		at = &(*at)->next;
	struct row_spare *spare = *at;
	if (spare)
		*at = spare->next;
	return spare;
}

static char *take_new(struct row_store *store, size_t size) {
	struct row_chunk *chunk = store->chunks;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = add_chunk(store, size);
	if (!chunk)
		return NULL;
	char *row = chunk->bytes + chunk->used;
	chunk->used += size;
	return row;
}

static size_t room_for(size_t size) {
	return whole(size, LINE_BYTES) + LINE_BYTES;
}

void *row_store_take(struct row_store *store, size_t size) {
	void *spare = take_spare(store, room_for(size));
	char *row = spare ? spare : take_new(store, room_for(size));
	if (!row)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(row, size);
	if (spare)
		memset(row, 0, size);
	else if (!store->deferred)
		touch(row, size);
	return row;
}

void row_store_defer(struct row_store *store) {
	store->deferred = true;
}

void row_store_settle(const struct row_store *store) {
	for (const struct row_chunk *chunk = store->chunks; chunk; chunk = chunk->next)
		touch(chunk->bytes, chunk->used);
}

void row_store_end_deferral(struct row_store *store) {
	store->deferred = false;
}

void row_store_give_back(struct row_store *store, void *row, size_t size) {
	struct row_spare *spare = row;
	if (!row)
		return;
	*spare = (struct row_spare){ store->spares, room_for(size) };
	store->spares = spare;
	ASAN_POISON_MEMORY_REGION(spare + 1, size - sizeof(*spare));
}

void row_store_finish(struct row_store *store) {
	while (store->chunks) {
		struct row_chunk *chunk = store->chunks;
		store->chunks = chunk->next;
		ASAN_UNPOISON_MEMORY_REGION(chunk->bytes, chunk->size);
		free(chunk->block);
		free(chunk);
	}
	store->spares = NULL;
}
