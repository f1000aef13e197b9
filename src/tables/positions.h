/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLES_POSITIONS_H
#define TABLES_POSITIONS_H

#include "span.h"
#include "text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Where detectors are, from a file whose heading names the columns `detector` and `latitude`,
 * `longitude` (degrees) or `x`, `y` (metres); other columns are passed over.
 */
struct positions;

/* Rows of a file at the most. */
#define POSITIONS_MAX 1000000

struct position {
	bool metres; /* else degrees */
	double first, second; /* latitude and longitude, or x and y */
};

/* 0; E_CONFIG, and each problem has been appended to `problems` as a line; -ENOMEM. */
int positions_load(struct positions **ret_positions, const char *path, struct text *problems);
void positions_destroy(struct positions *positions);

size_t positions_count(const struct positions *positions);

/* False: the file does not name the detector. */
bool positions_find(
	const struct positions *positions, struct span detector, struct position *ret_position);

#endif
