/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM in a block with the projection behind it, over windows, in both directions: dense.c has
 * the equations. */
#include "cells.h"
#include "tile.h"

#include <string.h>

struct saved {
	/* kept */
	float *qk; /* [tokens, 2 keys] */
	float *vo; /* [tokens, 2 E] */
	float *gates; /* [tokens, 2 H] input, forget */
	float *h; /* [tokens, E] */
	float *chunks;
	/* computed again */
	float *u; /* [tokens, width] normed input */
	float *s, *silu_slopes; /* [tokens, width] convolved, after silu; unused without taps */
	float *normed, *out; /* [tokens, E] */
};

static float *cut(struct saved *saved, float *kept, float *scratch,
	const struct block_layout *layout, size_t tokens) {
	size_t inner = layout->inner, wide = tokens * layout->width;
	saved->qk = kept;
	saved->vo = saved->qk + tokens * 2 * layout->keys;
	saved->gates = saved->vo + tokens * 2 * inner;
	saved->h = saved->gates + tokens * 2 * layout->heads;
	saved->chunks = saved->h + tokens * inner;
	saved->u = scratch;
	saved->s = saved->u + wide;
	saved->silu_slopes = saved->s + wide;
	saved->normed = saved->silu_slopes + wide;
	saved->out = saved->normed + tokens * inner;
	return saved->out + tokens * inner;
}

size_t dense_saved_floats(const struct block_layout *layout, size_t series, size_t steps) {
	size_t each = 2 * layout->keys + 3 * layout->inner + 2 * layout->heads;
	return series * steps * each + mlstm_memory_kept(layout, series, steps);
}

size_t dense_pass_scratch(const struct block_layout *layout, size_t tokens) {
	size_t again = 3 * layout->width + 2 * layout->inner;
	size_t slopes =
		2 * layout->keys + 4 * layout->inner + 2 * layout->heads + 2 * layout->width;
	return tokens * (again + slopes) + mlstm_memory_scratch(layout) +
	       pass_convolve_scratch(layout);
}

/* What q and k see. */
static struct const_rows seen(const struct block_layout *layout, const struct saved *saved) {
	return (struct const_rows){ layout->taps ? saved->s : saved->u, layout->width };
}

static struct memory memory_of(const struct block_layout *layout, const struct pass *pass,
	const struct saved *saved, float *scratch) {
	size_t inner = layout->inner, keys = layout->keys;
	return (struct memory){
		.layout = layout,
		.pass = pass,
		.q = { saved->qk, 2 * keys },
		.k = { saved->qk + keys, 2 * keys },
		.v = { saved->vo, 2 * inner },
		.gates = saved->gates,
		.h = { saved->h, inner },
		.chunks = saved->chunks,
		.scratch = scratch,
	};
}

static void before_maps(const struct dense *dense, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const float *x) {
	pass_norm(pass, saved->u, x, dense->norm);
	if (layout->taps)
		pass_convolve(pass, layout, &dense->convolution,
			(struct const_rows){ saved->u, pass->width }, saved->s, saved->silu_slopes);
}

static void project(const struct dense *dense, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved) {
	struct const_rows u = { saved->u, pass->width };
	pass_map(pass, (struct rows){ saved->qk, 2 * layout->keys }, ADD_NOTHING, NULL,
		seen(layout, saved), &dense->queries_and_keys);
	pass_map(pass, (struct rows){ saved->vo, 2 * layout->inner }, ADD_NOTHING, NULL, u,
		&dense->values_and_outputs);
	pass_map(pass, (struct rows){ saved->gates, 2 * layout->heads }, ADD_BIAS, dense->gate_bias,
		u, &dense->gates);
}

static void after_cells(const struct dense *dense, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved) {
	const struct kernels *kernels = pass->kernels;
	size_t inner = layout->inner;
	for (size_t n = 0; n < pass->tokens; n++) {
		float *normed = saved->normed + n * inner;
		kernels->norm(normed, saved->h + n * inner, dense->head_norm, inner, layout->units,
			DENSE_NORM_EPSILON);
		kernels->sigmoid_times(
			saved->out + n * inner, saved->vo + n * 2 * inner + inner, normed, inner);
	}
}

void dense_forward(const struct dense *dense, const struct block_layout *layout,
	const struct pass *pass, const float *x, float *y, float *kept) {
	size_t width = pass->width;
	struct saved saved;
	float *scratch = cut(&saved, kept, pass->scratch, layout, pass->tokens);
	struct memory memory = memory_of(layout, pass, &saved, scratch);

	before_maps(dense, layout, pass, &saved, x);
	pass_move_windows(pass, layout, (struct const_rows){ saved.u, width });
	project(dense, layout, pass, &saved);
	mlstm_memory_forward(&memory);
	after_cells(dense, layout, pass, &saved);
	memcpy(y, x, pass->tokens * width * sizeof(float));
	pass_map(pass, (struct rows){ y, width }, ADD_OUTPUT, NULL,
		(struct const_rows){ saved.out, layout->inner }, &dense->down);
}

struct slopes {
	float *qk, *vo, *gates; /* as saved */
	float *out; /* [tokens, E] of out, then of the normed h */
	float *h; /* [tokens, E] */
	float *s, *u; /* [tokens, width] */
	float *memory;
};

