/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_TILE_H
#define XLSTM_TILE_H

#include "model.h"

/*
 * A batch is worked off in tiles of this many rows: one tile goes through the whole stack before
 * the next, so that what is computed stays in the cache and scratch memory does not grow with
 * the batch.
 */
#define TILE_ROWS_MAX 32

struct tile {
	const struct kernels *kernels;
	enum xlstm_norm norm;
	size_t count; /* rows in this tile */
	size_t width;
	void *const *rows; /* [count] states */
	float *stream; /* [count, width] the residual stream */
	float *normed; /* [count, width] */
	float *scratch; /* for the block at hand */
};

/* The part of a row that belongs to a block. */
static inline float *tile_state(
	const struct tile *tile, size_t row, const struct block_layout *layout) {
	return (float *)tile->rows[row] + layout->state_at;
}

/* Brings [from, end) of the block's part of every row into the cache, while something else is
 * being computed. */
static inline void tile_fetch(
	const struct tile *tile, const struct block_layout *layout, size_t from, size_t end) {
	for (size_t i = 0; i < tile->count; i++)
		for (size_t at = from; at < end; at += LINE_FLOATS)
			__builtin_prefetch(tile_state(tile, i, layout) + at, 1, 2);
}

/* Floats of scratch for a whole tile, the two streams included. */
size_t tile_scratch(const struct layout *layout);

/* normed = norm of the stream, with this gain. */
void tile_norm(const struct tile *tile, const float *gain);

/* y = silu(convolution of x) for one row; without taps silu(x). */
void convolution_step(const struct kernels *kernels, const struct convolution *convolution,
	float *window, const float *x, float *y);

/* Each adds its block's part to the stream and moves the states on. */
void slstm_block_step(
	const struct slstm *slstm, const struct block_layout *layout, struct tile *tile);
void dense_block_step(
	const struct dense *dense, const struct block_layout *layout, struct tile *tile);
void preprojection_block_step(const struct block *block, struct tile *tile);
void feedforward_block_step(const struct feedforward *feedforward, struct tile *tile);

/* Floats of scratch that each needs. */
size_t slstm_scratch(const struct block_layout *layout);
size_t dense_scratch(const struct block_layout *layout);
size_t preprojection_scratch(const struct block_layout *layout);
size_t feedforward_scratch(const struct block_layout *layout);

/* The cells without what the block puts around them: h from the input u and the same behind the
 * convolution, s. h may be u. scratch: *_cells_scratch() floats. */
void slstm_cells_step(const struct slstm *slstm, const struct block_layout *layout,
	const struct tile *tile, struct const_rows u, struct const_rows s, struct rows h,
	float *scratch);
void mlstm_cells_step(const struct mlstm *mlstm, const struct block_layout *layout,
	const struct tile *tile, struct const_rows u, struct const_rows s, struct rows h,
	float *scratch);
size_t slstm_cells_scratch(const struct block_layout *layout);
size_t mlstm_cells_scratch(const struct block_layout *layout);

struct mlstm_inputs {
	struct const_rows q, k, v;
	float *gates; /* [count, 2 H] input, forget; capped in place where the block says so */
};

/* The mLSTM's memory, whatever its inputs were made of. cell: [4 H] scratch. */
void mlstm_memory_step(const struct block_layout *layout, const struct tile *tile,
	const struct mlstm_inputs *inputs, struct rows h, float *cell);

/* y = the map of x: [count, outputs] from [count, inputs]. scratch [count, hidden]. */
void end_step(const struct kernels *kernels, const struct end *end, size_t count, float *y,
	const float *x, float *scratch);

/* All norms of the published blocks, and those of the heads in all. */
#define NORM_EPSILON       1e-5f
#define RMS_NORM_EPSILON   1e-6f
/* Those of the heads of an mLSTM with the projection behind it. */
#define DENSE_NORM_EPSILON 1e-6f

#endif
