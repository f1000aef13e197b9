/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM's cells behind a projection, over windows, in both directions: q and k from s, v from u,
 * gates from [q; k; v]. */
#include "cells.h"

#include <string.h>

/* What takes only a few operations a value is computed again on the way back, which is quicker than
 * bringing it from memory. */
struct kept {
	float *gates; /* [tokens, 2 H] input, forget */
	float *h; /* [tokens, E] of the cell */
	float *chunks;
};

static struct kept cut_kept(const struct cells *cells) {
	size_t tokens = cells->pass->tokens;
	struct kept kept;
	kept.gates = cells->kept;
	kept.h = kept.gates + tokens * 2 * cells->layout->heads;
	kept.chunks = kept.h + tokens * cells->layout->inner;
	return kept;
}

size_t mlstm_cells_kept(const struct block_layout *layout, size_t series, size_t steps) {
	return series * steps * (layout->inner + 2 * layout->heads) +
	       mlstm_memory_kept(layout, series, steps);
}

struct const_rows mlstm_cells_hidden(const struct cells *cells) {
	return (struct const_rows){ cut_kept(cells).h, cells->layout->inner };
}

struct slopes {
	float *qkv; /* [tokens, 3 E] */
	float *gates; /* [tokens, 2 H] */
	float *maps; /* [2, 4, E] one of q, k, v turned around, and its gradient */
	float *gate_maps; /* [2, 2 H, 3 E] of both gates, and their gradients */
};

struct scratch {
	float *qkv; /* [tokens, 3 E] */
	float *memory;
	struct slopes slopes;
};

static struct scratch cut_scratch(const struct cells *cells) {
	size_t inner = cells->layout->inner, tokens = cells->pass->tokens;
	struct scratch scratch;
	scratch.qkv = cells->scratch;
	scratch.memory = scratch.qkv + tokens * 3 * inner;
	scratch.slopes.qkv = scratch.memory + mlstm_memory_scratch(cells->layout);
	scratch.slopes.gates = scratch.slopes.qkv + tokens * 3 * inner;
	scratch.slopes.maps = scratch.slopes.gates + tokens * 2 * cells->layout->heads;
	scratch.slopes.gate_maps = scratch.slopes.maps + 8 * inner;
	return scratch;
}

size_t mlstm_cells_pass_scratch(const struct block_layout *layout, size_t tokens) {
	size_t inner = layout->inner;
	return tokens * (6 * inner + 2 * layout->heads) + inner * (8 + 12 * layout->heads) +
	       mlstm_memory_scratch(layout);
}

static struct memory memory_of(
	const struct cells *cells, const struct kept *kept, const struct scratch *scratch) {
	size_t inner = cells->layout->inner;
	return (struct memory){
		.layout = cells->layout,
		.pass = cells->pass,
		.q = { scratch->qkv, 3 * inner },
		.k = { scratch->qkv + inner, 3 * inner },
		.v = { scratch->qkv + 2 * inner, 3 * inner },
		.gates = kept->gates,
		.h = { kept->h, inner },
		.chunks = kept->chunks,
		.scratch = scratch->memory,
	};
}

static void project(const struct mlstm *mlstm, const struct cells *cells, float *qkv) {
	const struct kernels *kernels = cells->pass->kernels;
	size_t inner = cells->layout->inner, tokens = cells->pass->tokens;
	struct rows q = { qkv, 3 * inner }, k = { qkv + inner, 3 * inner };
	struct rows v = { qkv + 2 * inner, 3 * inner };

	kernels->blocks_of_4(q, cells->s, mlstm->q, inner, tokens, false);
	kernels->blocks_of_4(k, cells->s, mlstm->k, inner, tokens, false);
	kernels->blocks_of_4(v, cells->u, mlstm->v, inner, tokens, false);
}

void mlstm_cells_forward(const struct mlstm *mlstm, const struct cells *cells) {
	size_t inner = cells->layout->inner, heads = cells->layout->heads;
	struct kept kept = cut_kept(cells);
	struct scratch scratch = cut_scratch(cells);
	struct memory memory = memory_of(cells, &kept, &scratch);

	project(mlstm, cells, scratch.qkv);
	pass_map(cells->pass, (struct rows){ kept.gates, 2 * heads }, ADD_BIAS, mlstm->gate_bias,
		(struct const_rows){ scratch.qkv, 3 * inner }, &mlstm->gates);
	mlstm_memory_forward(&memory);
}

/* Both gates at once: their maps lie below each other in scratch memory, [2 H, 3 E], and so do the
 * gradients. */
