/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Symbolic sizes. Each is zero in a block that has no tensor of this size, and a tensor with a zero
 * size does not exist. */
enum dim {
	DIM_END, /* no further dimension */
	DIM_ONE,
	DIM_FOUR,
	DIM_WIDTH, /* in every block with a memory */
	DIM_CHANNELS, /* of the convolution */
	DIM_TAPS,
	/* projection before the memory */
	DIM_PRE_WIDTH,
	DIM_INNER,
	DIM_TWO_INNER,
	/* mLSTM there */
	DIM_M_INNER,
	DIM_THREE_INNER,
	DIM_QKV_BLOCKS,
	DIM_M_HEADS,
	/* mLSTM with the projection behind */
	DIM_DENSE_WIDTH,
	DIM_DENSE_INNER,
	DIM_DENSE_KEYS,
	DIM_DENSE_HEADS,
	/* sLSTM */
	DIM_S_HEADS,
	DIM_S_WIDTH,
	DIM_FOUR_WIDTH,
	DIM_UNITS,
	DIM_FOUR_UNITS,
	/* feed-forward */
	DIM_FFN_WIDTH,
	DIM_FFN,
	DIM_TWO_FFN,
	/* ends */
	DIM_END_WIDTH,
	DIM_NORM_WIDTH,
	DIM_INPUTS,
	DIM_EMBED_WIDTH,
	DIM_EMBED_HIDDEN,
	DIM_EMBED_OUTPUT, /* width behind a hidden layer */
	DIM_OUTPUTS,
	DIM_HEAD_HIDDEN,
	DIM_HEAD_OUTPUT, /* outputs behind a hidden layer */
	/* neighbours */
	DIM_POOL_WIDTH,
	DIM_TWO_POOL_WIDTH,
	DIM_POOL_KEYS,
	DIM_POOL_ATTENTION, /* one, where there is attention */
	DIM_COUNT,
};

struct tensor_row {
	const char *name;
	enum tensor_id id;
	enum dim dims[3];
	enum start start;
	bool decays;
};

