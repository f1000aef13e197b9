/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the sLSTM block with the projection behind it, over windows, in both directions. */
#include "cells.h"
#include "tile.h"

#include <string.h>

struct saved {
	float *u; /* [tokens, width] normed input */
	float *s, *silu_slopes; /* [tokens, width] convolved, after silu; unused without taps */
	float *cells;
};

static struct saved cut(float *memory, size_t width, size_t tokens) {
	struct saved saved;
	saved.u = memory;
	saved.s = saved.u + tokens * width;
	saved.silu_slopes = saved.s + tokens * width;
	saved.cells = saved.silu_slopes + tokens * width;
	return saved;
}

size_t slstm_saved_floats(const struct block_layout *layout, size_t tokens) {
	return tokens * layout->channels * 3 + slstm_cells_kept(layout, tokens);
}

size_t slstm_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens) {
	return layout->channels * 3 * tokens + slstm_cells_pass_scratch(layout, series, tokens) +
	       pass_convolve_scratch(layout);
}

static struct cells cells_of(const struct block_layout *layout, const struct pass *pass,
	const struct saved *saved, float *scratch) {
	return (struct cells){
		.layout = layout,
		.pass = pass,
		.u = { saved->u, pass->width },
		.s = { layout->taps ? saved->s : saved->u, pass->width },
		.kept = saved->cells,
		.scratch = scratch,
	};
}

void slstm_forward(const struct slstm *slstm, const struct block_layout *layout,
	const struct pass *pass, const float *x, float *y, float *memory) {
	size_t width = pass->width;
	struct saved saved = cut(memory, width, pass->tokens);
	struct cells cells = cells_of(layout, pass, &saved, pass->scratch);

	pass_norm(pass, saved.u, x, slstm->norm);
	if (layout->taps) {
		pass_convolve(
			pass, layout, &slstm->convolution, cells.u, saved.s, saved.silu_slopes);
		pass_move_windows(pass, layout, cells.u);
	}
	slstm_cells_forward(slstm, &cells);
	struct const_rows hidden = slstm_cells_hidden(&cells);
	for (size_t n = 0; n < pass->tokens; n++) {
		float *sum = y + n * width;
		pass->kernels->norm(sum, hidden.values + n * hidden.stride, slstm->head_norm, width,
			layout->units, NORM_EPSILON);
		pass->kernels->add(sum, x + n * width, width);
	}
}

void slstm_backward(const struct xlstm_weights *weights, const struct slstm *slstm,
	const struct block_layout *layout, const struct pass *pass, const float *x,
	const float *memory, float *stream, float *gradient) {
	size_t width = pass->width, wide = pass->tokens * width;
	struct saved saved = cut((float *)memory, width, pass->tokens);
	float *dh = pass->scratch + pass_convolve_scratch(layout), *ds = dh + wide, *du = ds + wide;
	struct cells cells = cells_of(layout, pass, &saved, du + wide);
	struct cells_slope slope = { dh, { du, width }, { layout->taps ? ds : du, width } };
	struct const_rows hidden = slstm_cells_hidden(&cells);

	memset(dh, 0, 2 * wide * sizeof(float));
	for (size_t n = 0; n < pass->tokens; n++)
		pass->kernels->norm_backward(dh + n * width,
			slope_of(gradient, layout, T_HEAD_NORM), hidden.values + n * hidden.stride,
			slstm->head_norm, stream + n * width, width, layout->units, NORM_EPSILON);
	slstm_cells_backward(weights, &cells, &slope, gradient);
	if (layout->taps)
		pass_convolve_back(pass, layout, &slstm->convolution, cells.u, saved.silu_slopes,
			ds, slope.u, gradient);
	pass_norm_back(pass, stream, slope_of(gradient, layout, T_NORM), x, slstm->norm, du);
}
