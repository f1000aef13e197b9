/* SPDX-License-Identifier: Apache-2.0 */
/* A block with a projection before its memory, over windows, in both directions. */
#include "cells.h"
#include "tile.h"

#include <string.h>

/*
 * Products are kept for the way back; what takes only a few operations a value is computed again
 * there, which is quicker than bringing it from memory.
 */
struct saved {
	/* kept */
	float *up; /* [tokens, 2 E] a and z */
	float *cells;
	/* computed again */
	float *u; /* [tokens, width] normed input */
	float *s, *silu_slopes; /* [tokens, E] convolved, after silu */
	float *normed; /* [E] h after the per-head norm, at one token */
	float *out; /* [tokens, E] what W_down sees */
};

/* The end of the scratch behind what is computed again. */
static float *cut(struct saved *saved, float *kept, float *scratch,
	const struct block_layout *layout, size_t tokens) {
	size_t inner = layout->inner;
	saved->up = kept;
	saved->cells = saved->up + tokens * 2 * inner;
	saved->u = scratch;
	saved->s = saved->u + tokens * layout->width;
	saved->silu_slopes = saved->s + tokens * inner;
	saved->normed = saved->silu_slopes + tokens * inner;
	saved->out = saved->normed + inner;
	return saved->out + tokens * inner;
}

size_t preprojection_saved_floats(const struct block_layout *layout, size_t series, size_t steps) {
	size_t cells = layout->kind == XLSTM_SLSTM ? slstm_cells_kept(layout, series * steps)
						   : mlstm_cells_kept(layout, series, steps);
	return series * steps * 2 * layout->inner + cells;
}

/* Of the backward pass, which needs more: slopes of up, out, s and u. */
size_t preprojection_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens) {
	size_t inner = layout->inner;
	size_t cells = layout->kind == XLSTM_SLSTM
			       ? slstm_cells_pass_scratch(layout, series, tokens)
			       : mlstm_cells_pass_scratch(layout, tokens);
	return tokens * (2 * layout->width + 7 * inner) + 2 * inner + cells +
	       pass_convolve_scratch(layout);
}

static struct cells cells_of(const struct block_layout *layout, const struct pass *pass,
	const struct saved *saved, float *scratch) {
	return (struct cells){
		.layout = layout,
		.pass = pass,
		.u = { saved->up, 2 * layout->inner },
		.s = { saved->s, layout->inner },
		.kept = saved->cells,
		.scratch = scratch,
	};
}

static struct const_rows hidden_of(const struct cells *cells) {
	return cells->layout->kind == XLSTM_SLSTM ? slstm_cells_hidden(cells)
						  : mlstm_cells_hidden(cells);
}

static void after_cells(
	const struct preprojection *pre, const struct cells *cells, const struct saved *saved) {
	const struct kernels *kernels = cells->pass->kernels;
	const struct block_layout *layout = cells->layout;
	struct const_rows h = hidden_of(cells);
	size_t inner = layout->inner;

	for (size_t n = 0; n < cells->pass->tokens; n++) {
		kernels->norm(saved->normed, h.values + n * h.stride, pre->head_norm, inner,
			layout->units, NORM_EPSILON);
		kernels->skip_and_gate(saved->out + n * inner, saved->normed, pre->skip,
			saved->s + n * inner, saved->up + n * 2 * inner + inner, inner);
	}
}

void preprojection_forward(const struct block *block, const struct pass *pass, const float *x,
	float *y, float *memory) {
	const struct block_layout *layout = block->layout;
	const struct preprojection *pre = &block->pre;
	size_t width = pass->width, inner = layout->inner;
	struct saved saved;
	float *scratch = cut(&saved, memory, pass->scratch, layout, pass->tokens);
	struct const_rows a = { saved.up, 2 * inner };
	struct cells cells = cells_of(layout, pass, &saved, scratch);

	pass_norm(pass, saved.u, x, pre->norm);
	pass_map(pass, (struct rows){ saved.up, 2 * inner }, ADD_NOTHING, NULL,
		(struct const_rows){ saved.u, width }, &pre->up);
	pass_convolve(pass, layout, &pre->convolution, a, saved.s, saved.silu_slopes);
	pass_move_windows(pass, layout, a);
	if (layout->kind == XLSTM_SLSTM)
		slstm_cells_forward(&block->slstm, &cells);
	else
		mlstm_cells_forward(&block->mlstm, &cells);
	after_cells(pre, &cells, &saved);
	memcpy(y, x, pass->tokens * width * sizeof(float));
	pass_map(pass, (struct rows){ y, width }, ADD_OUTPUT, NULL,
		(struct const_rows){ saved.out, inner }, &pre->down);
}

