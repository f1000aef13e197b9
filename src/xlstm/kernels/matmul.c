/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products with a packed matrix. A tile of rows by panels is summed in registers, column by
 * column, so each output is one chain of multiply-adds in the order of the columns whatever the
 * tile: the result of a row does not depend on the rows beside it.
 */
#include "kernels.h"
#include "vector.h"

#define VECTORS (PANEL / LANES)

/* Rows in the largest tile: as many as the registers hold sums for, with VECTORS of them a row. */
#if LANES == 16
#define TILE_ROWS   8
#define TILE_PANELS 2
#elif LANES == 8
#define TILE_ROWS   4
#define TILE_PANELS 1
#else
#define TILE_ROWS   2
#define TILE_PANELS 1
#endif

struct product {
	float *y;
	const float *x, *bias;
	size_t y_stride, x_stride;
	enum addend addend;
};

/* How many of the PANEL outputs from `at` on lie in vector v of the panel. */
static inline size_t outputs_in(size_t outputs, size_t at, size_t v) {
	size_t first = at + v * LANES;
	if (first >= outputs)
		return 0;
	return outputs - first < LANES ? outputs - first : LANES;
}

static inline vec load_some(const float *from, size_t n) {
	return n == LANES ? vec_load(from) : vec_load_part(from, n);
}

static inline void store_some(float *to, vec v, size_t n) {
	if (n == LANES)
		vec_store(to, v);
	else if (n)
		vec_store_part(to, v, n);
}

/* y[rows][panels * PANEL] for outputs from `at` on; all panels have the first one's columns. */
static inline __attribute__((always_inline)) void tile(const struct product *product,
        const struct panel *panel, size_t outputs, size_t at, size_t row, const size_t rows,
        const size_t panels) {
	vec sum[TILE_ROWS][4 * VECTORS];
	const float *x = product->x + row * product->x_stride + panel->start;
	float *y = product->y + row * product->y_stride + at;

#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 16
		for (size_t v = 0; v < panels * VECTORS; v++) {
			size_t n = outputs_in(outputs, at, v);
			if (product->addend == ADD_OUTPUT)
				sum[r][v] = load_some(y + r * product->y_stride + v * LANES, n);
			else if (product->addend == ADD_BIAS)
				sum[r][v] = load_some(product->bias + at + v * LANES, n);
			else
				sum[r][v] = (vec){ 0 };
		}

	for (size_t k = 0; k < panel->depth; k++) {
#pragma GCC unroll 16
		for (size_t v = 0; v < panels * VECTORS; v++) {
			const float *values = panel[v / VECTORS].values;
			vec w = vec_load(values + k * PANEL + v % VECTORS * LANES);
#pragma GCC unroll 8
			for (size_t r = 0; r < rows; r++)
				sum[r][v] += w * x[r * product->x_stride + k];
		}
	}

#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 16
		for (size_t v = 0; v < panels * VECTORS; v++)
			store_some(y + r * product->y_stride + v * LANES, sum[r][v],
			        outputs_in(outputs, at, v));
}

static inline __attribute__((always_inline)) void all_rows(const struct product *product,
        const struct panel *panel, size_t outputs, size_t at, size_t rows, const size_t panels) {
	size_t row = 0;
	for (; row + TILE_ROWS <= rows; row += TILE_ROWS)
		tile(product, panel, outputs, at, row, TILE_ROWS, panels);
#if TILE_ROWS > 4
	for (; row + 4 <= rows; row += 4)
		tile(product, panel, outputs, at, row, 4, panels);
#endif
#if TILE_ROWS > 2
	for (; row + 2 <= rows; row += 2)
		tile(product, panel, outputs, at, row, 2, panels);
#endif
	for (; row < rows; row++)
		tile(product, panel, outputs, at, row, 1, panels);
}

/* How many panels from this one on, at most `most`, read the same columns. */
static size_t alike(const struct panels *w, size_t first, size_t most) {
	size_t n = 1;
	while (n < most && first + n < w->count &&
	        w->panels[first + n].start == w->panels[first].start &&
	        w->panels[first + n].depth == w->panels[first].depth)
		n++;
	return n;
}

void KERNEL(matmul)(float *y, size_t y_stride, enum addend addend, const float *bias,
        const float *x, size_t x_stride, size_t rows, const struct panels *w) {
	struct product product = { y, x, bias, y_stride, x_stride, addend };

	for (size_t i = 0; i < w->count;) {
		/* A single row has one chain of sums per vector: more panels keep the units busy.
		 */
		size_t n = alike(w, i, rows == 1 ? 4 : TILE_PANELS);
		const struct panel *panel = &w->panels[i];
		size_t at = i * PANEL;
		if (n == 4)
			tile(&product, panel, w->outputs, at, 0, 1, 4);
#if TILE_PANELS == 2
		else if (n >= 2)
			all_rows(&product, panel, w->outputs, at, rows, n = 2);
#endif
		else
			all_rows(&product, panel, w->outputs, at, rows, n = 1);
		i += n;
	}
}
