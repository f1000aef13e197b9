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
#define TILE_ROWS    4
#define TILE_VECTORS 2
#else
#define TILE_ROWS    2
#define TILE_VECTORS 4
#endif
#define TILE_VECTORS_MAX 16

/* sum[r][v] += over k of a(r, k) * b[v][k]. Each sum is one chain of multiply-adds in the order
 * of k. part: values in each (then the only) vector of b; 0: all. */
static inline __attribute__((always_inline)) void sum_tile(vec sum[TILE_ROWS][TILE_VECTORS_MAX],
	struct strided a, const float *const b[TILE_VECTORS_MAX], size_t b_stride, size_t inner,
	const size_t rows, const size_t vectors, const size_t part) {
	for (size_t k = 0; k < inner; k++) {
		const float *factor = a.values + k * a.column;
#pragma GCC unroll 16
		for (size_t v = 0; v < vectors; v++) {
			const float *at = b[v] + k * b_stride;
			vec w = part ? vec_load_part(at, part) : vec_load(at);
#pragma GCC unroll 8
			for (size_t r = 0; r < rows; r++)
				sum[r][v] = vec_fma(w, vec_all(factor[r * a.row]), sum[r][v]);
		}
	}
}

#endif
