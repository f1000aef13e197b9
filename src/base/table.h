/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "span.h"

#include <stdint.h>

/*
 * From names to numbers: an open-addressing hash table whose keys are borrowed spans (they must
 * outlive the table, unmoved) and whose hash is keyed by a random seed, so that nobody who chooses
 * topic names can choose collisions (SipHash-1-3, Aumasson and Bernstein 2012).
 */
struct table;

int table_create(struct table **ret_table, uint64_t seed);
void table_destroy(struct table *table);

/* 1 and *ret_value if the key is there, else 0. */
int table_find(const struct table *table, struct span key, uint32_t *ret_value);

/* Adds or replaces. 0 or -ENOMEM; a table that could not grow is unchanged. */
int table_put(struct table *table, struct span key, uint32_t value);

size_t table_count(const struct table *table);

#endif
