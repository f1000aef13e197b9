/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_KERNELS_H
#define XLSTM_KERNELS_H

#include <stddef.h>

/*
 * The arithmetic, compiled once for each set of vector instructions from the same sources and
 * chosen when a workspace is made. None of it allocates, and a row's result never depends on
 * which other rows are computed with it.
 */

/*
 * A matrix W [outputs, inputs] packed for matmul: panels of PANEL outputs, each holding the
 * columns [start, start + depth) outside of which its rows are zero, column by column. So a dense
 * matrix and a block-diagonal one are the same thing.
 */
#define PANEL 16

struct panel {
	size_t start, depth;
	const float *values; /* [depth, PANEL] */
};

struct panels {
	size_t outputs, count;
	const struct panel *panels; /* [count], count = outputs / PANEL rounded up */
};

/* What a product is added to. */
enum addend {
	ADD_NOTHING,
	ADD_BIAS, /* [outputs] */
	ADD_OUTPUT, /* what y holds already */
};

/* One step of the mLSTM cell of one series: p units in each of H heads, E = H * p. */
struct mlstm_step {
	size_t heads, units;
	float *matrix; /* [H, p, p] in and out: row is the key's index, column the value's */
	float *normaliser; /* [H, p] in and out */
	float *stabiliser; /* [H] in and out */
	const float *q, *k, *v; /* [E], k without its factor 1/sqrt(p) */
	const float *input_gate, *forget_gate; /* [H], before their nonlinearity */
	float *scratch; /* [4 H] */
	const float *ahead; /* the next series' matrix, fetched meanwhile; NULL: none */
};

/* One step of the sLSTM cell of one series: all arrays [units], elementwise. */
struct slstm_step {
	float *hidden, *cell, *normaliser, *stabiliser; /* in and out; all zero before the first */
	const float
	        *gates; /* [4, units] before their nonlinearity, recurrent part included: i f z o */
	size_t units;
};

/* The causal convolution of one series, one step. */
struct conv_step {
	size_t channels, taps;
	float *window; /* [taps - 1, channels] earlier inputs, oldest first; moved on */
	const float *weight; /* [taps, channels], the last tap meets the present */
	const float *bias; /* [channels] */
};

#define KERNEL_LIST(X)                                                                             \
	/* y [rows, outputs] = addend + x [rows, inputs] * W'. Rows lie y_stride and x_stride      \
	 * floats apart. Each output is one sum in the order of the columns. */                    \
	X(matmul, (float *y, size_t y_stride, enum addend addend, const float *bias,               \
	                  const float *x, size_t x_stride, size_t rows, const struct panels *w))   \
	/* y = (x - mean) / sqrt(variance + epsilon) * (1 + gain), mean and variance over each     \
	 * group of `group` values of a row [width]. y may be x. */                                \
	X(norm, (float *y, const float *x, const float *gain, size_t width, size_t group,          \
	                float epsilon))                                                            \
	/* y [channels] = silu(convolution); taps is at least 1. */                                \
	X(conv_silu, (float *y, const float *x, const struct conv_step *step))                     \
	/* y [width] = W x with W block-diagonal, blocks of 4 x 4, given as w [4, width]:          \
	 * w[j][4 b + r] multiplies x[4 b + j] into y[4 b + r]. */                                 \
	X(blocks_of_4, (float *y, const float *x, const float *w, size_t width))                   \
	/* h [E] = the new hidden values, before the norm. */                                      \
	X(mlstm_cell, (float *h, const struct mlstm_step *step))                                   \
	X(slstm_cell, (const struct slstm_step *step))                                             \
	/* y = (h + skip * s) * silu(z) */                                                         \
	X(skip_and_gate, (float *y, const float *h, const float *skip, const float *s,             \
	                         const float *z, size_t width))                                    \
	/* y = gelu(x) * factor */                                                                 \
	X(gelu_times, (float *y, const float *x, const float *factor, size_t width))               \
	/* y += x */                                                                               \
	X(add, (float *y, const float *x, size_t width))                                           \
	X(exp, (float *y, const float *x, size_t count))                                           \
	X(log1p, (float *y, const float *x, size_t count)) /* 0 <= x <= 1 */                       \
	X(log_sigmoid, (float *y, const float *x, size_t count))                                   \
	X(sigmoid, (float *y, const float *x, size_t count))                                       \
	X(tanh, (float *y, const float *x, size_t count))                                          \
	X(silu, (float *y, const float *x, size_t count))                                          \
	X(gelu, (float *y, const float *x, size_t count))

struct kernels {
	const char *name;
#define X(name, arguments) void(*name) arguments;
	KERNEL_LIST(X)
#undef X
};

extern const struct kernels kernels_portable;
#ifdef __x86_64__
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
#endif

/* The name of a function in the set that is being compiled: matmul_avx2. */
#ifdef KERNEL_SET
#define KERNEL_PASTE(name, set)  name##_##set
#define KERNEL_EXPAND(name, set) KERNEL_PASTE(name, set)
#define KERNEL(name)             KERNEL_EXPAND(name, KERNEL_SET)
#define X(name, arguments)       void KERNEL(name) arguments;
KERNEL_LIST(X)
#undef X
#endif

#endif
