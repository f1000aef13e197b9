/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include "arena.h"
#include "digest.h"
#include "tile.h"

#include <errno.h>
#include <stdlib.h>

/* The meaning of a row's bytes for a given shape. Counts up when place_state() in layout.c does
 * anything differently. */
#define STATE_VERSION 1

static struct convolution pack_convolution(struct packer *packer,
	const struct xlstm_weights *weights, const struct block_layout *layout) {
	struct convolution convolution = { .channels = layout->channels, .taps = layout->taps };
	if (!layout->taps)
		return convolution;

	convolution.weight = pack_transposed(
		packer, block_tensor(weights, layout, T_CONV_W), layout->channels, layout->taps);
	convolution.bias = block_tensor(weights, layout, T_CONV_B);
	return convolution;
}

static struct slstm pack_slstm(struct packer *packer, const struct xlstm_weights *weights,
	const struct block_layout *layout) {
	size_t heads = layout->heads, units = layout->units;
	struct convolution none = { .taps = 0 };

	return (struct slstm){
		.norm = block_tensor(weights, layout, T_NORM),
		.head_norm = block_tensor(weights, layout, T_HEAD_NORM),
		.convolution = layout->pre ? none : pack_convolution(packer, weights, layout),
		.input_and_forget = pack_headwise(packer, block_tensor(weights, layout, T_W_I),
			block_tensor(weights, layout, T_W_F), heads, units),
		.candidate_and_output = pack_headwise(packer, block_tensor(weights, layout, T_W_Z),
			block_tensor(weights, layout, T_W_O), heads, units),
		.recurrent = pack_recurrent(
			packer, block_tensor(weights, layout, T_RECURRENT), 4, heads, units),
		.bias = block_tensor(weights, layout, T_BIAS),
	};
}

static struct mlstm pack_mlstm(struct packer *packer, const struct xlstm_weights *weights,
	const struct block_layout *layout) {
	size_t inner = layout->inner;

	return (struct mlstm){
		.gates = pack_stacked(packer, block_tensor(weights, layout, T_INPUT_GATE),
			block_tensor(weights, layout, T_FORGET_GATE), layout->heads, 3 * inner),
		.gate_bias = pack_joined(packer, block_tensor(weights, layout, T_INPUT_BIAS),
			block_tensor(weights, layout, T_FORGET_BIAS), layout->heads),
		.q = pack_transposed(packer, block_tensor(weights, layout, T_Q), inner, 4),
		.k = pack_transposed(packer, block_tensor(weights, layout, T_K), inner, 4),
		.v = pack_transposed(packer, block_tensor(weights, layout, T_V), inner, 4),
	};
}

static struct dense pack_dense_block(struct packer *packer, const struct xlstm_weights *weights,
	const struct block_layout *layout) {
	size_t width = layout->width, inner = layout->inner, heads = layout->heads;

	return (struct dense){
		.norm = block_tensor(weights, layout, T_NORM),
		.head_norm = pack_gains(packer, block_tensor(weights, layout, T_HEAD_NORM), inner),
		.convolution = pack_convolution(packer, weights, layout),
		.queries_and_keys = pack_stacked(packer, block_tensor(weights, layout, T_Q),
			block_tensor(weights, layout, T_K), layout->keys, width),
		.values_and_outputs = pack_stacked(packer, block_tensor(weights, layout, T_V),
			block_tensor(weights, layout, T_OUTPUT_GATE), inner, width),
		.gates = pack_stacked(packer, block_tensor(weights, layout, T_INPUT_GATE),
			block_tensor(weights, layout, T_FORGET_GATE), heads, width),
		.gate_bias = pack_joined(packer, block_tensor(weights, layout, T_INPUT_BIAS),
			block_tensor(weights, layout, T_FORGET_BIAS), heads),
		.down = pack_dense(packer, block_tensor(weights, layout, T_DOWN), width, inner),
	};
}

