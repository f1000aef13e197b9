/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_KERNELS_H
#define XLSTM_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* One step of the mLSTM cell of one series: H heads with keys of width p and values of width w. */
struct mlstm_step {
	size_t heads, keys, values; /* H, p, w */
	/* [H, p, w] in and out: row is the key's index, column the value's. Floats or bfloat16. */
	void *matrix;
	bool half;
	bool logistic; /* input gate; else exponential */
	float *normaliser; /* [H, p] in and out */
	float *stabiliser; /* [H] in and out; stays 0 with logistic input gates */
	const float *q, *k, *v; /* [H, p], [H, p] without the factor 1/sqrt(p), [H, w] */
	const float *input_gate, *forget_gate; /* [H], before their nonlinearity */
	float *scratch; /* [4 H] */
	/* Of the next series, brought into the cache meanwhile; NULL: there is none. */
	struct {
		const void *matrix;
		const float *normaliser, *stabiliser;
	} ahead;
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

/* Rows of values: row i starts `stride` floats after row i - 1. */
struct rows {
	float *values;
	size_t stride;
};

/* The same, only read. */
struct const_rows {
	const float *values;
	size_t stride;
};

/* A matrix in any order: element (i, j) lies at i * row + j * column. */
struct strided {
	const float *values;
	size_t row, column;
};

/* What a step of the sLSTM cell leaves for the way back: each [units]. */
struct slstm_saved {
	float *cell, *normaliser; /* before the step */
	float *take, *keep, *candidate, *output; /* i', f', tanh(z), sigmoid(o) */
	float *forget_slope; /* sigmoid(-f) */
	float *hidden, *normaliser_after;
};

/* Gradients at one step, walking back: those of h, c and n come in for the state after the step
 * and leave for the state before it, except that h's has no part through the gates yet. */
struct slstm_slope {
	float *hidden; /* in only: from above and from the next step */
	float *cell, *normaliser; /* in and out */
	float *gates; /* [4, units] out */
};

/* A window of the mLSTM cell of one series, in chunks of MLSTM_CHUNK steps. */
#define MLSTM_CHUNK 32

struct mlstm_window {
	size_t heads, keys, values, steps;
	bool logistic;
	struct const_rows q, k, v; /* [steps, H * p], [steps, H * p], [steps, H * w] */
	struct const_rows input_gate, forget_gate; /* [steps, H] before their nonlinearity */
	struct rows h; /* [steps, H * w] out */
	float *matrix, *normaliser, *stabiliser; /* state as in struct mlstm_step, in and out */
	float *kept; /* [chunks, heads, mlstm_kept_floats()] for the way back; NULL: not wanted */
	float *scratch; /* mlstm_window_scratch() */
};

/* Backward: h and kept are read; gates, matrix, normaliser and stabiliser are not. */
struct mlstm_window_slope {
	struct const_rows h; /* [steps, H * w] gradient that comes in */
	struct rows q, k, v; /* out */
	struct rows input_gate, forget_gate; /* [steps, H] out */
};

/* The state before the chunk, and the weights and scores inside of it. */
static inline size_t mlstm_kept_floats(size_t keys, size_t values) {
	return (keys * values + keys + 1 + 2 * MLSTM_CHUNK * MLSTM_CHUNK + 5 * MLSTM_CHUNK + 15) /
	       16 * 16;
}

/* Enough for either direction. */
static inline size_t mlstm_window_scratch(size_t keys, size_t values) {
	size_t widest = keys > values ? keys : values;
	return 2 * keys * values + MLSTM_CHUNK * (2 * keys + 2 * values + widest + 1) + keys +
	       MLSTM_CHUNK * MLSTM_CHUNK + mlstm_kept_floats(keys, values) + 12 * 16;
}

/* The convolution of one series over a window of steps. */
struct conv_window {
	size_t channels, taps, steps;
	struct const_rows x; /* [steps, channels] */
	const float *window; /* [taps - 1, channels] inputs before the first, oldest first */
	const float *weight, *bias; /* as in struct conv_step */
};

#define KERNEL_LIST(X)                                                                                    \
	/* y [rows, outputs] = addend + x [rows, inputs] * W'. Rows lie y_stride and x_stride      \
	 * floats apart. Each output is one sum in the order of the columns. */      \
	X(matmul, (float *y, size_t y_stride, enum addend addend, const float *bias,                      \
			  const float *x, size_t x_stride, size_t rows, const struct panels *w))          \
	/* y = (x - mean) / sqrt(variance + epsilon) * (1 + gain), mean and variance over each     \
	 * group of `group` values of a row [width]. y may be x. */      \
	X(norm, (float *y, const float *x, const float *gain, size_t width, size_t group,                 \
			float epsilon))                                                                   \
	/* The same with y = x / sqrt(mean of squares + epsilon) * gain. */                               \
	X(rms_norm, (float *y, const float *x, const float *gain, size_t width, size_t group,             \
			    float epsilon))                                                               \
	/* y [channels] = silu(convolution); taps is at least 1. */                                       \
	X(conv_silu, (float *y, const float *x, const struct conv_step *step))                            \
	/* y [rows, width] (+)= W x for each row, W block-diagonal with blocks of 4 x 4, given as w     \
	 * [4, width]: w[j][4 b + r] multiplies x[4 b + j] into y[4 b + r]. */ \
	X(blocks_of_4, (struct rows y, struct const_rows x, const float *w, size_t width,                 \
			       size_t rows, bool add))                                                    \
	/* h [H, w] = the new hidden values, before the norm. */                                          \
	X(mlstm_cell, (float *h, const struct mlstm_step *step))                                          \
	X(slstm_cell, (const struct slstm_step *step))                                                    \
	/* y = (h + skip * s) * silu(z) */                                                                \
	X(skip_and_gate, (float *y, const float *h, const float *skip, const float *s,                    \
				 const float *z, size_t width))                                           \
	/* y = gelu(x) * factor */                                                                        \
	X(gelu_times, (float *y, const float *x, const float *factor, size_t width))                      \
	/* y = sigmoid(x) * factor */                                                                     \
	X(sigmoid_times, (float *y, const float *x, const float *factor, size_t width))                   \
	/* y = cap tanh(x / cap), and dy times the slope there. */                                        \
	X(soft_cap, (float *y, const float *x, float cap, size_t count))                                  \
	X(soft_cap_backward, (float *dy, const float *y, float cap, size_t count))                        \
	/* y = silu(x) * factor */                                                                        \
	X(silu_times, (float *y, const float *x, const float *factor, size_t width))                      \
	/* y [rows, columns] (+)= a [rows, inner] * b [inner, columns], a in any order. */                \
	X(product, (struct rows y, struct strided a, struct const_rows b, size_t rows,                    \
			   size_t inner, size_t columns, bool add))                                       \
	/* Given dy, adds to dx and dgain. */                                                             \
	X(norm_backward, (float *dx, float *dgain, const float *x, const float *gain,                     \
				 const float *dy, size_t width, size_t group, float epsilon))             \
	X(rms_norm_backward, (float *dx, float *dgain, const float *x, const float *gain,                 \
				     const float *dy, size_t width, size_t group, float epsilon))         \
	/* dx and dfactor from dy. */                                                                     \
	X(gelu_times_backward, (float *dx, float *dfactor, const float *x, const float *factor,           \
				       const float *dy, size_t width))                                    \
	X(silu_times_backward, (float *dx, float *dfactor, const float *x, const float *factor,           \
				       const float *dy, size_t width))                                    \
	X(sigmoid_times_backward, (float *dx, float *dfactor, const float *x, const float *factor,        \
					  const float *dy, size_t width))                                 \
	/* dx = dy where y = relu(x) is not 0 */                                                          \
	X(relu_backward, (float *dx, const float *y, const float *dy, size_t width))                      \
	/* dh, ds and dz from dy, and y once more; adds to dskip. */                                      \
	X(skip_and_gate_backward, (float *y, float *dh, float *ds, float *dz, float *dskip,               \
					  const float *h, const float *skip, const float *s,              \
					  const float *z, const float *dy, size_t width))                 \
	/* dw [4, width] += outer products within the blocks, of each row. */                             \
	X(blocks_of_4_gradient,                                                                           \
		(float *dw, struct const_rows x, struct const_rows dy, size_t width, size_t rows))        \
	/* s [steps, channels] = silu(convolution), and the slopes of silu there. */                      \
	X(conv_window, (float *s, float *slopes, const struct conv_window *conv))                         \
	/* The same without a convolution. */                                                             \
	X(silu_and_slope, (float *s, float *slopes, const float *x, size_t count))                        \
	/* y *= x */                                                                                      \
	X(multiply, (float *y, const float *x, size_t count))                                             \
	/* Adds to dx [steps, channels], dweight [taps, channels] and dbias; dy before silu. */           \
	X(conv_window_backward, (struct rows dx, float *dweight, float *dbias, const float *dy,           \
					const struct conv_window *conv))                                  \
	X(slstm_cell_saving, (const struct slstm_step *step, const struct slstm_saved *saved))            \
	X(slstm_cell_backward,                                                                            \
		(const struct slstm_slope *slope, const struct slstm_saved *saved, size_t units))         \
	X(mlstm_window, (const struct mlstm_window *window))                                              \
	X(mlstm_window_backward,                                                                          \
		(const struct mlstm_window *window, const struct mlstm_window_slope *slope))              \
	/* Between floats and bfloat16, to the nearest. */                                                \
	X(widen, (float *y, const uint16_t *x, size_t count))                                             \
	X(narrow, (uint16_t * y, const float *x, size_t count))                                           \
	/* y [count] = the products of x with each of the rows, all [width]. */                           \
	X(dots, (float *y, const float *x, const float *const *rows, size_t count, size_t width))         \
	/* y [width] = the sum of the rows, each times its factor. */                                     \
	X(weighted_sum, (float *y, const float *factors, const float *const *rows, size_t count,          \
				size_t width))                                                            \
	/* y += factor * x */                                                                             \
	X(add_scaled, (float *y, float factor, const float *x, size_t width))                             \
	/* y = x + sigmoid(gate) * value */                                                               \
	X(add_gated,                                                                                      \
		(float *y, const float *x, const float *gate, const float *value, size_t width))          \
	/* y += x */                                                                                      \
	X(add, (float *y, const float *x, size_t width))                                                  \
	X(exp, (float *y, const float *x, size_t count))                                                  \
	X(log1p, (float *y, const float *x, size_t count)) /* 0 <= x <= 1 */                              \
	X(log_sigmoid, (float *y, const float *x, size_t count))                                          \
	X(sigmoid, (float *y, const float *x, size_t count))                                              \
	X(tanh, (float *y, const float *x, size_t count))                                                 \
	X(relu, (float *y, const float *x, size_t count))                                                 \
	X(silu, (float *y, const float *x, size_t count))                                                 \
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