struct slopes {
	float *up; /* [tokens, 2 E] */
	float *out; /* [tokens, E] of out; then of h */
	float *normed; /* [E] of the normed h, at one token */
	float *s; /* [tokens, E] */
	float *u; /* [tokens, width] */
	float *cells;
};

static struct slopes cut_slopes(
	float *memory, const struct block_layout *layout, const struct pass *pass) {
	size_t inner = layout->inner, tokens = pass->tokens;
	struct slopes slopes;
	slopes.up = memory;
	slopes.out = slopes.up + tokens * 2 * inner;
	slopes.normed = slopes.out + tokens * inner;
	slopes.s = slopes.normed + inner;
	slopes.u = slopes.s + tokens * inner;
	slopes.cells = slopes.u + tokens * pass->width;
	return slopes;
}

/* From the slope of out to those of h (in its place), s and z; and out once more. */
static void gate_back(const struct preprojection *pre, const struct cells *cells,
	const struct saved *saved, const struct slopes *slopes, float *gradient) {
	const struct kernels *kernels = cells->pass->kernels;
	const struct block_layout *layout = cells->layout;
	struct const_rows hidden = hidden_of(cells);
	size_t inner = layout->inner;

	for (size_t n = 0; n < cells->pass->tokens; n++) {
		const float *h = hidden.values + n * hidden.stride;
		float *slope = slopes->out + n * inner, *z = slopes->up + n * 2 * inner + inner;
		kernels->norm(saved->normed, h, pre->head_norm, inner, layout->units, NORM_EPSILON);
		kernels->skip_and_gate_backward(saved->out + n * inner, slopes->normed,
			slopes->s + n * inner, z, slope_of(gradient, layout, T_SKIP), saved->normed,
			pre->skip, saved->s + n * inner, saved->up + n * 2 * inner + inner, slope,
			inner);
		memset(slope, 0, inner * sizeof(float));
		kernels->norm_backward(slope, slope_of(gradient, layout, T_HEAD_NORM), h,
			pre->head_norm, slopes->normed, inner, layout->units, NORM_EPSILON);
	}
}

static void cells_back(const struct xlstm_weights *weights, const struct block *block,
	const struct cells *cells, const struct slopes *slopes, float *gradient) {
	size_t inner = cells->layout->inner;
	struct cells_slope slope = { slopes->out, { slopes->up, 2 * inner }, { slopes->s, inner } };
	if (cells->layout->kind == XLSTM_SLSTM)
		slstm_cells_backward(weights, cells, &slope, gradient);
	else
		mlstm_cells_backward(weights, &block->mlstm, cells, &slope, gradient);
}

void preprojection_backward(const struct xlstm_weights *weights, const struct block *block,
	const struct pass *pass, const float *x, const float *memory, float *stream,
	float *gradient) {
	const struct block_layout *layout = block->layout;
	const struct preprojection *pre = &block->pre;
	size_t width = pass->width, inner = layout->inner;
	struct saved saved;
	float *scratch = cut(&saved, (float *)memory, pass->scratch + pass_convolve_scratch(layout),
		layout, pass->tokens);
	struct slopes slopes = cut_slopes(scratch, layout, pass);
	struct cells cells = cells_of(layout, pass, &saved, slopes.cells);
	struct const_rows a = { saved.up, 2 * inner }, dy = { stream, width };
	struct const_rows dup = { slopes.up, 2 * inner };

	pass_norm(pass, saved.u, x, pre->norm);
	pass_convolve(pass, layout, &pre->convolution, a, saved.s, saved.silu_slopes);
	pass_map_back(pass, (struct rows){ slopes.out, inner }, dy,
		block_tensor(weights, layout, T_DOWN), width, inner, false);
	gate_back(pre, &cells, &saved, &slopes, gradient);
	pass_map_gradient(pass, slope_of(gradient, layout, T_DOWN), dy,
		(struct const_rows){ saved.out, inner }, width, inner);
	cells_back(weights, block, &cells, &slopes, gradient);
	pass_convolve_back(pass, layout, &pre->convolution, a, saved.silu_slopes, slopes.s,
		(struct rows){ slopes.up, 2 * inner }, gradient);
	pass_map_gradient(pass, slope_of(gradient, layout, T_UP), dup,
		(struct const_rows){ saved.u, width }, 2 * inner, width);
	pass_map_back(pass, (struct rows){ slopes.u, width }, dup,
		block_tensor(weights, layout, T_UP), 2 * inner, width, false);
	pass_norm_back(pass, stream, slope_of(gradient, layout, T_NORM), x, pre->norm, slopes.u);
}