/* The one list of tensors. Decay as published: names with "weight" and without "norm". */
/* clang-format off */
static const struct tensor_row tensor_rows[] = {
	{ "xlstm_norm.weight", T_NORM, { DIM_WIDTH }, START_GAIN, false },
	{ "xlstm.conv1d.conv.weight", T_CONV_W, { DIM_CHANNELS, DIM_ONE, DIM_TAPS },
		START_UNIFORM, true },
	{ "xlstm.conv1d.conv.bias", T_CONV_B, { DIM_CHANNELS }, START_UNIFORM, false },

	{ "xlstm.proj_up.weight", T_UP, { DIM_TWO_INNER, DIM_WIDTH }, START_SMALL, true },
	{ "xlstm.q_proj.weight", T_Q, { DIM_QKV_BLOCKS, DIM_FOUR, DIM_FOUR }, START_SMALL, true },
	{ "xlstm.k_proj.weight", T_K, { DIM_QKV_BLOCKS, DIM_FOUR, DIM_FOUR }, START_SMALL, true },
	{ "xlstm.v_proj.weight", T_V, { DIM_QKV_BLOCKS, DIM_FOUR, DIM_FOUR }, START_SMALL, true },
	{ "xlstm.mlstm_cell.igate.weight", T_INPUT_GATE, { DIM_M_HEADS, DIM_THREE_INNER },
		START_ZERO, true },
	{ "xlstm.mlstm_cell.igate.bias", T_INPUT_BIAS, { DIM_M_HEADS }, START_INPUT_BIAS, false },
	{ "xlstm.mlstm_cell.fgate.weight", T_FORGET_GATE, { DIM_M_HEADS, DIM_THREE_INNER },
		START_ZERO, true },
	{ "xlstm.mlstm_cell.fgate.bias", T_FORGET_BIAS, { DIM_M_HEADS }, START_FORGET_BIAS, false },
	{ "xlstm.mlstm_cell.outnorm.weight", T_HEAD_NORM, { DIM_M_INNER }, START_ZERO, false },
	{ "xlstm.learnable_skip", T_SKIP, { DIM_INNER }, START_ONE, false },
	{ "xlstm.proj_down.weight", T_DOWN, { DIM_PRE_WIDTH, DIM_INNER }, START_WANG, true },

	{ "mlstm_layer.q.weight", T_Q, { DIM_DENSE_KEYS, DIM_DENSE_WIDTH }, START_SMALL, true },
	{ "mlstm_layer.k.weight", T_K, { DIM_DENSE_KEYS, DIM_DENSE_WIDTH }, START_SMALL, true },
	{ "mlstm_layer.v.weight", T_V, { DIM_DENSE_INNER, DIM_DENSE_WIDTH }, START_SMALL, true },
	{ "mlstm_layer.ogate_preact.weight", T_OUTPUT_GATE, { DIM_DENSE_INNER, DIM_DENSE_WIDTH },
		START_SMALL, true },
	{ "mlstm_layer.igate_preact.weight", T_INPUT_GATE, { DIM_DENSE_HEADS, DIM_DENSE_WIDTH },
		START_ZERO, true },
	{ "mlstm_layer.igate_preact.bias", T_INPUT_BIAS, { DIM_DENSE_HEADS }, START_CLOSED, false },
	{ "mlstm_layer.fgate_preact.weight", T_FORGET_GATE, { DIM_DENSE_HEADS, DIM_DENSE_WIDTH },
		START_ZERO, true },
	{ "mlstm_layer.fgate_preact.bias", T_FORGET_BIAS, { DIM_DENSE_HEADS }, START_FORGET_BIAS,
		false },
	{ "mlstm_layer.multihead_norm.weight", T_HEAD_NORM, { DIM_DENSE_INNER }, START_ONE, false },
	{ "mlstm_layer.out_proj.weight", T_DOWN, { DIM_DENSE_WIDTH, DIM_DENSE_INNER }, START_WANG,
		true },

	/* The published member `fgate` makes the input gate and `igate` the forget gate. */
	{ "xlstm.fgate.weight", T_W_I, { DIM_S_HEADS, DIM_UNITS, DIM_UNITS }, START_SMALL, true },
	{ "xlstm.igate.weight", T_W_F, { DIM_S_HEADS, DIM_UNITS, DIM_UNITS }, START_SMALL, true },
	{ "xlstm.zgate.weight", T_W_Z, { DIM_S_HEADS, DIM_UNITS, DIM_UNITS }, START_SMALL, true },
	{ "xlstm.ogate.weight", T_W_O, { DIM_S_HEADS, DIM_UNITS, DIM_UNITS }, START_SMALL, true },
	{ "xlstm.slstm_cell._recurrent_kernel_", T_RECURRENT, { DIM_S_HEADS, DIM_FOUR_UNITS, DIM_UNITS },
		START_ZERO, false },
	{ "xlstm.slstm_cell._bias_", T_BIAS, { DIM_FOUR_WIDTH }, START_SLSTM_BIAS, false },
	{ "xlstm.group_norm.weight", T_HEAD_NORM, { DIM_S_WIDTH }, START_ZERO, false },

	{ "ffn_norm.weight", T_FFN_NORM, { DIM_FFN_WIDTH }, START_GAIN, false },
	{ "ffn.proj_up.weight", T_FFN_UP, { DIM_TWO_FFN, DIM_FFN_WIDTH }, START_SMALL, true },
	{ "ffn.proj_down.weight", T_FFN_DOWN, { DIM_FFN_WIDTH, DIM_FFN }, START_WANG, true },

	{ "post_blocks_norm.weight", T_LAST_NORM, { DIM_NORM_WIDTH }, START_GAIN, false },
	{ "embed.weight", T_EMBED_W, { DIM_END_WIDTH, DIM_INPUTS }, START_SMALL, true },
	{ "embed.bias", T_EMBED_B, { DIM_EMBED_WIDTH }, START_ZERO, false },
	{ "embed.hidden.weight", T_EMBED_HIDDEN_W, { DIM_EMBED_HIDDEN, DIM_INPUTS },
		START_SMALL, true },
	{ "embed.hidden.bias", T_EMBED_HIDDEN_B, { DIM_EMBED_HIDDEN }, START_ZERO, false },
	{ "embed.output.weight", T_EMBED_OUTPUT_W, { DIM_END_WIDTH, DIM_EMBED_HIDDEN },
		START_SMALL, true },
	{ "embed.output.bias", T_EMBED_OUTPUT_B, { DIM_EMBED_OUTPUT }, START_ZERO, false },
	{ "head.weight", T_HEAD_W, { DIM_OUTPUTS, DIM_END_WIDTH }, START_ZERO, true },
	{ "head.bias", T_HEAD_B, { DIM_OUTPUTS }, START_ZERO, false },
	{ "head.hidden.weight", T_HEAD_HIDDEN_W, { DIM_HEAD_HIDDEN, DIM_END_WIDTH },
		START_SMALL, true },
	{ "head.hidden.bias", T_HEAD_HIDDEN_B, { DIM_HEAD_HIDDEN }, START_ZERO, false },
	{ "head.output.weight", T_HEAD_OUTPUT_W, { DIM_OUTPUTS, DIM_HEAD_HIDDEN },
		START_ZERO, true },
	{ "head.output.bias", T_HEAD_OUTPUT_B, { DIM_HEAD_OUTPUT }, START_ZERO, false },

	{ "pool.query.weight", T_POOL_QUERY, { DIM_POOL_KEYS, DIM_POOL_WIDTH }, START_SMALL, true },
	{ "pool.query.bias", T_POOL_QUERY_BIAS, { DIM_POOL_KEYS }, START_ZERO, false },
	{ "pool.key.weight", T_POOL_KEY, { DIM_POOL_KEYS, DIM_POOL_WIDTH }, START_SMALL, true },
	{ "pool.distance", T_POOL_DISTANCE, { DIM_POOL_ATTENTION }, START_ONE, false },
	{ "pool.gate.weight", T_POOL_GATE, { DIM_POOL_WIDTH, DIM_TWO_POOL_WIDTH }, START_ZERO, true },
	{ "pool.gate.bias", T_POOL_GATE_BIAS, { DIM_POOL_WIDTH }, START_ZERO, false },
	{ "pool.value.weight", T_POOL_VALUE, { DIM_POOL_WIDTH, DIM_POOL_WIDTH }, START_ZERO, true },
};
/* clang-format on */