static void gate_maps_back(const struct xlstm_weights *weights, const struct cells *cells,
	const struct scratch *scratch, float *gradient) {
	const struct block_layout *layout = cells->layout;
	const struct pass *pass = cells->pass;
	const struct slopes *slopes = &scratch->slopes;
	size_t heads = layout->heads, inner = layout->inner, count = heads * 3 * inner;
	struct const_rows dgates = { slopes->gates, 2 * heads };
	float *maps = slopes->gate_maps, *dmaps = maps + 2 * count;

	memcpy(maps, block_tensor(weights, layout, T_INPUT_GATE), count * sizeof(float));
	memcpy(maps + count, block_tensor(weights, layout, T_FORGET_GATE), count * sizeof(float));
	memset(dmaps, 0, 2 * count * sizeof(float));
	pass_map_gradient(pass, dmaps, dgates, (struct const_rows){ scratch->qkv, 3 * inner },
		2 * heads, 3 * inner);
	pass_map_back(pass, (struct rows){ slopes->qkv, 3 * inner }, dgates, maps, 2 * heads,
		3 * inner, true);
	pass->kernels->add(slope_of(gradient, layout, T_INPUT_GATE), dmaps, count);
	pass->kernels->add(slope_of(gradient, layout, T_FORGET_GATE), dmaps + count, count);
	pass_bias_gradient(pass, slope_of(gradient, layout, T_INPUT_BIAS), dgates, heads);
	dgates.values += heads;
	pass_bias_gradient(pass, slope_of(gradient, layout, T_FORGET_BIAS), dgates, heads);
}

/* [E / 4, 4 (output), 4 (input)] to [4 (output), E by block and input]. */
static void turn_blocks(float *to, const float *from, size_t inner) {
	for (size_t block = 0; block < inner / 4; block++)
		for (size_t output = 0; output < 4; output++)
			memcpy(to + output * inner + 4 * block, from + 16 * block + 4 * output,
				4 * sizeof(float));
}

/* [4 (input), E by block and output] to [E / 4, 4 (output), 4 (input)], added. */
static void add_turned(float *to, const float *from, size_t inner) {
	for (size_t i = 0; i < inner; i++)
		for (size_t input = 0; input < 4; input++)
			to[4 * i + input] += from[input * inner + i];
}

/* One of the maps q, k and v: its gradient, and the slope of its input. */
static void projection_back(const struct cells *cells, float *maps, const float *w, float *dw,
	struct const_rows x, struct const_rows dy, struct rows dx, bool add) {
	const struct kernels *kernels = cells->pass->kernels;
	size_t inner = cells->layout->inner, tokens = cells->pass->tokens;
	float *dmap = maps + 4 * inner;

	turn_blocks(maps, w, inner);
	memset(dmap, 0, 4 * inner * sizeof(float));
	kernels->blocks_of_4_gradient(dmap, x, dy, inner, tokens);
	kernels->blocks_of_4(dx, dy, maps, inner, tokens, add);
	add_turned(dw, dmap, inner);
}

static void projections_back(const struct xlstm_weights *weights, const struct cells *cells,
	const struct cells_slope *slope, const struct slopes *slopes, float *gradient) {
	static const enum tensor_id ids[3] = { T_V, T_Q, T_K };
	static const size_t places[3] = { 2, 0, 1 };
	const struct block_layout *layout = cells->layout;
	size_t inner = layout->inner;

	for (size_t i = 0; i < 3; i++)
		projection_back(cells, slopes->maps, block_tensor(weights, layout, ids[i]),
			slope_of(gradient, layout, ids[i]), i ? cells->s : cells->u,
			(struct const_rows){ slopes->qkv + places[i] * inner, 3 * inner },
			i ? slope->s : slope->u, i > 0);
}

void mlstm_cells_backward(const struct xlstm_weights *weights, const struct mlstm *mlstm,
	const struct cells *cells, const struct cells_slope *slope, float *gradient) {
	size_t inner = cells->layout->inner;
	struct kept kept = cut_kept(cells);
	struct scratch scratch = cut_scratch(cells);
	struct memory memory = memory_of(cells, &kept, &scratch);
	struct memory_slope through = {
		.h = { slope->h, inner },
		.q = { scratch.slopes.qkv, 3 * inner },
		.k = { scratch.slopes.qkv + inner, 3 * inner },
		.v = { scratch.slopes.qkv + 2 * inner, 3 * inner },
		.gates = scratch.slopes.gates,
	};

	project(mlstm, cells, scratch.qkv);
	mlstm_memory_backward(&memory, &through);
	gate_maps_back(weights, cells, &scratch, gradient);
	projections_back(weights, cells, slope, &scratch.slopes, gradient);
}
