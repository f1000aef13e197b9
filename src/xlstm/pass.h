/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_PASS_H
#define XLSTM_PASS_H

#include "model.h"

/*
 * A pass over windows: every series takes `steps` steps. Tokens lie series by series; token n is
 * step n % steps of series n / steps. A block goes by as one or two *parts* (its memory, its
 * feed-forward), each of which adds to the residual stream.
 */
struct pass {
	const struct kernels *kernels;
	enum xlstm_norm norm;
	size_t series, steps, tokens, width;
	void *const *rows; /* [series] states; a forward pass moves them on */
	const float *starts; /* [series, state_floats] the states before the window */
	size_t state_floats;
	float *scratch; /* for the part at hand */
};

static inline float *pass_state(
	const struct pass *pass, size_t series, const struct block_layout *layout) {
	return (float *)pass->rows[series] + layout->state_at;
}

static inline const float *pass_start(
	const struct pass *pass, size_t series, const struct block_layout *layout) {
	return pass->starts + series * pass->state_floats + layout->state_at;
}

/* The tensor's gradient in an arena like that of the weights. */
static inline float *slope_of(
	float *gradient, const struct block_layout *layout, enum tensor_id id) {
	return gradient + layout->tensors[id];
}

/*
 * Each part in both directions.
 *   x, y    [tokens, width]  the stream before and after the part
 *   saved   what forward leaves for backward: *_saved() floats
 *   stream  [tokens, width]  gradient of the stream, of y on entry and of x on return
 *   gradient                 arena that the weights' gradients are added to
 * Scratch: *_pass_scratch() floats in either direction.
 */
void slstm_forward(const struct slstm *slstm, const struct block_layout *layout,
	const struct pass *pass, const float *x, float *y, float *saved);
void slstm_backward(const struct xlstm_weights *weights, const struct slstm *slstm,
	const struct block_layout *layout, const struct pass *pass, const float *x,
	const float *saved, float *stream, float *gradient);
size_t slstm_saved_floats(const struct block_layout *layout, size_t tokens);
size_t slstm_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens);

void dense_forward(const struct dense *dense, const struct block_layout *layout,
	const struct pass *pass, const float *x, float *y, float *saved);
void dense_backward(const struct xlstm_weights *weights, const struct dense *dense,
	const struct block_layout *layout, const struct pass *pass, const float *x,
	const float *saved, float *stream, float *gradient);
size_t dense_saved_floats(const struct block_layout *layout, size_t series, size_t steps);
size_t dense_pass_scratch(const struct block_layout *layout, size_t tokens);

void preprojection_forward(
	const struct block *block, const struct pass *pass, const float *x, float *y, float *saved);
void preprojection_backward(const struct xlstm_weights *weights, const struct block *block,
	const struct pass *pass, const float *x, const float *saved, float *stream,
	float *gradient);
size_t preprojection_saved_floats(const struct block_layout *layout, size_t series, size_t steps);
size_t preprojection_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens);

void feedforward_forward(const struct feedforward *feedforward, const struct pass *pass,
	const float *x, float *y, float *saved);
void feedforward_backward(const struct xlstm_weights *weights,
	const struct feedforward *feedforward, const struct block_layout *layout,
	const struct pass *pass, const float *x, const float *saved, float *stream,
	float *gradient);
size_t feedforward_saved_floats(const struct block_layout *layout, size_t width, size_t tokens);
size_t feedforward_pass_scratch(const struct block_layout *layout, size_t width, size_t tokens);

/* y [tokens, outputs] with the given stride = addend + x W'. */
void pass_map(const struct pass *pass, struct rows y, enum addend addend, const float *bias,
	struct const_rows x, const struct panels *w);
/* dx [tokens, inputs] (+)= dy W, for W [outputs, inputs]. */
void pass_map_back(const struct pass *pass, struct rows dx, struct const_rows dy, const float *w,
	size_t outputs, size_t inputs, bool add);
/* dw [outputs, inputs] += dy' x */
void pass_map_gradient(const struct pass *pass, float *dw, struct const_rows dy,
	struct const_rows x, size_t outputs, size_t inputs);
/* dbias [width] += sum of dy over the tokens */
void pass_bias_gradient(const struct pass *pass, float *dbias, struct const_rows dy, size_t width);

/* u = norm of each token of x; and back: adds to stream and to the gain's gradient. */
void pass_norm(const struct pass *pass, float *u, const float *x, const float *gain);
void pass_norm_back(const struct pass *pass, float *stream, float *dgain, const float *x,
	const float *gain, const float *du);

/* The map of an end: y [tokens, outputs], leaving hidden [tokens, hidden] for the way back. */
void end_forward(
	const struct end *end, const struct pass *pass, float *y, const float *x, float *hidden);
/* dx [tokens, inputs] (+)=, unless it is NULL. Scratch: [tokens, hidden]. */
void end_backward(const struct xlstm_weights *weights, const struct end *end,
	const struct pass *pass, const float *x, const float *hidden, const float *dy,
	float *gradient, float *dx, bool add);

/* s [tokens, channels] = silu(convolution), and the slopes of silu there. Without taps silu(x). */
void pass_convolve(const struct pass *pass, const struct block_layout *layout,
	const struct convolution *convolution, struct const_rows x, float *s, float *slopes);
/* Moves the windows in the states on. */
void pass_move_windows(
	const struct pass *pass, const struct block_layout *layout, struct const_rows x);
/* Given ds (destroyed), adds to dx and to the gradients. */
void pass_convolve_back(const struct pass *pass, const struct block_layout *layout,
	const struct convolution *convolution, struct const_rows x, const float *silu_slopes,
	float *ds, struct rows dx, float *gradient);
/* Floats that pass_convolve_back takes from the start of the scratch. */
size_t pass_convolve_scratch(const struct block_layout *layout);

#endif