#define TENSOR_ROWS (sizeof(tensor_rows) / sizeof(tensor_rows[0]))

static void resolve_dims(
	size_t dims[DIM_COUNT], const struct block_layout *block, const struct xlstm_shape *shape) {
	size_t width = shape->width;

	memset(dims, 0, DIM_COUNT * sizeof(dims[0]));
	dims[DIM_ONE] = 1;
	dims[DIM_FOUR] = 4;
	if (block->taps) {
		dims[DIM_CHANNELS] = block->channels;
		dims[DIM_TAPS] = block->taps;
	}
	if (block->heads)
		dims[DIM_WIDTH] = width;
	if (block->pre) {
		dims[DIM_PRE_WIDTH] = width;
		dims[DIM_INNER] = block->inner;
		dims[DIM_TWO_INNER] = 2 * block->inner;
	}
	if (block->kind == XLSTM_MLSTM && block->pre) {
		dims[DIM_M_INNER] = block->inner;
		dims[DIM_THREE_INNER] = 3 * block->inner;
		dims[DIM_QKV_BLOCKS] = block->inner / 4;
		dims[DIM_M_HEADS] = block->heads;
	}
	if (block->kind == XLSTM_MLSTM && !block->pre) {
		dims[DIM_DENSE_WIDTH] = width;
		dims[DIM_DENSE_INNER] = block->inner;
		dims[DIM_DENSE_KEYS] = block->keys;
		dims[DIM_DENSE_HEADS] = block->heads;
	}
	if (block->kind == XLSTM_SLSTM) {
		dims[DIM_S_WIDTH] = block->channels;
		dims[DIM_FOUR_WIDTH] = 4 * block->channels;
		dims[DIM_S_HEADS] = block->heads;
		dims[DIM_UNITS] = block->units;
		dims[DIM_FOUR_UNITS] = 4 * block->units;
	}
	if (block->feedforward) {
		dims[DIM_FFN_WIDTH] = width;
		dims[DIM_FFN] = block->feedforward;
		dims[DIM_TWO_FFN] = 2 * block->feedforward;
	}
	if (!block->kind) {
		dims[DIM_END_WIDTH] = width;
		dims[DIM_NORM_WIDTH] = shape->plain_end ? 0 : width;
		dims[DIM_INPUTS] = shape->inputs;
		dims[DIM_EMBED_WIDTH] = shape->inputs ? width : 0;
		dims[DIM_EMBED_HIDDEN] = shape->embed_hidden;
		dims[DIM_EMBED_OUTPUT] = shape->embed_hidden ? width : 0;
		dims[DIM_OUTPUTS] = shape->outputs;
		dims[DIM_HEAD_HIDDEN] = shape->head_hidden;
		dims[DIM_HEAD_OUTPUT] = shape->head_hidden ? shape->outputs : 0;
	}
	if (!block->kind && shape->pool) {
		dims[DIM_POOL_WIDTH] = width;
		dims[DIM_TWO_POOL_WIDTH] = 2 * width;
		dims[DIM_POOL_KEYS] = shape->pool_keys;
		dims[DIM_POOL_ATTENTION] = shape->pool == XLSTM_ATTENTION_POOL;
	}
}

