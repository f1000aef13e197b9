/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "arena.h"
#include "xlstm/error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int xlstm_weights_create(struct xlstm_weights **ret_weights, const struct xlstm_shape *shape) {
	int r = xlstm_shape_check(shape);
	if (r < 0)
		return r;

	struct xlstm_weights *weights = calloc(1, sizeof(*weights));
	if (!weights)
		return -ENOMEM;

	r = layout_init(&weights->layout, shape);
	if (r < 0)
		goto fail;

	r = -ENOMEM;
	weights->values = arena_create(weights->layout.weight_floats);
	if (!weights->values)
		goto fail;

	*ret_weights = weights;
	return 0;

fail:
	xlstm_weights_destroy(weights);
	return r;
}

int xlstm_weights_clone(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights) {
	struct xlstm_weights *clone;
	int r = xlstm_weights_create(&clone, &weights->layout.shape);
	if (r < 0)
		return r;

	memcpy(clone->values, weights->values, weights->layout.weight_floats * sizeof(float));
	*ret_weights = clone;
	return 0;
}

void xlstm_weights_destroy(struct xlstm_weights *weights) {
	if (!weights)
		return;
	layout_finish(&weights->layout);
	free(weights->values);
	free(weights);
}

const struct xlstm_shape *xlstm_weights_shape(const struct xlstm_weights *weights) {
	return &weights->layout.shape;
}

size_t xlstm_tensor_count(const struct xlstm_weights *weights) {
	return weights->layout.tensor_count;
}

static struct xlstm_tensor describe(
	const struct xlstm_weights *weights, const struct tensor_layout *tensor) {
	struct xlstm_tensor description = {
		.name = tensor->name,
		.dimension_count = tensor->dimension_count,
		.decays = tensor->decays,
		.count = tensor->count,
		.values = weights->values + tensor->offset,
	};
	memcpy(description.dims, tensor->dims, sizeof(description.dims));
	return description;
}

struct xlstm_tensor xlstm_tensor_at(const struct xlstm_weights *weights, size_t index) {
	return describe(weights, &weights->layout.tensors[index]);
}

int xlstm_tensor_find(
	const struct xlstm_weights *weights, const char *name, struct xlstm_tensor *ret_tensor) {
	const struct tensor_layout *tensor = layout_find(&weights->layout, name);
	if (!tensor)
		return XLSTM_E_NAME;

	*ret_tensor = describe(weights, tensor);
	return 0;
}

int xlstm_tensor_set(
	struct xlstm_weights *weights, const char *name, const float *values, size_t count) {
	const struct tensor_layout *tensor = layout_find(&weights->layout, name);
	if (!tensor)
		return XLSTM_E_NAME;
	if (tensor->count != count)
		return XLSTM_E_COUNT;
	for (size_t i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return XLSTM_E_NOT_FINITE;

	memcpy(weights->values + tensor->offset, values, count * sizeof(float));
	return 0;
}
