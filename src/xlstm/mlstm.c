/* SPDX-License-Identifier: Apache-2.0 */
/* One step of the mLSTM's memory, for every kind of block that has one. */
#include "tile.h"

/* Row `row` of a tile. gates: [2 H] input, forget; cell: [4 H] scratch. */
struct memory_row {
	size_t row;
	const float *q, *k, *v, *gates;
	float *cell;
};

static void remember(const struct block_layout *layout, const struct tile *tile,
	const struct memory_row *at, float *h) {
	const struct state_fields *fields = &layout->state;
	float *state = tile_state(tile, at->row, layout);
	struct mlstm_step step = {
		.heads = layout->heads,
		.keys = layout->key_units,
		.values = layout->units,
		.matrix = state + fields->matrix,
		.half = layout->half,
		.logistic = layout->logistic,
		.normaliser = state + fields->normaliser,
		.stabiliser = state + fields->stabiliser,
		.q = at->q,
		.k = at->k,
		.v = at->v,
		.input_gate = at->gates,
		.forget_gate = at->gates + layout->heads,
		.scratch = at->cell,
	};
	if (at->row + 1 < tile->count) {
		const float *next = tile_state(tile, at->row + 1, layout);
		step.ahead.matrix = next + fields->matrix;
		step.ahead.normaliser = next + fields->normaliser;
		step.ahead.stabiliser = next + fields->stabiliser;
	}
	tile->kernels->mlstm_cell(h, &step);
}

void mlstm_memory_step(const struct block_layout *layout, const struct tile *tile,
	const struct mlstm_inputs *in, struct rows h, float *cell) {
	size_t gates = 2 * layout->heads;
	if (layout->gate_cap)
		tile->kernels->soft_cap(
			in->gates, in->gates, (float)layout->gate_cap, tile->count * gates);
	for (size_t i = 0; i < tile->count; i++) {
		struct memory_row at = { i, in->q.values + i * in->q.stride,
			in->k.values + i * in->k.stride, in->v.values + i * in->v.stride,
			in->gates + i * gates, cell };
		remember(layout, tile, &at, h.values + i * h.stride);
	}
}

struct mlstm_scratch {
	float *qkv; /* [count, 3 E] */
	float *gates; /* [count, 2 H] input, forget */
	float *cell; /* [4 H] */
};

static struct mlstm_scratch cut(float *memory, const struct block_layout *layout) {
	struct mlstm_scratch scratch;
	scratch.qkv = memory;
	scratch.gates = scratch.qkv + TILE_ROWS_MAX * 3 * layout->inner;
	scratch.cell = scratch.gates + TILE_ROWS_MAX * 2 * layout->heads;
	return scratch;
}

size_t mlstm_cells_scratch(const struct block_layout *layout) {
	return TILE_ROWS_MAX * (3 * layout->inner + 2 * layout->heads) + 4 * layout->heads;
}

/* q and k from s, v from u, gates from [q; k; v]. */
void mlstm_cells_step(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct tile *tile, struct const_rows u, struct const_rows s, struct rows h,
	float *memory) {
	const struct kernels *kernels = tile->kernels;
	struct mlstm_scratch scratch = cut(memory, layout);
	size_t inner = layout->inner, count = tile->count;
	struct rows q = { scratch.qkv, 3 * inner }, k = { scratch.qkv + inner, 3 * inner };
	struct rows v = { scratch.qkv + 2 * inner, 3 * inner };

	kernels->blocks_of_4(q, s, mlstm->q, inner, count, false);
	kernels->blocks_of_4(k, s, mlstm->k, inner, count, false);
	kernels->blocks_of_4(v, u, mlstm->v, inner, count, false);
	kernels->matmul(scratch.gates, 2 * layout->heads, ADD_BIAS, mlstm->gate_bias, scratch.qkv,
		3 * inner, count, &mlstm->gates);
	struct mlstm_inputs in = { { q.values, q.stride }, { k.values, k.stride },
		{ v.values, v.stride }, scratch.gates };
	mlstm_memory_step(layout, tile, &in, h, scratch.cell);
}
