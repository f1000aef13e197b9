/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the mLSTM block (Beck et al. 2024, figure 11):
 *
 *	u = norm(x)    (a, z) = W_up u    s = silu(conv(a))
 *	q = Q s    k = K s    v = V a    gates from [q; k; v]
 *	x = x + W_down((norm(cell(q, k, v)) + skip * s) * silu(z))
 */
#include "tile.h"

struct mlstm_scratch {
	float *up; /* [count, 2 E] a and z; h takes the place of a */
	float *s; /* [count, E] */
	float *qkv; /* [count, 3 E] */
	float *gates; /* [count, 2 H] input, forget */
	float *cell; /* [4 H] */
};

static struct mlstm_scratch cut(float *memory, const struct block_layout *layout) {
	size_t inner = layout->inner, rows = TILE_ROWS_MAX;
	struct mlstm_scratch scratch;
	scratch.up = memory;
	scratch.s = scratch.up + rows * 2 * inner;
	scratch.qkv = scratch.s + rows * inner;
	scratch.gates = scratch.qkv + rows * 3 * inner;
	scratch.cell = scratch.gates + rows * 2 * layout->heads;
	return scratch;
}

size_t mlstm_scratch(const struct block_layout *layout) {
	return TILE_ROWS_MAX * (6 * layout->inner + 2 * layout->heads) + 4 * layout->heads;
}

static void project(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct tile *tile, const struct mlstm_scratch *scratch) {
	const struct kernels *kernels = tile->kernels;
	size_t inner = layout->inner;
	struct const_rows a = { scratch->up, 2 * inner }, s = { scratch->s, inner };

	for (size_t i = 0; i < tile->count; i++)
		convolution_step(kernels, &mlstm->convolution,
			tile_state(tile, i, layout) + layout->state.window, a.values + i * a.stride,
			scratch->s + i * inner);
	kernels->blocks_of_4(
		(struct rows){ scratch->qkv, 3 * inner }, s, mlstm->q, inner, tile->count, false);
	kernels->blocks_of_4((struct rows){ scratch->qkv + inner, 3 * inner }, s, mlstm->k, inner,
		tile->count, false);
	kernels->blocks_of_4((struct rows){ scratch->qkv + 2 * inner, 3 * inner }, a, mlstm->v,
		inner, tile->count, false);
}

static void remember(const struct block_layout *layout, const struct tile *tile,
	const struct mlstm_scratch *scratch, size_t row) {
	const struct state_fields *at = &layout->state;
	size_t inner = layout->inner, heads = layout->heads;
	float *state = tile_state(tile, row, layout);
	const float *qkv = scratch->qkv + row * 3 * inner;
	const float *gates = scratch->gates + row * 2 * heads;
	struct mlstm_step step = {
		.heads = heads,
		.keys = layout->units,
		.values = layout->units,
		.matrix = state + at->matrix,
		.half = layout->half,
		.normaliser = state + at->normaliser,
		.stabiliser = state + at->stabiliser,
		.q = qkv,
		.k = qkv + inner,
		.v = qkv + 2 * inner,
		.input_gate = gates,
		.forget_gate = gates + heads,
		.scratch = scratch->cell,
	};
	if (row + 1 < tile->count) {
		const float *next = tile_state(tile, row + 1, layout);
		step.ahead.matrix = next + at->matrix;
		step.ahead.normaliser = next + at->normaliser;
		step.ahead.stabiliser = next + at->stabiliser;
	}
	tile->kernels->mlstm_cell(scratch->up + row * 2 * inner, &step);
}

void mlstm_block_step(
	const struct mlstm *mlstm, const struct block_layout *layout, struct tile *tile) {
	const struct kernels *kernels = tile->kernels;
	struct mlstm_scratch scratch = cut(tile->scratch, layout);
	size_t inner = layout->inner, heads = layout->heads, count = tile->count;

	tile_fetch(tile, layout, layout->state.normaliser, layout->state_floats);
	tile_norm(tile, mlstm->norm);
	kernels->matmul(scratch.up, 2 * inner, ADD_NOTHING, NULL, tile->normed, tile->width, count,
		&mlstm->up);
	project(mlstm, layout, tile, &scratch);
	kernels->matmul(scratch.gates, 2 * heads, ADD_BIAS, mlstm->gate_bias, scratch.qkv,
		3 * inner, count, &mlstm->gates);
	for (size_t i = 0; i < count; i++) {
		float *h = scratch.up + i * 2 * inner;
		remember(layout, tile, &scratch, i);
		kernels->norm(h, h, mlstm->head_norm, inner, layout->units, NORM_EPSILON);
		kernels->skip_and_gate(h, h, mlstm->skip, scratch.s + i * inner, h + inner, inner);
	}
	kernels->matmul(tile->stream, tile->width, ADD_OUTPUT, NULL, scratch.up, 2 * inner, count,
		&mlstm->down);
}