static struct slopes cut_slopes(
	float *memory, const struct block_layout *layout, const struct pass *pass) {
	size_t tokens = pass->tokens;
	struct slopes slopes;
	slopes.qk = memory;
	slopes.vo = slopes.qk + tokens * 2 * layout->keys;
	slopes.gates = slopes.vo + tokens * 2 * layout->inner;
	slopes.out = slopes.gates + tokens * 2 * layout->heads;
	slopes.h = slopes.out + tokens * layout->inner;
	slopes.s = slopes.h + tokens * layout->inner;
	slopes.u = slopes.s + tokens * pass->width;
	slopes.memory = slopes.u + tokens * pass->width;
	return slopes;
}

/* From the slope of out to those of o and h. */
static void gate_back(const struct dense *dense, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes,
	float *gradient) {
	const struct kernels *kernels = pass->kernels;
	size_t inner = layout->inner;
	memset(slopes->h, 0, pass->tokens * inner * sizeof(float));
	for (size_t n = 0; n < pass->tokens; n++) {
		size_t at = n * inner, output = 2 * at + inner;
		kernels->sigmoid_times_backward(slopes->vo + output, slopes->out + at,
			saved->vo + output, saved->normed + at, slopes->out + at, inner);
		kernels->norm_backward(slopes->h + at, slope_of(gradient, layout, T_HEAD_NORM),
			saved->h + at, dense->head_norm, slopes->out + at, inner, layout->units,
			DENSE_NORM_EPSILON);
	}
}

/* One dense map: its gradient, and the slope of its input. */
static void map_back(const struct xlstm_weights *weights, const struct block_layout *layout,
	const struct pass *pass, enum tensor_id id, struct const_rows dy, size_t outputs,
	struct const_rows x, float *dx, bool add, float *gradient) {
	size_t width = pass->width;
	pass_map_gradient(pass, slope_of(gradient, layout, id), dy, x, outputs, width);
	pass_map_back(pass, (struct rows){ dx, width }, dy, block_tensor(weights, layout, id),
		outputs, width, add);
}

static void maps_back(const struct xlstm_weights *weights, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes,
	float *gradient) {
	size_t keys = layout->keys, inner = layout->inner, heads = layout->heads;
	struct const_rows u = { saved->u, pass->width }, s = seen(layout, saved);
	struct const_rows dq = { slopes->qk, 2 * keys }, dk = { slopes->qk + keys, 2 * keys };
	struct const_rows dv = { slopes->vo, 2 * inner }, dout = { slopes->vo + inner, 2 * inner };
	struct const_rows di = { slopes->gates, 2 * heads }, df = { di.values + heads, 2 * heads };
	float *du = slopes->u, *ds = layout->taps ? slopes->s : du;

	map_back(weights, layout, pass, T_V, dv, inner, u, du, false, gradient);
	map_back(weights, layout, pass, T_OUTPUT_GATE, dout, inner, u, du, true, gradient);
	map_back(weights, layout, pass, T_INPUT_GATE, di, heads, u, du, true, gradient);
	map_back(weights, layout, pass, T_FORGET_GATE, df, heads, u, du, true, gradient);
	map_back(weights, layout, pass, T_Q, dq, keys, s, ds, !layout->taps, gradient);
	map_back(weights, layout, pass, T_K, dk, keys, s, ds, true, gradient);
	pass_bias_gradient(pass, slope_of(gradient, layout, T_INPUT_BIAS), di, heads);
	pass_bias_gradient(pass, slope_of(gradient, layout, T_FORGET_BIAS), df, heads);
}

void dense_backward(const struct xlstm_weights *weights, const struct dense *dense,
	const struct block_layout *layout, const struct pass *pass, const float *x,
	const float *kept, float *stream, float *gradient) {
	size_t width = pass->width, inner = layout->inner, keys = layout->keys;
	struct saved saved;
	float *scratch = cut(&saved, (float *)kept, pass->scratch + pass_convolve_scratch(layout),
		layout, pass->tokens);
	struct slopes slopes = cut_slopes(scratch, layout, pass);
	struct memory memory = memory_of(layout, pass, &saved, slopes.memory);
	struct memory_slope through = { { slopes.h, inner }, { slopes.qk, 2 * keys },
		{ slopes.qk + keys, 2 * keys }, { slopes.vo, 2 * inner }, slopes.gates };
	struct const_rows dy = { stream, width };

	before_maps(dense, layout, pass, &saved, x);
	after_cells(dense, layout, pass, &saved);
	pass_map_gradient(pass, slope_of(gradient, layout, T_DOWN), dy,
		(struct const_rows){ saved.out, inner }, width, inner);
	pass_map_back(pass, (struct rows){ slopes.out, inner }, dy,
		block_tensor(weights, layout, T_DOWN), width, inner, false);
	gate_back(dense, layout, pass, &saved, &slopes, gradient);
	mlstm_memory_backward(&memory, &through);
	maps_back(weights, layout, pass, &saved, &slopes, gradient);
	if (layout->taps)
		pass_convolve_back(pass, layout, &dense->convolution,
			(struct const_rows){ saved.u, width }, saved.silu_slopes, slopes.s,
			(struct rows){ slopes.u, width }, gradient);
	pass_norm_back(pass, stream, slope_of(gradient, layout, T_NORM), x, dense->norm, slopes.u);
}
