/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_SHAPE_H
#define XLSTM_SHAPE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a network looks like: a stack of blocks around one residual stream of `width` values, with
 * an optional map in front and behind (Beck et al. 2024, arXiv 2405.04517).
 *
 *	inputs -> [embed] -> block ... block -> [norm] [+ neighbours] = features -> [head] -> outputs
 */

enum xlstm_block_kind {
	XLSTM_SLSTM = 1, /* scalar memory with recurrent mixing inside heads, then feed-forward */
	XLSTM_MLSTM, /* matrix memory, as published between an up- and a down-projection */
	XLSTM_FEEDFORWARD, /* no memory: the gated feed-forward part alone */
};

/* Of the gate in the feed-forward part. */
enum xlstm_activation {
	XLSTM_GELU, /* as published, exact */
	XLSTM_SILU, /* the later models ("SwiGLU") */
};

/* Before each part of a block and after the last block. */
enum xlstm_norm {
	XLSTM_LAYER_NORM, /* as published: epsilon 1e-5, gains stored as their distance from one */
	XLSTM_RMS_NORM, /* the later models: epsilon 1e-6, plain gains */
};

/* What the matrices of mLSTM states are kept in; computed with are floats in any case. */
enum xlstm_memory {
	XLSTM_FLOAT_MEMORY,
	/* bfloat16: half the memory and half the traffic. The last digit is rounded up or down at
	 * random, in proportion, so that what is too small for it still adds up; the same history
	 * gives the same bits. */
	XLSTM_BFLOAT16_MEMORY,
};

/*
 * Where a block has its projection. Before the memory, as the published mLSTM has it: the memory is
 * `inner` wide, between an up- and a down-projection, with a gate around it. Behind it, as the
 * published sLSTM has it: the memory sees the stream and the feed-forward part follows. An mLSTM
 * there is that of the later models ("large"): dense maps, keys narrower than values, a logistic
 * output gate.
 */
enum xlstm_arrangement {
	XLSTM_USUAL_ARRANGEMENT, /* as published */
	XLSTM_PRE_PROJECTION,
	XLSTM_POST_PROJECTION,
};

/* Of the mLSTM. */
enum xlstm_input_gate {
	XLSTM_EXPONENTIAL_GATE, /* as published */
	XLSTM_LOGISTIC_GATE, /* no stabiliser; the denominator is at least 1 */
};

/* What a series sees of its neighbours: xlstm/pool.h. */
enum xlstm_pool {
	XLSTM_NO_POOL, /* nothing */
	XLSTM_MEAN_POOL,
	XLSTM_INVERSE_POOL, /* mean weighted by inverse distance */
	XLSTM_ATTENTION_POOL,
};

struct xlstm_block_shape {
	enum xlstm_block_kind kind;
	uint32_t heads; /* divide the width of the memory, and keys */
	uint32_t taps; /* of the causal convolution; 0: none */
	/* Projection before the memory: width of the memory, for an mLSTM a multiple of 4. mLSTM with
	 * the projection behind: width of the values. */
	uint32_t inner;
	uint32_t feedforward; /* inner width of the gated feed-forward part; 0: none */
	enum xlstm_activation activation; /* in the feed-forward part */
	enum xlstm_arrangement arrangement;
	uint32_t keys; /* mLSTM with the projection behind: width of all queries, and of all keys */
	uint32_t gate_cap; /* mLSTM: c tanh(g / c) of input and forget gates; 0: as they are */
	enum xlstm_input_gate input_gate;
};

#define XLSTM_BLOCKS_MAX 64

struct xlstm_shape {
	uint32_t inputs; /* values per step; 0: no embedding, the step takes `width` values */
	uint32_t width; /* of the residual stream */
	uint32_t outputs; /* 0: no head, the step gives features only */
	uint32_t plain_end; /* 1: no norm after the last block */
	enum xlstm_norm norm;
	enum xlstm_memory memory;
	/* Width inside of a residual network y = W_o relu(W_h x + b_h) + b_o + W x + b in the place of
	 * the embedding and of the head; 0: the plain map W x + b. */
	uint32_t embed_hidden, head_hidden;
	uint32_t output_cap; /* c tanh(y / c) of the head's outputs; 0: as they are */
	enum xlstm_pool pool;
	uint32_t pool_keys; /* attention: width of queries and keys */
	uint32_t block_count;
	struct xlstm_block_shape blocks[XLSTM_BLOCKS_MAX];
};

/* The published block of each kind over a stream of this width: 4 taps, inner width 2*width and
 * feed-forward width 1.3*width, both rounded up to a multiple of 64. */
struct xlstm_block_shape xlstm_block_published(
	enum xlstm_block_kind kind, uint32_t width, uint32_t heads);

/* The block of the 7B language model: an mLSTM with the projection behind it, values as wide as the
 * stream, keys half of that, gates capped at 15, and a feed-forward part of 2.6667*width rounded to a
 * multiple of 64, gated with silu. Its models have XLSTM_RMS_NORM and an output cap of 30. */
struct xlstm_block_shape xlstm_block_large(uint32_t width, uint32_t heads);

/* 0, or the XLSTM_E_ code that names the first thing wrong. */
int xlstm_shape_check(const struct xlstm_shape *shape);

#endif
