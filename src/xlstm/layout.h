/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_LAYOUT_H
#define XLSTM_LAYOUT_H

#include "xlstm/shape.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Where everything lies: the tensors in an arena of weights (and, at the same offsets, in arenas
 * of gradients and optimiser moments) and the fields in a row of state. All of it follows from one
 * table in layout.c and the shape.
 */

/* Floats in a cache line of 64 bytes: the blocks of a row and the tensors of whole lines start on
 * one. */
#define LINE_FLOATS 16
#define ABSENT      SIZE_MAX

enum tensor_id {
	T_NORM,
	T_CONV_W,
	T_CONV_B,
	/* mLSTM; E is the inner width */
	T_UP, /* [2E, width]: cell branch, then output gate */
	T_Q,
	T_K,
	T_V, /* [E/4, 4, 4]: block, output, input; dense [keys, width], [E, width] */
	T_INPUT_GATE, /* [heads, 3E], columns q, k, v; dense [heads, width] */
	T_INPUT_BIAS, /* [heads] */
	T_FORGET_GATE,
	T_FORGET_BIAS,
	T_OUTPUT_GATE, /* [E, width] */
	T_SKIP, /* [E] */
	T_DOWN, /* [width, E] */
	/* sLSTM */
	T_W_I,
	T_W_F,
	T_W_Z,
	T_W_O, /* [heads, units, units]: head, output, input */
	T_RECURRENT, /* [heads, 4 * units, units]: head, gate and output, input */
	T_BIAS, /* [4, heads, units] */
	T_HEAD_NORM, /* [E] or [width] */
	T_FFN_NORM,
	T_FFN_UP, /* [2 * feedforward, width]: through the nonlinearity, then the factor */
	T_FFN_DOWN, /* [width, feedforward] */
	/* around the blocks */
	T_LAST_NORM,
	T_EMBED_W,
	T_EMBED_B,
	T_EMBED_HIDDEN_W, /* [hidden, inputs] */
	T_EMBED_HIDDEN_B,
	T_EMBED_OUTPUT_W, /* [width, hidden] */
	T_EMBED_OUTPUT_B,
	T_HEAD_W, /* the six in the same order as those of the embedding */
	T_HEAD_B,
	T_HEAD_HIDDEN_W,
	T_HEAD_HIDDEN_B,
	T_HEAD_OUTPUT_W,
	T_HEAD_OUTPUT_B,
	/* neighbours */
	T_POOL_QUERY, /* [keys, width] */
	T_POOL_QUERY_BIAS,
	T_POOL_KEY, /* [keys, width] */
	T_POOL_DISTANCE, /* [1] beta */
	T_POOL_GATE, /* [width, 2 width], columns own, pooled */
	T_POOL_GATE_BIAS,
	T_POOL_VALUE, /* [width, width] */
	TENSOR_IDS,
};

/* How a tensor starts: section 8 of docs/model.md. */
enum start {
	START_ZERO,
	START_ONE,
	START_GAIN, /* one, as the norm of the shape stores it */
	START_SMALL, /* normal, sd sqrt(2 / (5 width)) */
	START_WANG, /* normal, sd 2 / (blocks sqrt(width)) */
	START_UNIFORM, /* within 1 / sqrt(taps) */
	START_INPUT_BIAS, /* normal, sd 0.1 */
	START_CLOSED, /* -10 */
	START_FORGET_BIAS, /* 3 to 6 over the heads */
	START_SLSTM_BIAS, /* forget gates from 5 down to -7 over the units of a head */
};

/* Field offsets in floats from the start of the block's part of a row; ABSENT where the kind has
 * none. `window` holds the last taps - 1 inputs of the convolution, oldest first; empty without
 * a convolution. */
struct state_fields {
	size_t matrix; /* [heads, key_units, units], floats or bfloat16 */
	size_t hidden, cell; /* [heads * units] */
	size_t normaliser; /* [heads * key_units] */
	size_t stabiliser; /* [heads] (mLSTM), [heads * units] (sLSTM) */
	size_t window; /* [taps - 1, channels] */
};

struct block_layout {
	enum xlstm_block_kind kind; /* 0 for the parts around the blocks */
	uint32_t index;
	size_t width; /* of the stream */
	bool pre; /* the projection is before the memory */
	size_t heads, units, key_units; /* width of a head, and of its keys */
	bool half; /* matrices are kept in bfloat16 */
	bool logistic; /* input gate */
	uint32_t gate_cap;
	size_t inner, keys, taps, feedforward;
	size_t channels; /* of the convolution, and of an sLSTM's memory */
	size_t tensors[TENSOR_IDS]; /* offsets in an arena, in floats; ABSENT where there is none */
	size_t state_at, state_floats; /* of the block in a row */
	struct state_fields state;
};

#define TENSOR_NAME_MAX 56

struct tensor_layout {
	char name[TENSOR_NAME_MAX];
	enum tensor_id id;
	uint32_t dims[3], dimension_count;
	size_t offset, count; /* in an arena, in floats */
	const struct block_layout *block;
	enum start start;
	bool decays;
};

struct layout {
	struct xlstm_shape shape;
	struct block_layout blocks[XLSTM_BLOCKS_MAX];
	struct block_layout ends; /* embedding, last norm and head */
	struct tensor_layout *tensors;
	size_t tensor_count;
	size_t weight_floats; /* of an arena; the tensors fill it without holes */
	size_t state_floats; /* of a row */
	size_t hidden_at,
		fresh_at; /* in a row, [width]: as committed, and as of the last step; ABSENT
				     * without pooling */
};

/* Whether a block has its projection before its memory. */
static inline bool block_is_pre(const struct xlstm_block_shape *block) {
	if (block->arrangement == XLSTM_USUAL_ARRANGEMENT)
		return block->kind == XLSTM_MLSTM;
	return block->arrangement == XLSTM_PRE_PROJECTION;
}

/* shape must have passed xlstm_shape_check(). -ENOMEM. */
int layout_init(struct layout *layout, const struct xlstm_shape *shape);
void layout_finish(struct layout *layout);

/* NULL where there is none of this name. */
const struct tensor_layout *layout_find(const struct layout *layout, const char *name);

static inline size_t round_up_to_line(size_t floats) {
	return (floats + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

#endif
