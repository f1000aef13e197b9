/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLES_ADJACENCY_H
#define TABLES_ADJACENCY_H

#include "span.h"
#include "text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Which detectors may look at which, from a file whose heading names the columns `from`, `to` and
 * `weight`: `to` is a candidate for the neighbours of `from`, the larger the weight, the more likely.
 * Rows whose weight is 0, and those from a detector to itself, say nothing.
 */
struct adjacency;

/* Rows of a file, and candidates of one detector at the most; those with the largest weights stay. */
#define ADJACENCY_MAX  10000000
#define CANDIDATES_MAX 64

/* 0; E_CONFIG, and each problem has been appended to `problems` as a line; -ENOMEM. */
int adjacency_load(struct adjacency **ret_adjacency, const char *path, struct text *problems);
void adjacency_destroy(struct adjacency *adjacency);

/* Pairs that are kept. */
size_t adjacency_count(const struct adjacency *adjacency);

/* Whether the file names the detector at all. */
bool adjacency_names(const struct adjacency *adjacency, struct span detector);

/* The names of the candidates of a detector, those with the largest weights first, to `to`
 * [CANDIDATES_MAX]; returns how many. */
size_t adjacency_candidates(
	const struct adjacency *adjacency, struct span detector, struct span *to);

#endif
