/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM block over windows, in both directions. */
#include "pass.h"
#include "tile.h"

#include <string.h>

/*
 * Products are kept for the way back; what takes only a few operations a value is computed again
 * there, which is quicker than bringing it from memory.
 */
struct kept {
	float *up; /* [tokens, 2 E] a and z */
	float *gates; /* [tokens, 2 H] input, forget */
	float *h; /* [tokens, E] of the cell */
	float *chunks; /* [series, chunks, heads, mlstm_kept_floats()] */
};

struct again {
	float *u; /* [tokens, width] normed input */
	float *s, *silu_slopes; /* [tokens, E] convolved, after silu */
	float *qkv; /* [tokens, 3 E] */
	float *normed; /* [E] h after the per-head norm, at one token */
	float *out; /* [tokens, E] what W_down sees */
};

struct saved {
	struct kept kept;
	struct again again;
};

/* The end of the scratch behind what is computed again. */
static float *cut(struct saved *saved, float *kept, float *scratch,
	const struct block_layout *layout, size_t tokens) {
	size_t inner = layout->inner;
	saved->kept.up = kept;
	saved->kept.gates = saved->kept.up + tokens * 2 * inner;
	saved->kept.h = saved->kept.gates + tokens * 2 * layout->heads;
	saved->kept.chunks = saved->kept.h + tokens * inner;
	saved->again.u = scratch;
	saved->again.s = saved->again.u + tokens * layout->width;
	saved->again.silu_slopes = saved->again.s + tokens * inner;
	saved->again.qkv = saved->again.silu_slopes + tokens * inner;
	saved->again.normed = saved->again.qkv + tokens * 3 * inner;
	saved->again.out = saved->again.normed + inner;
	return saved->again.out + tokens * inner;
}

/* Where a state holds bfloat16. */
static size_t matrix_floats(const struct block_layout *layout) {
	return layout->half ? layout->inner * layout->units : 0;
}

static size_t again_floats(const struct block_layout *layout, size_t tokens) {
	return tokens * (layout->width + 6 * layout->inner) + layout->inner;
}

static size_t chunks_of_series(const struct block_layout *layout, size_t steps) {
	return (steps + MLSTM_CHUNK - 1) / MLSTM_CHUNK * layout->heads *
	       mlstm_kept_floats(layout->units, layout->units);
}

size_t mlstm_saved_floats(const struct block_layout *layout, size_t series, size_t steps) {
	return series * steps * (3 * layout->inner + 2 * layout->heads) +
	       series * chunks_of_series(layout, steps);
}

/* Of the backward pass, which needs more: slopes of up, out, s, qkv, gates and u, and a turned map
 * and those of the gates with their gradients. */
size_t mlstm_pass_scratch(const struct block_layout *layout, size_t tokens) {
	size_t inner = layout->inner;
	return again_floats(layout, tokens) +
	       tokens * (8 * inner + 2 * layout->heads + layout->width) +
	       12 * inner * (2 + layout->heads) +
	       mlstm_window_scratch(layout->units, layout->units) + matrix_floats(layout) +
	       pass_convolve_scratch(layout);
}

static struct mlstm_window window_of(const struct block_layout *layout, const struct pass *pass,
	const struct saved *saved, float *scratch, size_t series) {
	size_t inner = layout->inner, heads = layout->heads, first = series * pass->steps;
	const float *qkv = saved->again.qkv + first * 3 * inner;
	const float *gates = saved->kept.gates + first * 2 * heads;
	float *state = pass_state(pass, series, layout);

	return (struct mlstm_window){
		.heads = heads,
		.keys = layout->units,
		.values = layout->units,
		.steps = pass->steps,
		.q = {qkv,			    3 * inner},
		.k = { qkv + inner,                   3 * inner},
		.v = { qkv + 2 * inner,               3 * inner},
		.input_gate = { gates,                         2 * heads},
		.forget_gate = { gates + heads,                 2 * heads},
		.h = { saved->kept.h + first * inner, inner    },
		.matrix = state + layout->state.matrix,
		.normaliser = state + layout->state.normaliser,
		.stabiliser = state + layout->state.stabiliser,
		.kept = saved->kept.chunks + series * chunks_of_series(layout, pass->steps),
		.scratch = scratch,
	};
}

