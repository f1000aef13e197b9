/* SPDX-License-Identifier: Apache-2.0 */
#include "row_store.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
	char *bytes;
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

/* Where the system has no huge pages others do. */
static char *take_bytes(size_t size) {
	bool huge = size >= CHUNK_BYTES;
	char *bytes = aligned_alloc(huge ? HUGE_BYTES : LINE_BYTES, size);
	if (bytes && huge)
		(void)madvise(bytes, size, MADV_HUGEPAGE);
	return bytes;
}

static struct row_chunk *add_chunk(struct row_store *store, size_t row) {
	size_t size = next_size(store, row);
	struct row_chunk *chunk = malloc(sizeof(*chunk));
	char *bytes = chunk ? take_bytes(size) : NULL;
	if (!bytes) {
		free(chunk);
		return NULL;
	}
	ASAN_POISON_MEMORY_REGION(bytes, size);
	*chunk = (struct row_chunk){ .next = store->chunks, .bytes = bytes, .size = size };
	store->chunks = chunk;
	return chunk;
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

static void *take_new(struct row_store *store, size_t size) {
	struct row_chunk *chunk = store->chunks;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = add_chunk(store, size);
	if (!chunk)
		return NULL;
	void *row = chunk->bytes + chunk->used;
	chunk->used += size;
	return row;
}

static size_t room_for(size_t size) {
	return whole(size, LINE_BYTES) + LINE_BYTES;
}

void *row_store_take(struct row_store *store, size_t size) {
	void *row = take_spare(store, room_for(size));
	if (!row)
		row = take_new(store, room_for(size));
	if (!row)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(row, size);
	return memset(row, 0, size);
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
		free(chunk->bytes);
		free(chunk);
	}
	store->spares = NULL;
}
