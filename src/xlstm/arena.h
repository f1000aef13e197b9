/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_ARENA_H
#define XLSTM_ARENA_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Zeroed floats that start on a cache line; free() releases them. NULL without memory. */
static inline float *arena_create(size_t floats) {
	size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
	float *arena = aligned_alloc(64, bytes ? bytes : 64);
	if (arena)
		memset(arena, 0, bytes ? bytes : 64);
	return arena;
}

#endif
