/* SPDX-License-Identifier: Apache-2.0 */
/* The gated feed-forward part: (g, u) = W_up norm(x), x = x + W_down(gelu(g) * u);
 * the later models have silu for gelu. */
#include "tile.h"

size_t feedforward_scratch(const struct block_layout *layout) {
	return TILE_ROWS_MAX * 2 * layout->feedforward;
}

void feedforward_block_step(const struct feedforward *feedforward, struct tile *tile) {
	const struct kernels *kernels = tile->kernels;
	size_t inner = feedforward->inner;
	float *up = tile->scratch;

	void (*gate_times)(float *, const float *, const float *, size_t) =
		feedforward->activation == XLSTM_SILU ? kernels->silu_times : kernels->gelu_times;

	tile_norm(tile, feedforward->norm);
	kernels->matmul(up, 2 * inner, ADD_NOTHING, NULL, tile->normed, tile->width, tile->count,
		&feedforward->up);
	for (size_t i = 0; i < tile->count; i++) {
		float *gate = up + i * 2 * inner;
		gate_times(gate, gate, gate + inner, inner);
	}
	kernels->matmul(tile->stream, tile->width, ADD_OUTPUT, NULL, up, 2 * inner, tile->count,
		&feedforward->down);
}