/* False where the block has no such tensor. */
static bool tensor_resolve(
	struct tensor_layout *tensor, const struct tensor_row *row, const size_t dims[DIM_COUNT]) {
	tensor->count = 1;
	tensor->dimension_count = 0;
	for (size_t i = 0; i < 3; i++) {
		bool used = row->dims[i] != DIM_END;
		tensor->dims[i] = used ? (uint32_t)dims[row->dims[i]] : 1;
		tensor->count *= tensor->dims[i];
		tensor->dimension_count += used;
	}
	tensor->id = row->id;
	tensor->start = row->start;
	tensor->decays = row->decays;
	return tensor->count > 0;
}

static void tensor_name(struct tensor_layout *tensor, const struct tensor_row *row,
	const struct block_layout *block) {
	if (block->kind)
		snprintf(tensor->name, sizeof(tensor->name), "blocks.%u.%s", block->index,
			row->name);
	else
		snprintf(tensor->name, sizeof(tensor->name), "%s", row->name);
}

static void list_tensors(struct layout *layout, struct block_layout *block) {
	size_t dims[DIM_COUNT];
	resolve_dims(dims, block, &layout->shape);

	for (size_t i = 0; i < TENSOR_IDS; i++)
		block->tensors[i] = ABSENT;
	for (size_t i = 0; i < TENSOR_ROWS; i++) {
		struct tensor_layout *tensor = &layout->tensors[layout->tensor_count];
		if (!tensor_resolve(tensor, &tensor_rows[i], dims))
			continue;
		tensor_name(tensor, &tensor_rows[i], block);
		tensor->block = block;
		layout->tensor_count++;
	}
}

/* Without holes, because an arena is also the data of a file, byte for byte. Tensors of whole lines
 * come first, so that each of these starts on a line. */
static void place_in_arena(struct layout *layout, bool whole_lines) {
	for (size_t i = 0; i < layout->tensor_count; i++) {
		struct tensor_layout *tensor = &layout->tensors[i];
		const struct block_layout *in = tensor->block;
		struct block_layout *block = in->kind ? &layout->blocks[in->index] : &layout->ends;
		if ((tensor->count % LINE_FLOATS == 0) != whole_lines)
			continue;
		tensor->offset = layout->weight_floats;
		block->tensors[tensor->id] = tensor->offset;
		layout->weight_floats += tensor->count;
	}
}

