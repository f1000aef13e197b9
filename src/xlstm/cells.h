/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_CELLS_H
#define XLSTM_CELLS_H

#include "pass.h"

/*
 * The cells of a part over a window, without what the block puts around them.
 *   u  [tokens, channels]  what the block hands in
 *   s  [tokens, channels]  the same behind the convolution; may be u
 */
struct cells {
	const struct block_layout *layout;
	const struct pass *pass;
	struct const_rows u, s;
	float *kept; /* *_cells_kept() floats, left by forward for backward */
	float *scratch; /* *_cells_scratch() floats */
};

/* Gradients: h comes in, u is written, then s is added to. */
struct cells_slope {
	float *h; /* [tokens, channels], destroyed */
	struct rows u, s;
};

void mlstm_cells_forward(const struct mlstm *mlstm, const struct cells *cells);
void mlstm_cells_backward(const struct xlstm_weights *weights, const struct mlstm *mlstm,
	const struct cells *cells, const struct cells_slope *slope, float *gradient);
/* [tokens, channels], left by forward. */
struct const_rows mlstm_cells_hidden(const struct cells *cells);
size_t mlstm_cells_kept(const struct block_layout *layout, size_t series, size_t steps);
size_t mlstm_cells_pass_scratch(const struct block_layout *layout, size_t tokens);

void slstm_cells_forward(const struct slstm *slstm, const struct cells *cells);
void slstm_cells_backward(const struct xlstm_weights *weights, const struct cells *cells,
	const struct cells_slope *slope, float *gradient);
struct const_rows slstm_cells_hidden(const struct cells *cells);
size_t slstm_cells_kept(const struct block_layout *layout, size_t tokens);
size_t slstm_cells_pass_scratch(const struct block_layout *layout, size_t series, size_t tokens);

/* The mLSTM's memory, whatever its inputs were made of. */
struct memory {
	const struct block_layout *layout;
	const struct pass *pass;
	struct const_rows q, k, v;
	float *gates; /* [tokens, 2 H] input, forget; forward caps them where the block says so */
	struct rows h; /* [tokens, heads * units] */
	float *chunks; /* mlstm_memory_kept() floats for the way back */
	float *scratch; /* mlstm_memory_scratch() floats */
};

struct memory_slope {
	struct const_rows h;
	struct rows q, k, v;
	float *gates; /* before their cap */
};

void mlstm_memory_forward(const struct memory *memory);
void mlstm_memory_backward(const struct memory *memory, const struct memory_slope *slope);
size_t mlstm_memory_kept(const struct block_layout *layout, size_t series, size_t steps);
size_t mlstm_memory_scratch(const struct block_layout *layout);

#endif
