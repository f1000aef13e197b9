/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices that lie as they are, for training: y = a b with a in any order. */
#include "sum_tile.h"

/* Steps of the inner sum worked off at a time, so that the rows of b that tiles share stay in the
 * first cache. */
#define INNER_AT_ONCE 128

struct product {
	struct rows y;
	struct strided a;
	struct const_rows b;
	size_t rows, inner;
	bool add;
};

static inline __attribute__((always_inline)) void tile(const struct product *product, size_t row,
	size_t column, const size_t rows, const size_t vectors, const size_t part) {
	vec sum[TILE_ROWS][TILE_VECTORS_MAX];
	const float *b[TILE_VECTORS_MAX];
	struct strided a = product->a;
	float *y = product->y.values + row * product->y.stride + column;

	a.values += row * a.row;
#pragma GCC unroll 16
	for (size_t v = 0; v < vectors; v++) {
		b[v] = product->b.values + column + v * LANES;
#pragma GCC unroll 8
		for (size_t r = 0; r < rows; r++) {
			const float *at = y + r * product->y.stride + v * LANES;
			sum[r][v] = (vec){ 0 };
			if (product->add)
				sum[r][v] = part ? vec_load_part(at, part) : vec_load(at);
		}
	}
	sum_tile(sum, a, b, product->b.stride, product->inner, rows, vectors, part);
#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 16
		for (size_t v = 0; v < vectors; v++) {
			float *at = y + r * product->y.stride + v * LANES;
			if (part)
				vec_store_part(at, sum[r][v], part);
			else
				vec_store(at, sum[r][v]);
		}
}

static inline __attribute__((always_inline)) void all_rows(
	const struct product *product, size_t column, const size_t vectors, const size_t part) {
	for (size_t row = 0, some; row < product->rows; row += some) {
		some = tile_rows(product->rows - row);
		switch (some) {
		case 1: tile(product, row, column, 1, vectors, part); break;
		case 2: tile(product, row, column, 2, vectors, part); break;
#if TILE_ROWS > 2
		case 4: tile(product, row, column, 4, vectors, part); break;
		case TILE_ROWS: tile(product, row, column, TILE_ROWS, vectors, part); break;
#endif
		}
	}
}

static void all_columns(const struct product *product, size_t columns) {
	size_t column = 0;
	for (; column + TILE_VECTORS * LANES <= columns; column += TILE_VECTORS * LANES)
		all_rows(product, column, TILE_VECTORS, 0);
	for (; column + LANES <= columns; column += LANES)
		all_rows(product, column, 1, 0);
	if (column < columns)
		all_rows(product, column, 1, columns - column);
}

void KERNEL(product)(struct rows y, struct strided a, struct const_rows b, size_t rows,
	size_t inner, size_t columns, bool add) {
	for (size_t done = 0; done < inner; done += INNER_AT_ONCE) {
		struct product product = { y, a, b, rows, inner - done, add || done };
		if (product.inner > INNER_AT_ONCE)
			product.inner = INNER_AT_ONCE;
		product.a.values += done * a.column;
		product.b.values += done * b.stride;
		all_columns(&product, columns);
	}
}
