/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_ROW_STORE_H
#define FORECAST_ROW_STORE_H

#include <stdbool.h>
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
	bool deferred; /* pages come when they are written */
};

/* Zeroed, at the beginning of a cache line, and all there, unless deferred: none of its pages comes later. size: that of a pointer
 * and a size at least. NULL: no memory. */
void *row_store_take(struct row_store *store, size_t size);

/* Pages of rows that are taken from now on come when they are written. row_store_settle has those come that have
 * not, the latest first. It may run on another thread, while rows are written but none is taken; row_store_end_deferral
 * ends this, and rows that are taken are all there again. */
void row_store_defer(struct row_store *store);
void row_store_settle(const struct row_store *store);
void row_store_end_deferral(struct row_store *store);

/* NULL is fine. */
void row_store_give_back(struct row_store *store, void *row, size_t size);

/* No row may be in use. */
void row_store_finish(struct row_store *store);

#endif
