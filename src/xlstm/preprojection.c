/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of a block with a projection before its memory (Beck et al. 2024, figure 11), whatever the
 * memory:
 *
 *	u = norm(x)    (a, z) = W_up u    s = silu(conv(a))
 *	x = x + W_down((norm(cell(a, s)) + skip * s) * silu(z))
 */
#include "tile.h"

struct scratch {
	float *up; /* [count, 2 E] a and z; h takes the place of a */
	float *s; /* [count, E] */
	float *cells;
};

static struct scratch cut(float *memory, const struct block_layout *layout) {
	struct scratch scratch;
	scratch.up = memory;
	scratch.s = scratch.up + TILE_ROWS_MAX * 2 * layout->inner;
	scratch.cells = scratch.s + TILE_ROWS_MAX * layout->inner;
	return scratch;
}

size_t preprojection_scratch(const struct block_layout *layout) {
	size_t cells = layout->kind == XLSTM_SLSTM ? slstm_cells_scratch(layout)
						   : mlstm_cells_scratch(layout);
	return TILE_ROWS_MAX * 3 * layout->inner + cells;
}

static void convolve(const struct preprojection *pre, const struct block_layout *layout,
	const struct tile *tile, const struct scratch *scratch) {
	for (size_t i = 0; i < tile->count; i++)
		convolution_step(tile->kernels, &pre->convolution,
			tile_state(tile, i, layout) + layout->state.window,
			scratch->up + i * 2 * layout->inner, scratch->s + i * layout->inner);
}

static void cells_step(
	const struct block *block, const struct tile *tile, const struct scratch *scratch) {
	const struct block_layout *layout = block->layout;
	size_t inner = layout->inner;
	struct const_rows a = { scratch->up, 2 * inner }, s = { scratch->s, inner };
	struct rows h = { scratch->up, 2 * inner };

	if (layout->kind == XLSTM_SLSTM)
		slstm_cells_step(&block->slstm, layout, tile, a, s, h, scratch->cells);
	else
		mlstm_cells_step(&block->mlstm, layout, tile, a, s, h, scratch->cells);
}

void preprojection_block_step(const struct block *block, struct tile *tile) {
	const struct kernels *kernels = tile->kernels;
	const struct block_layout *layout = block->layout;
	const struct preprojection *pre = &block->pre;
	struct scratch scratch = cut(tile->scratch, layout);
	size_t inner = layout->inner, count = tile->count;

	tile_fetch(tile, layout, layout->state.normaliser, layout->state_floats);
	tile_norm(tile, pre->norm);
	kernels->matmul(scratch.up, 2 * inner, ADD_NOTHING, NULL, tile->normed, tile->width, count,
		&pre->up);
	convolve(pre, layout, tile, &scratch);
	cells_step(block, tile, &scratch);
	for (size_t i = 0; i < count; i++) {
		float *h = scratch.up + i * 2 * inner;
		kernels->norm(h, h, pre->head_norm, inner, layout->units, NORM_EPSILON);
		kernels->skip_and_gate(h, h, pre->skip, scratch.s + i * inner, h + inner, inner);
	}
	kernels->matmul(tile->stream, tile->width, ADD_OUTPUT, NULL, scratch.up, 2 * inner, count,
		&pre->down);
}
