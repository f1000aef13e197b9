/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_PACK_H
#define XLSTM_PACK_H

#include "kernels/kernels.h"

#include <stdbool.h>

/*
 * Weights rearranged for the kernels, in two passes over the same code: one that counts and one
 * that writes into memory of that size.
 */
struct packer {
	float *floats; /* NULL while counting */
	struct panel *panels;
	size_t float_count, panel_count;
};

/* One row of a packed matrix: `depth` values from column `start` on, zero elsewhere. */
struct packed_row {
	const float *values;
	size_t start, depth;
};

/* Calls row(context, i) for each of the outputs. */
typedef struct packed_row (*packed_row_fn)(const void *context, size_t output);

struct panels pack_rows(
	struct packer *packer, size_t outputs, packed_row_fn row, const void *context);

/* [outputs, inputs], dense. */
struct panels pack_dense(struct packer *packer, const float *values, size_t outputs, size_t inputs);

/* Two dense matrices with the same inputs, one below the other. */
struct panels pack_stacked(struct packer *packer, const float *first, const float *second,
	size_t outputs_each, size_t inputs);

/* Two block-diagonal matrices [heads, units, units], one below the other. */
struct panels pack_headwise(
	struct packer *packer, const float *first, const float *second, size_t heads, size_t units);

/* [heads, gates * units, units] to outputs in the order gate, head, unit. */
struct panels pack_recurrent(
	struct packer *packer, const float *values, size_t gates, size_t heads, size_t units);

/* [rows, columns] to [columns, rows]; also makes [width / 4, 4 (output), 4 (input)] into
 * [4 (input), width]. */
const float *pack_transposed(
	struct packer *packer, const float *values, size_t rows, size_t columns);

/* [count] and [count] to [2 * count]. */
const float *pack_joined(
	struct packer *packer, const float *first, const float *second, size_t count);

/* Gains stored plain, as their distance from one. */
const float *pack_gains(struct packer *packer, const float *gains, size_t count);

/* The sum of two vectors. */
const float *pack_sum(struct packer *packer, const float *first, const float *second, size_t count);

#endif