static void project(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved) {
	const struct kernels *kernels = pass->kernels;
	size_t inner = layout->inner, tokens = pass->tokens;
	struct const_rows a = { saved->kept.up, 2 * inner }, s = { saved->again.s, inner };
	struct rows q = { saved->again.qkv, 3 * inner }, k = { q.values + inner, q.stride };
	struct rows v = { k.values + inner, q.stride };

	kernels->blocks_of_4(q, s, mlstm->q, inner, tokens, false);
	kernels->blocks_of_4(k, s, mlstm->k, inner, tokens, false);
	kernels->blocks_of_4(v, a, mlstm->v, inner, tokens, false);
}

/* What the gates of the cell and the cell see. */
static void before_cell(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved) {
	struct const_rows a = { saved->kept.up, 2 * layout->inner };
	pass_convolve(
		pass, layout, &mlstm->convolution, a, saved->again.s, saved->again.silu_slopes);
	project(mlstm, layout, pass, saved);
}

static void after_cell(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved) {
	size_t inner = layout->inner;
	for (size_t n = 0; n < pass->tokens; n++) {
		float *normed = saved->again.normed;
		pass->kernels->norm(normed, saved->kept.h + n * inner, mlstm->head_norm, inner,
			layout->units, NORM_EPSILON);
		pass->kernels->skip_and_gate(saved->again.out + n * inner, normed, mlstm->skip,
			saved->again.s + n * inner, saved->kept.up + n * 2 * inner + inner, inner);
	}
}

/* The window computes with floats, whatever the state holds. */
static void cell_forward(const struct block_layout *layout, const struct pass *pass,
	const struct saved *saved, float *scratch, size_t series) {
	struct mlstm_window window =
		window_of(layout, pass, saved, scratch + matrix_floats(layout), series);
	uint16_t *halves = (uint16_t *)(void *)window.matrix;

	if (layout->half) {
		window.matrix = scratch;
		pass->kernels->widen(scratch, halves, matrix_floats(layout));
	}
	pass->kernels->mlstm_window(&window);
	if (layout->half)
		pass->kernels->narrow(halves, scratch, matrix_floats(layout));
}

void mlstm_forward(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct pass *pass, const float *x, float *y, float *memory) {
	size_t width = pass->width, inner = layout->inner, heads = layout->heads;
	struct saved saved;
	float *scratch = cut(&saved, memory, pass->scratch, layout, pass->tokens);

	pass_norm(pass, saved.again.u, x, mlstm->norm);
	pass_map(pass, (struct rows){ saved.kept.up, 2 * inner }, ADD_NOTHING, NULL,
		(struct const_rows){ saved.again.u, width }, &mlstm->up);
	before_cell(mlstm, layout, pass, &saved);
	pass_move_windows(pass, layout, (struct const_rows){ saved.kept.up, 2 * inner });
	pass_map(pass, (struct rows){ saved.kept.gates, 2 * heads }, ADD_BIAS, mlstm->gate_bias,
		(struct const_rows){ saved.again.qkv, 3 * inner }, &mlstm->gates);
	for (size_t i = 0; i < pass->series; i++)
		cell_forward(layout, pass, &saved, scratch, i);
	after_cell(mlstm, layout, pass, &saved);
	memcpy(y, x, pass->tokens * width * sizeof(float));
	pass_map(pass, (struct rows){ y, width }, ADD_OUTPUT, NULL,
		(struct const_rows){ saved.again.out, inner }, &mlstm->down);
}

