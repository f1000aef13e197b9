/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "span.h"

#include <stddef.h>

/* Memory that is given back all at once. What was handed out never moves; after a reset the memory
 * is used again, so that repeating a job allocates nothing. Zero-initialised it is empty and
 * ready. */
struct arena_block;

struct arena {
	struct arena_block *newest;
	size_t used; /* of the newest block */
};

void arena_finish(struct arena *arena);

/* An arena that grew beyond this gives its memory back at a reset: it was one job out of many. */
#define ARENA_KEPT_MAX ((size_t)1 << 20)

/* Takes everything back; keeps the largest block. */
void arena_reset(struct arena *arena);

/* `size` bytes for any object, not initialised; NULL if there is no memory. */
void *arena_take(struct arena *arena, size_t size);

/* A copy of the span; with a NULL pointer, if there is no memory. */
struct span arena_copy(struct arena *arena, struct span span);

#endif
