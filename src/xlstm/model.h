/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_MODEL_PRIVATE_H
#define XLSTM_MODEL_PRIVATE_H

#include "pack.h"
#include "weights.h"
#include "xlstm/model.h"

#include <stdatomic.h>

/* A block's weights as the kernels want them. Pointers to what needs no rearrangement lead into
 * the weights themselves. */
struct feedforward {
	const float *norm; /* [width] */
	struct panels up, down;
	size_t inner;
	enum xlstm_activation activation;
};

/* The map in front of the blocks or behind them: W x + b, and, where there is a hidden layer,
 * W_o relu(W_h x + b_h) + b_o added to it. */
struct end {
	enum tensor_id first; /* of its tensors: T_EMBED_W or T_HEAD_W */
	size_t inputs, hidden,
		outputs; /* outputs 0: there is no such map; hidden 0: no hidden layer */
	struct panels map, to_hidden, from_hidden;
	const float *bias; /* [outputs] b, with b_o where there is a hidden layer */
	const float *hidden_bias;
};

struct convolution {
	size_t channels, taps; /* taps 0: none */
	const float *weight; /* [taps, channels] */
	const float *bias;
};

struct slstm {
	const float *norm, *head_norm; /* these and convolution: where not layout->pre */
	struct convolution convolution;
	struct panels input_and_forget; /* [2 channels] of the convolved input */
	struct panels candidate_and_output; /* [2 channels] of the input */
	struct panels recurrent; /* [4 channels] of the last hidden values */
	const float *bias; /* [4 channels] */
};

struct mlstm {
	struct panels gates; /* [2 heads]: input gates, forget gates; of q, k, v */
	const float *gate_bias; /* [2 heads] */
	const float *q, *k, *v; /* [4, inner] */
};

/* An mLSTM with the projection behind it. */
struct dense {
	const float *norm, *head_norm; /* gains of the heads as their distance from one */
	struct convolution convolution;
	struct panels queries_and_keys, values_and_outputs; /* [2 keys], [2 inner] */
	struct panels gates; /* [2 heads]: input gates, forget gates */
	const float *gate_bias; /* [2 heads] */
	struct panels down;
};

/* Around a memory that has its projection before it. */
struct preprojection {
	const float *norm, *head_norm, *skip;
	struct convolution convolution;
	struct panels up, down;
};

struct block {
	const struct block_layout *layout;
	struct preprojection pre; /* where layout->pre */
	union {
		struct slstm slstm;
		struct mlstm mlstm; /* where layout->pre */
		struct dense dense;
	};
	struct feedforward feedforward; /* inner 0: none */
};

/* How neighbours enter. */
struct pool {
	enum xlstm_pool kind;
	size_t width, keys;
	struct panels query; /* [keys] of the own hidden vector */
	const float *query_bias;
	struct panels
		look; /* [width] of the query: what a neighbour's hidden vector is held against */
	const float *keys_turned; /* [width, keys] */
	const float *distance; /* [1] */
	struct panels gate; /* [width] of own and pooled */
	const float *gate_bias;
	struct panels value; /* [width] of pooled */
};

struct xlstm_model {
	atomic_uint count;
	struct xlstm_weights *weights;
	struct block *blocks;
	struct end embed, head;
	struct pool pool;
	const float *last_norm;
	float *packed;
	struct panel *panels;
	size_t scratch_floats; /* of a workspace */
};

static inline const struct layout *model_layout(const struct xlstm_model *model) {
	return &model->weights->layout;
}

#endif