struct slopes {
	float *up; /* [tokens, 2 E] */
	float *out; /* [tokens, E] of out; then of h */
	float *normed; /* [E] of the normed h, at one token */
	float *s; /* [tokens, E] */
	float *qkv; /* [tokens, 3 E] */
	float *gates; /* [tokens, 2 H] */
	float *u; /* [tokens, width] */
	float *maps; /* [2, 4, E] one of q, k, v turned around, and its gradient */
	float *gate_maps; /* [2, 2 H, 3 E] of both gates, and their gradients */
	float *window;
};

static struct slopes cut_slopes(
	float *memory, const struct block_layout *layout, const struct pass *pass) {
	size_t inner = layout->inner, tokens = pass->tokens;
	struct slopes slopes;
	slopes.up = memory;
	slopes.out = slopes.up + tokens * 2 * inner;
	slopes.normed = slopes.out + tokens * inner;
	slopes.s = slopes.normed + inner;
	slopes.qkv = slopes.s + tokens * inner;
	slopes.gates = slopes.qkv + tokens * 3 * inner;
	slopes.u = slopes.gates + tokens * 2 * layout->heads;
	slopes.maps = slopes.u + tokens * pass->width;
	slopes.gate_maps = slopes.maps + 8 * inner;
	slopes.window = slopes.gate_maps + 12 * layout->heads * inner;
	return slopes;
}

/* From the slope of out to those of h (in its place), s and z; and out once more. */
static void gate_back(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes,
	float *gradient) {
	const struct kernels *kernels = pass->kernels;
	size_t inner = layout->inner;
	for (size_t n = 0; n < pass->tokens; n++) {
		float *slope = slopes->out + n * inner, *normed = saved->again.normed;
		const float *h = saved->kept.h + n * inner;
		float *z_slope = slopes->up + n * 2 * inner + inner;
		kernels->norm(normed, h, mlstm->head_norm, inner, layout->units, NORM_EPSILON);
		kernels->skip_and_gate_backward(saved->again.out + n * inner, slopes->normed,
			slopes->s + n * inner, z_slope, slope_of(gradient, layout, T_SKIP), normed,
			mlstm->skip, saved->again.s + n * inner,
			saved->kept.up + n * 2 * inner + inner, slope, inner);
		memset(slope, 0, inner * sizeof(float));
		kernels->norm_backward(slope, slope_of(gradient, layout, T_HEAD_NORM), h,
			mlstm->head_norm, slopes->normed, inner, layout->units, NORM_EPSILON);
	}
}

static void cell_back(const struct block_layout *layout, const struct pass *pass,
	const struct saved *saved, const struct slopes *slopes) {
	size_t inner = layout->inner, heads = layout->heads;
	for (size_t i = 0; i < pass->series; i++) {
		struct mlstm_window window = window_of(layout, pass, saved, slopes->window, i);
		size_t first = i * pass->steps;
		float *qkv = slopes->qkv + first * 3 * inner;
		float *gates = slopes->gates + first * 2 * heads;
		struct mlstm_window_slope slope = {
			.h = {slopes->out + first * inner, inner    },
			.q = { qkv,                        3 * inner},
			.k = { qkv + inner,                3 * inner},
			.v = { qkv + 2 * inner,            3 * inner},
			.input_gate = { gates,                      2 * heads},
			.forget_gate = { gates + heads,              2 * heads},
		};
		pass->kernels->mlstm_window_backward(&window, &slope);
	}
}

/* Both gates at once: their maps lie below each other in scratch memory, [2 H, 3 E], and so do the
 * gradients. */
