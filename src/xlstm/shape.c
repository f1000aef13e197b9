/* SPDX-License-Identifier: Apache-2.0 */
#include "xlstm/shape.h"
#include "layout.h"
#include "xlstm/error.h"

/* Bounds that keep every size computed from a shape far inside 64 bits, and a hostile file from
 * asking for more than a few gigabytes. */
enum {
	WIDTH_MAX = 8192,
	INNER_MAX = 16384,
	FEEDFORWARD_MAX = 32768,
	PROJECTION_MAX = 65536,
	TAPS_MAX = 16,
	QKV_BLOCK = 4,
};

static uint32_t round_up_to_64(double value) {
	uint32_t whole = (uint32_t)value;
	if (whole < value)
		whole++;
	return (whole + 63) / 64 * 64;
}

struct xlstm_block_shape xlstm_block_published(
	enum xlstm_block_kind kind, uint32_t width, uint32_t heads) {
	struct xlstm_block_shape block = { .kind = kind };

	if (kind != XLSTM_FEEDFORWARD) {
		block.heads = heads;
		block.taps = 4;
	}
	if (kind == XLSTM_MLSTM)
		block.inner = round_up_to_64(2.0 * width);
	else
		block.feedforward = round_up_to_64(1.3 * width);
	return block;
}

struct xlstm_block_shape xlstm_block_large(uint32_t width, uint32_t heads) {
	return (struct xlstm_block_shape){
		.kind = XLSTM_MLSTM,
		.heads = heads,
		.inner = width,
		.feedforward = (uint32_t)(2.6667 * width + 63) / 64 * 64,
		.activation = XLSTM_SILU,
		.arrangement = XLSTM_POST_PROJECTION,
		.keys = width / 2,
		.gate_cap = 15,
	};
}

static int memory_check(const struct xlstm_block_shape *block, uint32_t shared_width) {
	if (!block->heads || shared_width % block->heads)
		return XLSTM_E_HEADS;
	if (block->taps > TAPS_MAX)
		return XLSTM_E_TAPS;
	return 0;
}

/* The maps around the blocks. */
static int ends_check(const struct xlstm_shape *shape) {
	if (shape->inputs > PROJECTION_MAX || shape->outputs > PROJECTION_MAX ||
		shape->embed_hidden > PROJECTION_MAX || shape->head_hidden > PROJECTION_MAX)
		return XLSTM_E_PROJECTION;
	if ((shape->embed_hidden && !shape->inputs) || (shape->head_hidden && !shape->outputs) ||
		(shape->output_cap && !shape->outputs))
		return XLSTM_E_UNUSED;
	return 0;
}

static int pool_check(const struct xlstm_shape *shape) {
	if (shape->pool > XLSTM_ATTENTION_POOL || shape->pool_keys > WIDTH_MAX)
		return XLSTM_E_POOL;
	if (shape->pool == XLSTM_ATTENTION_POOL)
		return shape->pool_keys ? 0 : XLSTM_E_POOL;
	return shape->pool_keys ? XLSTM_E_UNUSED : 0;
}

static int slstm_check(const struct xlstm_block_shape *block, uint32_t width) {
	bool pre = block_is_pre(block);
	if ((!pre && block->inner) || block->keys || block->gate_cap || block->input_gate)
		return XLSTM_E_UNUSED;
	if (pre && (!block->inner || block->inner > INNER_MAX))
		return XLSTM_E_INNER;
	return memory_check(block, pre ? block->inner : width);
}

static int mlstm_check(const struct xlstm_block_shape *block) {
	bool pre = block_is_pre(block);
	if (pre && block->keys)
		return XLSTM_E_UNUSED;
	if (!block->inner || (pre && block->inner % QKV_BLOCK) || block->inner > INNER_MAX)
		return XLSTM_E_INNER;
	int r = memory_check(block, block->inner);
	if (r < 0)
		return r;
	if (!pre && (!block->keys || block->keys > INNER_MAX || block->keys % block->heads))
		return XLSTM_E_KEYS;
	return 0;
}

static int block_check(const struct xlstm_block_shape *block, uint32_t width) {
	if (block->feedforward > FEEDFORWARD_MAX)
		return XLSTM_E_FEEDFORWARD;
	if (block->activation > XLSTM_SILU)
		return XLSTM_E_ACTIVATION;
	if (block->activation && !block->feedforward)
		return XLSTM_E_UNUSED;

	if (block->arrangement > XLSTM_POST_PROJECTION)
		return XLSTM_E_ARRANGEMENT;
	if (block->input_gate > XLSTM_LOGISTIC_GATE)
		return XLSTM_E_INPUT_GATE;

	switch (block->kind) {
	case XLSTM_SLSTM: return slstm_check(block, width);
	case XLSTM_MLSTM: return mlstm_check(block);
	case XLSTM_FEEDFORWARD:
		if (block->heads || block->taps || block->inner || block->keys ||
			block->arrangement || block->gate_cap || block->input_gate)
			return XLSTM_E_UNUSED;
		return block->feedforward ? 0 : XLSTM_E_FEEDFORWARD;
	}
	return XLSTM_E_KIND;
}

int xlstm_shape_check(const struct xlstm_shape *shape) {
	if (!shape->block_count || shape->block_count > XLSTM_BLOCKS_MAX)
		return XLSTM_E_BLOCKS;
	if (!shape->width || shape->width > WIDTH_MAX)
		return XLSTM_E_WIDTH;
	if (shape->memory > XLSTM_BFLOAT16_MEMORY)
		return XLSTM_E_MEMORY;
	if (shape->norm > XLSTM_RMS_NORM)
		return XLSTM_E_NORM;
	int r = ends_check(shape);
	if (r == 0)
		r = pool_check(shape);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < shape->block_count; i++) {
		r = block_check(&shape->blocks[i], shape->width);
		if (r < 0)
			return r;
	}
	return 0;
}
