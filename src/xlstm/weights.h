/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_WEIGHTS_PRIVATE_H
#define XLSTM_WEIGHTS_PRIVATE_H

#include "layout.h"
#include "xlstm/weights.h"

#include <jansson.h>
#include <stdatomic.h>

struct xlstm_weights {
	atomic_uint count; /* users; more than one only where the values are mapped */
	struct layout layout;
	float *values; /* [layout.weight_floats], from a cache line on */
	json_t *notes; /* an object of strings; NULL: none yet */
	void *mapped; /* the file that the values lie in, read-only; NULL: they are our own */
	size_t mapped_size;
};

/* Weights over values that somebody else provides, zeroed ones of their own if NULL. */
int weights_create_over(
	struct xlstm_weights **ret_weights, const struct xlstm_shape *shape, float *values);

/* What a model keeps: the weights themselves where they can never change, else a clone. */
int weights_keep(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights);

/* The tensor of a block, NULL where it has none. */
static inline const float *block_tensor(
	const struct xlstm_weights *weights, const struct block_layout *block, enum tensor_id id) {
	return block->tensors[id] == ABSENT ? NULL : weights->values + block->tensors[id];
}

#endif
