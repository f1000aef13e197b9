/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_DIGEST_H
#define XLSTM_DIGEST_H

#include "layout.h"

/* FNV-1a, 64 bits: tells models and layouts apart, is no protection against forgery. */
static inline uint64_t digest_bytes(uint64_t digest, const void *bytes, size_t count) {
	const unsigned char *byte = bytes;
	for (size_t i = 0; i < count; i++)
		digest = (digest ^ byte[i]) * 0x100000001b3u;
	return digest;
}

static inline uint64_t digest_number(uint64_t digest, uint32_t number) {
	unsigned char bytes[4] = { (unsigned char)number, (unsigned char)(number >> 8),
		(unsigned char)(number >> 16), (unsigned char)(number >> 24) };
	return digest_bytes(digest, bytes, sizeof(bytes));
}

/* Of fields that came later: where they are zero, shapes from before keep their digest, and the
 * files that carry it stay good. `field` tells the fields apart. */
static inline uint64_t digest_later(uint64_t digest, uint32_t field, uint32_t number) {
	return number ? digest_number(digest_number(digest, field), number) : digest;
}

enum {
	LATER_NORM = 1,
	LATER_EMBED_HIDDEN,
	LATER_HEAD_HIDDEN,
	LATER_ACTIVATION,
	LATER_MEMORY,
	LATER_ARRANGEMENT,
	LATER_KEYS,
	LATER_GATE_CAP,
	LATER_INPUT_GATE,
	LATER_OUTPUT_CAP,
	LATER_POOL,
	LATER_POOL_KEYS
};

static inline uint64_t digest_shape(uint32_t version, const struct xlstm_shape *shape) {
	uint64_t digest = digest_number(0xcbf29ce484222325u, version);
	digest = digest_number(digest, shape->inputs);
	digest = digest_number(digest, shape->width);
	digest = digest_number(digest, shape->outputs);
	digest = digest_number(digest, shape->plain_end);
	digest = digest_later(digest, LATER_NORM, shape->norm);
	digest = digest_later(digest, LATER_EMBED_HIDDEN, shape->embed_hidden);
	digest = digest_later(digest, LATER_HEAD_HIDDEN, shape->head_hidden);
	digest = digest_later(digest, LATER_MEMORY, shape->memory);
	digest = digest_later(digest, LATER_OUTPUT_CAP, shape->output_cap);
	digest = digest_later(digest, LATER_POOL, shape->pool);
	digest = digest_later(digest, LATER_POOL_KEYS, shape->pool_keys);
	for (uint32_t i = 0; i < shape->block_count; i++) {
		const struct xlstm_block_shape *block = &shape->blocks[i];
		digest = digest_number(digest, block->kind);
		digest = digest_number(digest, block->heads);
		digest = digest_number(digest, block->taps);
		digest = digest_number(digest, block->inner);
		digest = digest_number(digest, block->feedforward);
		digest = digest_later(digest, LATER_ACTIVATION, block->activation);
		/* The usual arrangement is the same whether it is said or not. */
		bool usual = block_is_pre(block) == (block->kind == XLSTM_MLSTM);
		digest = digest_later(digest, LATER_ARRANGEMENT, usual ? 0 : block->arrangement);
		digest = digest_later(digest, LATER_KEYS, block->keys);
		digest = digest_later(digest, LATER_GATE_CAP, block->gate_cap);
		digest = digest_later(digest, LATER_INPUT_GATE, block->input_gate);
	}
	return digest;
}

#endif
