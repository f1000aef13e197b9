/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of the memory of the sLSTM block (Beck et al. 2024, figure 10); its feed-forward part
 * follows in feedforward.c:
 *
 *	u = norm(x)    s = silu(conv(u))
 *	input and forget gate from s, candidate and output gate from u, all from h of the last step
 *	x = x + norm(h)
 */
#include "tile.h"

#include <string.h>

struct slstm_scratch {
	float *convolved; /* [count, width] */
	float *hidden; /* [count, width] of the last step, then the normed new ones */
	float *gates; /* [count, 4 width] i f z o */
};

static struct slstm_scratch cut(float *memory, size_t width) {
	struct slstm_scratch scratch;
	scratch.convolved = memory;
	scratch.hidden = scratch.convolved + TILE_ROWS_MAX * width;
	scratch.gates = scratch.hidden + TILE_ROWS_MAX * width;
	return scratch;
}

size_t slstm_scratch(const struct block_layout *layout) {
	return TILE_ROWS_MAX * 6 * layout->channels;
}

/* Returns what the input and forget gates see: without a convolution the input itself. */
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

/* The recurrent product wants the hidden values of all rows in one matrix. */
static void gather_hidden(
	const struct block_layout *layout, const struct tile *tile, float *hidden) {
	for (size_t i = 0; i < tile->count; i++)
		memcpy(hidden + i * tile->width, tile_state(tile, i, layout) + layout->state.hidden,
			tile->width * sizeof(float));
}

static void gates_step(const struct slstm *slstm, const struct block_layout *layout,
	const struct tile *tile, const struct slstm_scratch *scratch) {
	const struct kernels *kernels = tile->kernels;
	size_t width = tile->width, count = tile->count;
	const float *convolved = convolve(slstm, layout, tile, scratch->convolved);
	float *gates = scratch->gates;

	kernels->matmul(gates, 4 * width, ADD_BIAS, slstm->bias, convolved, width, count,
		&slstm->input_and_forget);
	kernels->matmul(gates + 2 * width, 4 * width, ADD_BIAS, slstm->bias + 2 * width,
		tile->normed, width, count, &slstm->candidate_and_output);
	gather_hidden(layout, tile, scratch->hidden);
	kernels->matmul(gates, 4 * width, ADD_OUTPUT, NULL, scratch->hidden, width, count,
		&slstm->recurrent);
}

void slstm_block_step(
	const struct slstm *slstm, const struct block_layout *layout, struct tile *tile) {
	const struct kernels *kernels = tile->kernels;
	struct slstm_scratch scratch = cut(tile->scratch, tile->width);
	const struct state_fields *at = &layout->state;
	size_t width = tile->width;

	tile_fetch(tile, layout, 0, layout->state_floats);
	tile_norm(tile, slstm->norm);
	gates_step(slstm, layout, tile, &scratch);
	for (size_t i = 0; i < tile->count; i++) {
		float *state = tile_state(tile, i, layout);
		float *normed = scratch.hidden + i * width;
		struct slstm_step step = { state + at->hidden, state + at->cell,
			state + at->normaliser, state + at->stabiliser,
			scratch.gates + i * 4 * width, width };
		kernels->slstm_cell(&step);
		kernels->norm(
			normed, step.hidden, slstm->head_norm, width, layout->units, NORM_EPSILON);
		kernels->add(tile->stream + i * width, normed, width);
	}
}
