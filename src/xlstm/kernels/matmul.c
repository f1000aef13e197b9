/* SPDX-License-Identifier: Apache-2.0 */
/* Products with a packed matrix. The result of a row does not depend on the rows beside it: see
 * sum_tile(). */
#include "sum_tile.h"

#define VECTORS (PANEL / LANES)

struct matmul {
	struct rows y;
	struct const_rows x;
	const float *bias;
	enum addend addend;
	size_t outputs;
};

/* How many of the outputs from `at` on lie in vector v. */
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

/* Outputs from `at` on, for some rows; all panels read the first one's columns. */
static inline __attribute__((always_inline)) void tile(const struct matmul *matmul,
	const struct panel *panel, size_t at, size_t row, const size_t rows, const size_t panels) {
	vec sum[TILE_ROWS][TILE_VECTORS_MAX];
	const float *b[TILE_VECTORS_MAX];
	struct strided x = { matmul->x.values + row * matmul->x.stride + panel->start,
		matmul->x.stride, 1 };
	float *y = matmul->y.values + row * matmul->y.stride + at;
	const size_t vectors = panels * VECTORS;

#pragma GCC unroll 16
	for (size_t v = 0; v < vectors; v++) {
		size_t n = outputs_in(matmul->outputs, at, v);
		b[v] = panel[v / VECTORS].values + v % VECTORS * LANES;
#pragma GCC unroll 8
		for (size_t r = 0; r < rows; r++) {
			if (matmul->addend == ADD_OUTPUT)
				sum[r][v] = load_some(y + r * matmul->y.stride + v * LANES, n);
			else if (matmul->addend == ADD_BIAS)
				sum[r][v] = load_some(matmul->bias + at + v * LANES, n);
			else
				sum[r][v] = (vec){ 0 };
		}
	}
	sum_tile(sum, x, b, PANEL, panel->depth, rows, vectors, 0);
#pragma GCC unroll 8
	for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 16
		for (size_t v = 0; v < vectors; v++)
			store_some(y + r * matmul->y.stride + v * LANES, sum[r][v],
				outputs_in(matmul->outputs, at, v));
}

static inline __attribute__((always_inline)) void all_rows(const struct matmul *matmul,
	const struct panel *panel, size_t at, size_t rows, const size_t panels) {
	for (size_t row = 0, some; row < rows; row += some) {
		some = tile_rows(rows - row);
		switch (some) {
		case 1: tile(matmul, panel, at, row, 1, panels); break;
		case 2: tile(matmul, panel, at, row, 2, panels); break;
#if TILE_ROWS > 2
		case 4: tile(matmul, panel, at, row, 4, panels); break;

		case TILE_ROWS: tile(matmul, panel, at, row, TILE_ROWS, panels); break;
#endif
		}
	}
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
	struct matmul matmul = { { y, y_stride }, { x, x_stride }, bias, addend, w->outputs };

	for (size_t i = 0; i < w->count;) {
		/* A single row has one chain of sums per vector: more panels keep the units busy. */
		size_t n = alike(w, i, rows == 1 ? 4 : TILE_VECTORS / VECTORS);
		const struct panel *panel = &w->panels[i];
		size_t at = i * PANEL;
		if (n == 4)
			tile(&matmul, panel, at, 0, 1, 4);
#if TILE_VECTORS / VECTORS == 2
		else if (n >= 2)
			all_rows(&matmul, panel, at, rows, n = 2);
#endif
		else
			all_rows(&matmul, panel, at, rows, n = 1);
		i += n;
	}
}
