/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_MLSTM_CHUNK_H
#define XLSTM_MLSTM_CHUNK_H

/*
 * The mLSTM cell over a window of steps, in chunks: inside a chunk as products of small matrices,
 * between chunks through the state. The same function as the step form, to rounding.
 *
 * Within a chunk let L_j be the sum of log(sigmoid(f)) up to step j, b_r = i_r - L_r, m the
 * stabiliser before the chunk and B_j = max(m, b_1 .. b_j). Then the step form's stabiliser is
 * m_j = L_j + B_j, step r reaches step j with the weight P_jr = e^(b_r - B_j) and the state before
 * the chunk with rho_j = e^(m - B_j). The last row of P and the last rho carry the state on. With
 * P divided by sqrt(width of a key) and S = (Q K') * P:
 *
 *	num = S V + rho Q C    dot = rowsum(S) + rho Q n
 *	h = num s / (max(|dot| s, floor) + 1e-6 s),  s = e^min(m_j,0), floor = e^-max(m_j,0)
 *
 * L and b are kept in double: with gates far from zero their differences would lose all digits.
 * A logistic input gate has log(sigmoid(i)) for i and B_j = -L_j, so that m_j is always 0.
 */
#include "kernels.h"

enum { CHUNK = MLSTM_CHUNK };

/* What the way back needs again. */
struct kept {
	float *reach; /* [CHUNK, CHUNK] P over the root, zero above the diagonal */
	float *scores; /* [CHUNK, CHUNK] S; only up to the end of a row's band */
	float *input, *forget; /* [CHUNK] pre-activations, gathered */
	float *rho; /* [CHUNK] */
	float *weight; /* [CHUNK] h = num * weight */
	float *gain; /* [CHUNK] 1 where |dot| is what divides, with its sign */
	float *matrix, *normaliser, *stabiliser; /* before the chunk */
};

/* One head in one chunk. */
struct chunk {
	size_t keys, values; /* width of a key and of a value */
	size_t steps; /* of this chunk, at most CHUNK */
	bool logistic;
	struct const_rows q, k, v, input_gate, forget_gate;
	struct rows h;
	float *matrix, *normaliser, *stabiliser; /* before the chunk */
	struct kept kept;
	/* scratch */
	float *turned; /* [max(keys, values), CHUNK] */
	float *carried_keys; /* [CHUNK, keys] k times the last row of P */
	float *queries; /* [CHUNK, keys] rho q */
	double end; /* the stabiliser after the chunk */
};

/* Memory to hand out. */
struct scratch {
	float *at;
};

static inline float *take(struct scratch *scratch, size_t floats) {
	float *taken = scratch->at;
	scratch->at += (floats + 15) / 16 * 16;
	return taken;
}

static inline struct const_rows rows_from(struct const_rows rows, size_t step, size_t column) {
	return (struct const_rows){ rows.values + step * rows.stride + column, rows.stride };
}

static inline struct rows rows_to(struct rows rows, size_t step, size_t column) {
	return (struct rows){ rows.values + step * rows.stride + column, rows.stride };
}

static inline void scale_to(
	float *restrict to, const float *restrict from, float factor, size_t count) {
	for (size_t i = 0; i < count; i++)
		to[i] = factor * from[i];
}

static inline void scale(float *values, float factor, size_t count) {
	for (size_t i = 0; i < count; i++)
		values[i] *= factor;
}

static inline void add_scaled(
	float *restrict to, const float *restrict from, float factor, size_t count) {
	for (size_t i = 0; i < count; i++)
		to[i] += factor * from[i];
}

/* y (+)= a b */
static inline void matrix_product(struct rows y, struct strided a, struct const_rows b, size_t rows,
	size_t inner, size_t columns, bool add) {
	KERNEL(product)(y, a, b, rows, inner, columns, add);
}

/*
 * Steps only see those before them, so of matrices [steps, steps] the part above the diagonal is
 * zero. They are worked off in bands of rows, each as far as its last row reaches.
 */
enum { BAND = 16 };

static inline size_t band_rows(size_t steps, size_t first) {
	return steps - first < BAND ? steps - first : BAND;
}

/* y = the lower part of a b, y [steps, CHUNK]. */
static inline void multiply_to_lower(
	float *y, struct const_rows a, struct const_rows b, size_t steps, size_t inner) {
	for (size_t i = 0; i < steps; i += BAND) {
		size_t rows = band_rows(steps, i);
		matrix_product((struct rows){ y + i * CHUNK, CHUNK },
			(struct strided){ a.values + i * a.stride, a.stride, 1 }, b, rows, inner,
			i + rows, false);
	}
}

/* y = a b with a [steps, CHUNK] lower. */
static inline void multiply_lower(
	struct rows y, const float *a, struct const_rows b, size_t steps, size_t columns) {
	for (size_t i = 0; i < steps; i += BAND) {
		size_t rows = band_rows(steps, i);
		matrix_product((struct rows){ y.values + i * y.stride, y.stride },
			(struct strided){ a + i * CHUNK, CHUNK, 1 }, b, rows, i + rows, columns,
			false);
	}
}

/* y = a' b with a [steps, CHUNK] lower. */
static inline void multiply_lower_turned(
	struct rows y, const float *a, struct const_rows b, size_t steps, size_t columns) {
	for (size_t i = 0; i < steps; i += BAND)
		matrix_product((struct rows){ y.values + i * y.stride, y.stride },
			(struct strided){ a + i * CHUNK + i, 1, CHUNK },
			(struct const_rows){ b.values + i * b.stride, b.stride },
			band_rows(steps, i), steps - i, columns, false);
}

/* The chunk that begins at step `first`, over the state as the window has it. */
struct chunk KERNEL(chunk_of)(
	const struct mlstm_window *window, size_t head, size_t first, struct scratch scratch);

/* k times the last row of P and rho q. */
void KERNEL(scale_keys_and_queries)(const struct chunk *chunk);

/* [rows, columns] to [columns, to_stride]. */
void KERNEL(turn)(float *to, size_t to_stride, struct const_rows from, size_t rows, size_t columns);

/* Of two vectors. */
float KERNEL(dot_product)(const float *a, const float *b, size_t count);

#endif
