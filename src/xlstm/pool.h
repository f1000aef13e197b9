/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_POOL_PRIVATE_H
#define XLSTM_POOL_PRIVATE_H

#include "pass.h"
#include "tile.h"
#include "xlstm/pool.h"

/* The neighbours of one series that are within reach, at one step. */
struct pool_view {
	size_t count;
	const float *hidden[XLSTM_NEIGHBOURS_MAX];
	float distances[XLSTM_NEIGHBOURS_MAX]; /* attention: over the mean one */
	float fades[XLSTM_NEIGHBOURS_MAX]; /* 2^-age */
	float shares[XLSTM_NEIGHBOURS_MAX]; /* add up to one */
};

/* Collects distances and fades of the neighbours of series `index`, and writes their entries to
 * entries [XLSTM_NEIGHBOURS_MAX]; hidden is for the caller to point somewhere. step: of a sequence
 * of that many steps; else 0 of 1. */
void pool_collect(struct pool_view *view, uint32_t *entries, enum xlstm_pool kind,
	const struct xlstm_neighbours *neighbours, size_t index, size_t step, size_t steps);

/* The shares; look [width] for attention. */
void pool_share(struct pool_view *view, const struct kernels *kernels, const struct pool *pool,
	const float *look);

/* pooled [width] */
void pool_sum(
	const struct pool_view *view, const struct kernels *kernels, float *pooled, size_t width);

/* The features of a tile, which begins with series `first`: own [count, width] with what the
 * neighbours add, to fused. */
void pool_step(const struct pool *pool, const struct layout *layout, const struct tile *tile,
	const struct xlstm_neighbours *neighbours, size_t first, const float *own, float *fused);
size_t pool_scratch(const struct layout *layout);

/* What a pass leaves for the way back. */
struct pool_saved {
	float *hidden; /* [series, steps + 1, width] before the window, then after each step */
	float *joined; /* [tokens, 2 width] own, pooled */
	float *queries, *looks; /* [tokens, keys], [tokens, width] */
	float *gates, *values; /* [tokens, width]: behind the sigmoid, V p */
};

/* fused [tokens, width] from own. The rows' hidden vectors move on. */
void pool_forward(const struct pool *pool, const struct layout *layout, const struct pass *pass,
	const struct xlstm_neighbours *neighbours, const struct pool_saved *saved, const float *own,
	float *fused);

/* slopes [tokens, width]: of fused on entry, of own on return. Scratch: pool_pass_scratch(). */
void pool_backward(const struct xlstm_weights *weights, const struct pool *pool,
	const struct pass *pass, const struct xlstm_neighbours *neighbours,
	const struct pool_saved *saved, float *slopes, float *gradient);
size_t pool_pass_scratch(const struct layout *layout, size_t tokens);

#endif
