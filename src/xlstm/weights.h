/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_WEIGHTS_PRIVATE_H
#define XLSTM_WEIGHTS_PRIVATE_H

#include "layout.h"
#include "xlstm/weights.h"

struct xlstm_weights {
	struct layout layout;
	float *values; /* [layout.weight_floats], from a cache line on */
};

/* The tensor of a block, NULL where it has none. */
static inline const float *block_tensor(
	const struct xlstm_weights *weights, const struct block_layout *block, enum tensor_id id) {
	return block->tensors[id] == ABSENT ? NULL : weights->values + block->tensors[id];
}

#endif