static struct preprojection pack_preprojection(struct packer *packer,
	const struct xlstm_weights *weights, const struct block_layout *layout) {
	size_t inner = layout->inner, width = layout->width;

	return (struct preprojection){
		.norm = block_tensor(weights, layout, T_NORM),
		.head_norm = block_tensor(weights, layout, T_HEAD_NORM),
		.skip = block_tensor(weights, layout, T_SKIP),
		.convolution = pack_convolution(packer, weights, layout),
		.up = pack_dense(packer, block_tensor(weights, layout, T_UP), 2 * inner, width),
		.down = pack_dense(packer, block_tensor(weights, layout, T_DOWN), width, inner),
	};
}

static struct feedforward pack_feedforward(struct packer *packer,
	const struct xlstm_weights *weights, const struct block_layout *layout) {
	size_t inner = layout->feedforward, width = weights->layout.shape.width;
	if (!inner)
		return (struct feedforward){ .inner = 0 };

	return (struct feedforward){
		.norm = block_tensor(weights, layout, T_FFN_NORM),
		.up = pack_dense(packer, block_tensor(weights, layout, T_FFN_UP), 2 * inner, width),
		.down = pack_dense(packer, block_tensor(weights, layout, T_FFN_DOWN), width, inner),
		.inner = inner,
		.activation = weights->layout.shape.blocks[layout->index].activation,
	};
}

/* first: of its tensors, the others follow in the order of enum tensor_id. */
static struct end pack_end(struct packer *packer, const struct xlstm_weights *weights,
	enum tensor_id first, size_t inputs, size_t hidden, size_t outputs) {
	const struct block_layout *ends = &weights->layout.ends;
	const float *tensors[6];
	for (size_t i = 0; i < 6; i++)
		tensors[i] = block_tensor(weights, ends, first + i);
	if (!inputs || !outputs)
		return (struct end){ .outputs = 0 };

	struct end end = {
		.first = first,
		.inputs = inputs,
		.hidden = hidden,
		.outputs = outputs,
		.map = pack_dense(packer, tensors[0], outputs, inputs),
		.bias = tensors[1],
	};
	if (hidden) {
		end.to_hidden = pack_dense(packer, tensors[2], hidden, inputs);
		end.hidden_bias = tensors[3];
		end.from_hidden = pack_dense(packer, tensors[4], outputs, hidden);
		end.bias = pack_sum(packer, tensors[1], tensors[5], outputs);
	}
	return end;
}

/* Query, keys and their distance: attention alone. */
static void pack_attention(
	struct pool *pool, struct packer *packer, const struct xlstm_weights *weights) {
	const struct block_layout *ends = &weights->layout.ends;
	size_t width = pool->width, keys = weights->layout.shape.pool_keys;
	const float *key = block_tensor(weights, ends, T_POOL_KEY);

	pool->keys = keys;
	pool->query = pack_dense(packer, block_tensor(weights, ends, T_POOL_QUERY), keys, width);
	pool->query_bias = block_tensor(weights, ends, T_POOL_QUERY_BIAS);
	pool->keys_turned = pack_transposed(packer, key, keys, width);
	/* While sizes are counted nothing is turned yet, and no value is read. */
	pool->look = pack_dense(packer, pool->keys_turned ? pool->keys_turned : key, width, keys);
	pool->distance = block_tensor(weights, ends, T_POOL_DISTANCE);
}

static struct pool pack_pool(struct packer *packer, const struct xlstm_weights *weights) {
	const struct block_layout *ends = &weights->layout.ends;
	size_t width = weights->layout.shape.width;
	struct pool pool = { .kind = weights->layout.shape.pool, .width = width };
	if (!pool.kind)
		return pool;
	if (pool.kind == XLSTM_ATTENTION_POOL)
		pack_attention(&pool, packer, weights);
	pool.gate = pack_dense(packer, block_tensor(weights, ends, T_POOL_GATE), width, 2 * width);
	pool.gate_bias = block_tensor(weights, ends, T_POOL_GATE_BIAS);
	pool.value = pack_dense(packer, block_tensor(weights, ends, T_POOL_VALUE), width, width);
	return pool;
}

