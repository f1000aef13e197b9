/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_ROW_STORE_H
#define FORECAST_ROW_STORE_H

#include <stddef.h>

/*
 * Memory for rows. Many of them lie in chunks which the system is asked to make of huge pages: ten thousand
 * rows of 400 kB are a million small pages, and to get these takes longer than to read what they hold. What is
 * given back is for rows of the same size; chunks stay until the end. Zero-initialised it is empty and ready.
 */
struct row_chunk;
struct row_spare;

struct row_store {
	struct row_chunk *chunks; /* the first is being filled */
	struct row_spare *spares;
};

/* Zeroed, at the beginning of a cache line, and all there: none of its pages comes later. size: that of a pointer
 * and a size at least. NULL: no memory. */
void *row_store_take(struct row_store *store, size_t size);

/* NULL is fine. */
void row_store_give_back(struct row_store *store, void *row, size_t size);

/* No row may be in use. */
void row_store_finish(struct row_store *store);

#endif
