/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the sLSTM's memory, and the block that has its projection behind it (Beck et al.
 * 2024, figure 10); its feed-forward part follows in feedforward.c:
 *
 *	u = norm(x)    s = silu(conv(u))
 *	input and forget gate from s, candidate and output gate from u, all from h of the last step
 *	x = x + norm(h)
 */
#include "tile.h"

#include <string.h>

struct cells_scratch {
	float *hidden; /* [count, channels] of the last step */
	float *gates; /* [count, 4 channels] i f z o */
};

static struct cells_scratch cut(float *memory, size_t channels) {
	return (struct cells_scratch){ memory, memory + TILE_ROWS_MAX * channels };
}

size_t slstm_cells_scratch(const struct block_layout *layout) {
	return TILE_ROWS_MAX * 5 * layout->channels;
}

size_t slstm_scratch(const struct block_layout *layout) {
	return TILE_ROWS_MAX * 2 * layout->channels + slstm_cells_scratch(layout);
}

/* The recurrent product wants the hidden values of all rows in one matrix. */
static void gather_hidden(
	const struct block_layout *layout, const struct tile *tile, float *hidden) {
	size_t channels = layout->channels;
	for (size_t i = 0; i < tile->count; i++)
		memcpy(hidden + i * channels, tile_state(tile, i, layout) + layout->state.hidden,
			channels * sizeof(float));
}

static void gates_step(const struct slstm *slstm, const struct block_layout *layout,
	const struct tile *tile, struct const_rows u, struct const_rows s,
	const struct cells_scratch *scratch) {
	const struct kernels *kernels = tile->kernels;
	size_t channels = layout->channels, count = tile->count;
	float *gates = scratch->gates;

	kernels->matmul(gates, 4 * channels, ADD_BIAS, slstm->bias, s.values, s.stride, count,
		&slstm->input_and_forget);
	kernels->matmul(gates + 2 * channels, 4 * channels, ADD_BIAS, slstm->bias + 2 * channels,
		u.values, u.stride, count, &slstm->candidate_and_output);
	gather_hidden(layout, tile, scratch->hidden);
	kernels->matmul(gates, 4 * channels, ADD_OUTPUT, NULL, scratch->hidden, channels, count,
		&slstm->recurrent);
}

void slstm_cells_step(const struct slstm *slstm, const struct block_layout *layout,
	const struct tile *tile, struct const_rows u, struct const_rows s, struct rows h,
	float *memory) {
	struct cells_scratch scratch = cut(memory, layout->channels);
	const struct state_fields *at = &layout->state;
	size_t channels = layout->channels;

	gates_step(slstm, layout, tile, u, s, &scratch);
	for (size_t i = 0; i < tile->count; i++) {
		float *state = tile_state(tile, i, layout);
		struct slstm_step step = { state + at->hidden, state + at->cell,
			state + at->normaliser, state + at->stabiliser,
			scratch.gates + i * 4 * channels, channels };
		tile->kernels->slstm_cell(&step);
		memcpy(h.values + i * h.stride, step.hidden, channels * sizeof(float));
	}
}

/* What the input and forget gates see: without a convolution the input itself. */
static const float *convolve(const struct slstm *slstm, const struct block_layout *layout,
	const struct tile *tile, float *convolved) {
	if (!layout->taps)
		return tile->normed;

	for (size_t i = 0; i < tile->count; i++)
		convolution_step(tile->kernels, &slstm->convolution,
			tile_state(tile, i, layout) + layout->state.window,
			tile->normed + i * tile->width, convolved + i * tile->width);
	return convolved;
}

void slstm_block_step(
	const struct slstm *slstm, const struct block_layout *layout, struct tile *tile) {
	const struct kernels *kernels = tile->kernels;
	size_t width = tile->width;
	float *convolved = tile->scratch, *hidden = convolved + TILE_ROWS_MAX * width;

	tile_fetch(tile, layout, 0, layout->state_floats);
	tile_norm(tile, slstm->norm);
	const float *s = convolve(slstm, layout, tile, convolved);
	slstm_cells_step(slstm, layout, tile, (struct const_rows){ tile->normed, width },
		(struct const_rows){ s, width }, (struct rows){ hidden, width },
		hidden + TILE_ROWS_MAX * width);
	for (size_t i = 0; i < tile->count; i++) {
		float *h = hidden + i * width;
		kernels->norm(h, h, slstm->head_norm, width, layout->units, NORM_EPSILON);
		kernels->add(tile->stream + i * width, h, width);
	}
}