static void pack_ends(struct xlstm_model *model, struct packer *packer) {
	const struct xlstm_weights *weights = model->weights;
	const struct xlstm_shape *shape = &weights->layout.shape;

	model->last_norm = block_tensor(weights, &weights->layout.ends, T_LAST_NORM);
	model->embed = pack_end(
		packer, weights, T_EMBED_W, shape->inputs, shape->embed_hidden, shape->width);
	model->head = pack_end(
		packer, weights, T_HEAD_W, shape->width, shape->head_hidden, shape->outputs);
	model->pool = pack_pool(packer, weights);
}

static void pack_model(struct xlstm_model *model, struct packer *packer) {
	const struct xlstm_weights *weights = model->weights;

	for (uint32_t i = 0; i < weights->layout.shape.block_count; i++) {
		const struct block_layout *layout = &weights->layout.blocks[i];
		struct block *block = &model->blocks[i];
		block->layout = layout;
		if (layout->pre)
			block->pre = pack_preprojection(packer, weights, layout);
		if (layout->kind == XLSTM_SLSTM)
			block->slstm = pack_slstm(packer, weights, layout);
		else if (layout->kind == XLSTM_MLSTM && layout->pre)
			block->mlstm = pack_mlstm(packer, weights, layout);
		else if (layout->kind == XLSTM_MLSTM)
			block->dense = pack_dense_block(packer, weights, layout);
		block->feedforward = pack_feedforward(packer, weights, layout);
	}
	pack_ends(model, packer);
}

static int prepare(struct xlstm_model *model) {
	struct packer packer = { 0 };
	pack_model(model, &packer);
	model->packed = arena_create(packer.float_count);
	model->panels = calloc(packer.panel_count + 1, sizeof(*model->panels));
	if (!model->packed || !model->panels)
		return -ENOMEM;

	packer = (struct packer){ .floats = model->packed, .panels = model->panels };
	pack_model(model, &packer);
	model->scratch_floats = tile_scratch(model_layout(model));
	return 0;
}

int xlstm_model_create(struct xlstm_model **ret_model, const struct xlstm_weights *weights) {
	struct xlstm_model *model = calloc(1, sizeof(*model));
	if (!model)
		return -ENOMEM;
	atomic_init(&model->count, 1);

	int r = weights_keep(&model->weights, weights);
	if (r < 0)
		goto fail;

	r = -ENOMEM;
	model->blocks = calloc(weights->layout.shape.block_count, sizeof(*model->blocks));
	if (!model->blocks)
		goto fail;

	r = prepare(model);
	if (r < 0)
		goto fail;

	*ret_model = model;
	return 0;

fail:
	xlstm_model_unref(model);
	return r;
}

struct xlstm_model *xlstm_model_ref(struct xlstm_model *model) {
	atomic_fetch_add_explicit(&model->count, 1, memory_order_relaxed);
	return model;
}

void xlstm_model_unref(struct xlstm_model *model) {
	if (!model || atomic_fetch_sub_explicit(&model->count, 1, memory_order_acq_rel) > 1)
		return;
	xlstm_weights_destroy(model->weights);
	free(model->blocks);
	free(model->packed);
	free(model->panels);
	free(model);
}

const struct xlstm_shape *xlstm_model_shape(const struct xlstm_model *model) {
	return &model_layout(model)->shape;
}

const struct xlstm_weights *xlstm_model_weights(const struct xlstm_model *model) {
	return model->weights;
}

size_t xlstm_state_size(const struct xlstm_model *model) {
	return model_layout(model)->state_floats * sizeof(float);
}

uint64_t xlstm_state_layout(const struct xlstm_model *model) {
	return digest_shape(STATE_VERSION, &model_layout(model)->shape);
}

uint64_t xlstm_model_identity(const struct xlstm_model *model) {
	return xlstm_weights_identity(model->weights);
}