static void gate_maps_back(const struct xlstm_weights *weights, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes,
	float *gradient) {
	size_t heads = layout->heads, count = heads * 3 * layout->inner;
	struct const_rows dgates = { slopes->gates, 2 * heads };
	float *maps = slopes->gate_maps, *dmaps = maps + 2 * count;

	memcpy(maps, block_tensor(weights, layout, T_INPUT_GATE), count * sizeof(float));
	memcpy(maps + count, block_tensor(weights, layout, T_FORGET_GATE), count * sizeof(float));
	memset(dmaps, 0, 2 * count * sizeof(float));
	pass_map_gradient(pass, dmaps, dgates,
		(struct const_rows){ saved->again.qkv, 3 * layout->inner }, 2 * heads,
		3 * layout->inner);
	pass_map_back(pass, (struct rows){ slopes->qkv, 3 * layout->inner }, dgates, maps,
		2 * heads, 3 * layout->inner, true);
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
static void projection_back(const struct block_layout *layout, const struct pass *pass,
	const struct slopes *slopes, const float *w, float *dw, struct const_rows x,
	struct const_rows dy, struct rows dx, bool add) {
	size_t inner = layout->inner;
	float *map = slopes->maps, *turned = map + 4 * inner;

	turn_blocks(map, w, inner);
	memset(turned, 0, 4 * inner * sizeof(float));
	pass->kernels->blocks_of_4_gradient(turned, x, dy, inner, pass->tokens);
	pass->kernels->blocks_of_4(dx, dy, map, inner, pass->tokens, add);
	add_turned(dw, turned, inner);
}

/* q and k came from s, v from a. */
static void projections_back(const struct xlstm_weights *weights, const struct block_layout *layout,
	const struct pass *pass, const struct saved *saved, const struct slopes *slopes,
	float *gradient) {
	static const enum tensor_id ids[3] = { T_Q, T_K, T_V };
	size_t inner = layout->inner;
	struct const_rows a = { saved->kept.up, 2 * inner }, s = { saved->again.s, inner };
	struct rows da = { slopes->up, 2 * inner }, ds = { slopes->s, inner };

	for (size_t i = 0; i < 3; i++)
		projection_back(layout, pass, slopes, block_tensor(weights, layout, ids[i]),
			slope_of(gradient, layout, ids[i]), i < 2 ? s : a,
			(struct const_rows){ slopes->qkv + i * inner, 3 * inner }, i < 2 ? ds : da,
			i < 2);
}

void mlstm_backward(const struct xlstm_weights *weights, const struct mlstm *mlstm,
	const struct block_layout *layout, const struct pass *pass, const float *x,
	const float *memory, float *stream, float *gradient) {
	size_t width = pass->width, inner = layout->inner;
	struct saved saved;
	float *scratch = cut(&saved, (float *)memory, pass->scratch + pass_convolve_scratch(layout),
		layout, pass->tokens);
	struct slopes slopes = cut_slopes(scratch, layout, pass);
	struct const_rows dy = { stream, width };

	pass_norm(pass, saved.again.u, x, mlstm->norm);
	before_cell(mlstm, layout, pass, &saved);
	pass_map_back(pass, (struct rows){ slopes.out, inner }, dy,
		block_tensor(weights, layout, T_DOWN), width, inner, false);
	gate_back(mlstm, layout, pass, &saved, &slopes, gradient);
	pass_map_gradient(pass, slope_of(gradient, layout, T_DOWN), dy,
		(struct const_rows){ saved.again.out, inner }, width, inner);
	cell_back(layout, pass, &saved, &slopes);
	gate_maps_back(weights, layout, pass, &saved, &slopes, gradient);
	projections_back(weights, layout, pass, &saved, &slopes, gradient);
	pass_convolve_back(pass, layout, &mlstm->convolution,
		(struct const_rows){ saved.kept.up, 2 * inner }, saved.again.silu_slopes, slopes.s,
		(struct rows){ slopes.up, 2 * inner }, gradient);
	pass_map_gradient(pass, slope_of(gradient, layout, T_UP),
		(struct const_rows){ slopes.up, 2 * inner },
		(struct const_rows){ saved.again.u, width }, 2 * inner, width);
	pass_map_back(pass, (struct rows){ slopes.u, width },
		(struct const_rows){ slopes.up, 2 * inner }, block_tensor(weights, layout, T_UP),
		2 * inner, width, false);
	pass_norm_back(pass, stream, slope_of(gradient, layout, T_NORM), x, mlstm->norm, slopes.u);
}
