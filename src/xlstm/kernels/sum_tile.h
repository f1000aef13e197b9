/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_SUM_TILE_H
#define XLSTM_SUM_TILE_H

#include "kernels.h"
#include "vector.h"

/* Rows of the largest tile whose sums the registers hold, with a panel (or two) of outputs. */
#if LANES == 16
#define TILE_ROWS    8
#define TILE_VECTORS 2
#elif LANES == 8
#define TILE_ROWS    6
#define TILE_VECTORS 2
#else
#define TILE_ROWS    2
#define TILE_VECTORS 4
#endif
#define TILE_VECTORS_MAX 16

/* How many of the rows that are left the next tile takes: the heights are 1, 2, 4 and TILE_ROWS. Two
 * of four are quicker than one of six and one of two, which has too few sums to keep the units busy. */
static inline size_t tile_rows(size_t left) {
	if (left >= TILE_ROWS && !(TILE_ROWS == 6 && left == 8))
		return TILE_ROWS;
	return TILE_ROWS > 4 && left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* sum[r][v] += over k of a(r, k) * b[v][k]. Each sum is one chain of multiply-adds in the order
 * of k, of which there is at least one. part: values in each (then the only) vector of b; 0: all. */
static inline __attribute__((always_inline)) void sum_tile(vec sum[TILE_ROWS][TILE_VECTORS_MAX],
	struct strided a, const float *const b[TILE_VECTORS_MAX], size_t b_stride, size_t inner,
	const size_t rows, const size_t vectors, const size_t part) {
	size_t k = 0;
	do {
		const float *factor = a.values + k * a.column;
		vec w[TILE_VECTORS_MAX];
#pragma GCC unroll 16
		for (size_t v = 0; v < vectors; v++) {
			const float *at = b[v] + k * b_stride;
			w[v] = part ? vec_load_part(at, part) : vec_load(at);
		}
		/* Row by row: the sums leave few registers for anything else. */
#pragma GCC unroll 8
		for (size_t r = 0; r < rows; r++) {
			vec x = vec_all(factor[r * a.row]);
#pragma GCC unroll 16
			for (size_t v = 0; v < vectors; v++)
				sum[r][v] = vec_fma(w[v], x, sum[r][v]);
		}
	} while (++k < inner);
}

#endif
