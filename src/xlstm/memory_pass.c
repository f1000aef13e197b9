/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM's memory over windows, in both directions. */
#include "cells.h"

/* Where a state holds bfloat16. */
static size_t matrix_floats(const struct block_layout *layout) {
	return layout->half ? layout->heads * layout->key_units * layout->units : 0;
}

static size_t chunks_of_series(const struct block_layout *layout, size_t steps) {
	return (steps + MLSTM_CHUNK - 1) / MLSTM_CHUNK * layout->heads *
	       mlstm_kept_floats(layout->key_units, layout->units);
}

size_t mlstm_memory_kept(const struct block_layout *layout, size_t series, size_t steps) {
	return series * chunks_of_series(layout, steps);
}

size_t mlstm_memory_scratch(const struct block_layout *layout) {
	return matrix_floats(layout) + mlstm_window_scratch(layout->key_units, layout->units);
}

static struct const_rows rows_from(struct const_rows rows, size_t token) {
	return (struct const_rows){ rows.values + token * rows.stride, rows.stride };
}

static struct rows rows_to(struct rows rows, size_t token) {
	return (struct rows){ rows.values + token * rows.stride, rows.stride };
}

static struct mlstm_window window_of(const struct memory *memory, size_t series) {
	const struct block_layout *layout = memory->layout;
	const struct pass *pass = memory->pass;
	size_t heads = layout->heads, first = series * pass->steps;
	const float *gates = memory->gates + first * 2 * heads;
	float *state = pass_state(pass, series, layout);

	return (struct mlstm_window){
		.heads = heads,
		.keys = layout->key_units,
		.values = layout->units,
		.steps = pass->steps,
		.logistic = layout->logistic,
		.q = rows_from(memory->q, first),
		.k = rows_from(memory->k, first),
		.v = rows_from(memory->v, first),
		.input_gate = { gates, 2 * heads },
		.forget_gate = { gates + heads, 2 * heads },
		.h = rows_to(memory->h, first),
		.matrix = state + layout->state.matrix,
		.normaliser = state + layout->state.normaliser,
		.stabiliser = state + layout->state.stabiliser,
		.kept = memory->chunks + series * chunks_of_series(layout, pass->steps),
		.scratch = memory->scratch + matrix_floats(layout),
	};
}

/* The window computes with floats, whatever the state holds. */
static void series_forward(const struct memory *memory, size_t series) {
	const struct kernels *kernels = memory->pass->kernels;
	struct mlstm_window window = window_of(memory, series);
	uint16_t *halves = (uint16_t *)(void *)window.matrix;
	size_t floats = matrix_floats(memory->layout);

	if (floats) {
		window.matrix = memory->scratch;
		kernels->widen(window.matrix, halves, floats);
	}
	kernels->mlstm_window(&window);
	if (floats)
		kernels->narrow(halves, window.matrix, floats);
}

void mlstm_memory_forward(const struct memory *memory) {
	const struct pass *pass = memory->pass;
	const struct block_layout *layout = memory->layout;
	if (layout->gate_cap)
		pass->kernels->soft_cap(memory->gates, memory->gates, (float)layout->gate_cap,
			pass->tokens * 2 * layout->heads);
	for (size_t i = 0; i < pass->series; i++)
		series_forward(memory, i);
}

void mlstm_memory_backward(const struct memory *memory, const struct memory_slope *slope) {
	const struct pass *pass = memory->pass;
	const struct block_layout *layout = memory->layout;
	size_t heads = layout->heads;

	for (size_t i = 0; i < pass->series; i++) {
		struct mlstm_window window = window_of(memory, i);
		size_t first = i * pass->steps;
		float *gates = slope->gates + first * 2 * heads;
		struct mlstm_window_slope part = {
			.h = rows_from(slope->h, first),
			.q = rows_to(slope->q, first),
			.k = rows_to(slope->k, first),
			.v = rows_to(slope->v, first),
			.input_gate = { gates, 2 * heads },
			.forget_gate = { gates + heads, 2 * heads },
		};
		pass->kernels->mlstm_window_backward(&window, &part);
	}
	if (layout->gate_cap)
		pass->kernels->soft_cap_backward(slope->gates, memory->gates,
			(float)layout->gate_cap, pass->tokens * 2 * heads);
}
