/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the mLSTM in a block with the projection behind it (Beck et al. 2025, arXiv
 * 2503.13427); its feed-forward part follows in feedforward.c:
 *
 *	u = norm(x)    s = silu(conv(u)), or u without a convolution
 *	q = W_q s    k = W_k s    v = W_v u    o = W_o u    input and forget gate from u
 *	x = x + W_out(sigmoid(o) * norm(cell(q, k, v)))
 */
#include "tile.h"

struct scratch {
	float *s; /* [count, width] */
	float *qk; /* [count, 2 keys] */
	float *vo; /* [count, 2 E] */
	float *h; /* [count, E] */
	float *gates; /* [count, 2 H] input, forget */
	float *cell; /* [4 H] */
};

static struct scratch cut(float *memory, const struct block_layout *layout) {
	struct scratch scratch;
	scratch.s = memory;
	scratch.qk = scratch.s + TILE_ROWS_MAX * layout->width;
	scratch.vo = scratch.qk + TILE_ROWS_MAX * 2 * layout->keys;
	scratch.h = scratch.vo + TILE_ROWS_MAX * 2 * layout->inner;
	scratch.gates = scratch.h + TILE_ROWS_MAX * layout->inner;
	scratch.cell = scratch.gates + TILE_ROWS_MAX * 2 * layout->heads;
	return scratch;
}

size_t dense_scratch(const struct block_layout *layout) {
	size_t each = layout->width + 2 * layout->keys + 3 * layout->inner + 2 * layout->heads;
	return TILE_ROWS_MAX * each + 4 * layout->heads;
}

/* What q and k see. */
static const float *convolve(const struct dense *dense, const struct block_layout *layout,
	const struct tile *tile, float *s) {
	if (!layout->taps)
		return tile->normed;
	for (size_t i = 0; i < tile->count; i++)
		convolution_step(tile->kernels, &dense->convolution,
			tile_state(tile, i, layout) + layout->state.window,
			tile->normed + i * tile->width, s + i * tile->width);
	return s;
}

static void project(const struct dense *dense, const struct block_layout *layout,
	const struct tile *tile, const struct scratch *scratch) {
	const struct kernels *kernels = tile->kernels;
	size_t width = tile->width, count = tile->count;
	const float *s = convolve(dense, layout, tile, scratch->s);

	kernels->matmul(scratch->qk, 2 * layout->keys, ADD_NOTHING, NULL, s, width, count,
		&dense->queries_and_keys);
	kernels->matmul(scratch->vo, 2 * layout->inner, ADD_NOTHING, NULL, tile->normed, width,
		count, &dense->values_and_outputs);
	kernels->matmul(scratch->gates, 2 * layout->heads, ADD_BIAS, dense->gate_bias, tile->normed,
		width, count, &dense->gates);
}

void dense_block_step(
	const struct dense *dense, const struct block_layout *layout, struct tile *tile) {
	const struct kernels *kernels = tile->kernels;
	struct scratch scratch = cut(tile->scratch, layout);
	size_t inner = layout->inner, keys = layout->keys;
	struct mlstm_inputs in = { { scratch.qk, 2 * keys }, { scratch.qk + keys, 2 * keys },
		{ scratch.vo, 2 * inner }, scratch.gates };

	tile_fetch(tile, layout, layout->state.normaliser, layout->state_floats);
	tile_norm(tile, dense->norm);
	project(dense, layout, tile, &scratch);
	mlstm_memory_step(layout, tile, &in, (struct rows){ scratch.h, inner }, scratch.cell);
	for (size_t i = 0; i < tile->count; i++) {
		float *h = scratch.h + i * inner, *o = scratch.vo + i * 2 * inner + inner;
		kernels->norm(h, h, dense->head_norm, inner, layout->units, DENSE_NORM_EPSILON);
		kernels->sigmoid_times(h, o, h, inner);
	}
	kernels->matmul(tile->stream, tile->width, ADD_OUTPUT, NULL, scratch.h, inner, tile->count,
		&dense->down);
}