static size_t take(size_t *at, size_t floats) {
	size_t start = *at;
	*at += floats;
	return start;
}

/* Room for the matrices, in floats. */
static size_t memory_floats(const struct layout *layout, const struct block_layout *block) {
	size_t values = block->heads * block->key_units * block->units;
	return layout->shape.memory == XLSTM_BFLOAT16_MEMORY ? (values + 1) / 2 : values;
}

/* Large fields first, so that they start on a cache line where the row does. */
static void place_state(struct layout *layout, struct block_layout *block) {
	struct state_fields *state = &block->state;
	size_t end = 0;

	*state = (struct state_fields){ ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT };
	if (block->kind == XLSTM_MLSTM)
		state->matrix = take(&end, memory_floats(layout, block));
	if (block->kind == XLSTM_SLSTM) {
		state->hidden = take(&end, block->channels);
		state->cell = take(&end, block->channels);
	}
	if (block->heads)
		state->normaliser = take(&end, block->heads * block->key_units);
	state->window = take(&end, block->taps ? (block->taps - 1) * block->channels : 0);
	if (block->heads)
		state->stabiliser =
			take(&end, block->kind == XLSTM_MLSTM ? block->heads : block->channels);
	block->state_at = layout->state_floats;
	block->state_floats = round_up_to_line(end);
	layout->state_floats += block->state_floats;
}

/* Behind the blocks' parts. */
static void place_hidden(struct layout *layout) {
	size_t floats = round_up_to_line(layout->shape.width);
	layout->hidden_at = layout->fresh_at = ABSENT;
	if (!layout->shape.pool)
		return;
	layout->hidden_at = take(&layout->state_floats, floats);
	layout->fresh_at = take(&layout->state_floats, floats);
}

static void describe_block(
	struct block_layout *block, const struct xlstm_shape *stack, uint32_t index) {
	const struct xlstm_block_shape *shape = &stack->blocks[index];
	block->kind = shape->kind;
	block->width = stack->width;
	block->half = stack->memory == XLSTM_BFLOAT16_MEMORY;
	block->index = index;
	block->heads = shape->heads;
	block->inner = shape->inner;
	block->taps = shape->taps;
	block->feedforward = shape->feedforward;
	block->pre = block_is_pre(shape);
	block->logistic = shape->input_gate == XLSTM_LOGISTIC_GATE;
	block->gate_cap = shape->gate_cap;
	block->channels = block->pre ? shape->inner : stack->width;
	size_t memory = shape->inner ? shape->inner : stack->width;
	block->keys = shape->keys ? shape->keys : memory;
	block->units = shape->heads ? memory / shape->heads : 0;
	block->key_units = shape->heads ? block->keys / shape->heads : 0;
}

int layout_init(struct layout *layout, const struct xlstm_shape *shape) {
	memset(layout, 0, sizeof(*layout));
	layout->shape = *shape;
	layout->tensors = calloc((shape->block_count + 1) * TENSOR_ROWS, sizeof(*layout->tensors));
	if (!layout->tensors)
		return -ENOMEM;

	for (uint32_t i = 0; i < shape->block_count; i++) {
		describe_block(&layout->blocks[i], shape, i);
		list_tensors(layout, &layout->blocks[i]);
		place_state(layout, &layout->blocks[i]);
	}
	place_hidden(layout);
	list_tensors(layout, &layout->ends);
	place_in_arena(layout, true);
	place_in_arena(layout, false);
	return 0;
}

void layout_finish(struct layout *layout) {
	free(layout->tensors);
}

const struct tensor_layout *layout_find(const struct layout *layout, const char *name) {
	for (size_t i = 0; i < layout->tensor_count; i++)
		if (!strcmp(layout->tensors[i].name, name))
			return &layout->tensors[i];
	return NULL;
}
