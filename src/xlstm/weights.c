/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "arena.h"
#include "digest.h"
#include "xlstm/error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int weights_create_over(
	struct xlstm_weights **ret_weights, const struct xlstm_shape *shape, float *values) {
	int r = xlstm_shape_check(shape);
	if (r < 0)
		return r;

	struct xlstm_weights *weights = calloc(1, sizeof(*weights));
	if (!weights)
		return -ENOMEM;
	atomic_init(&weights->count, 1);

	r = layout_init(&weights->layout, shape);
	if (r < 0)
		goto fail;

	r = -ENOMEM;
	weights->values = values ? values : arena_create(weights->layout.weight_floats);
	if (!weights->values)
		goto fail;

	*ret_weights = weights;
	return 0;

fail:
	xlstm_weights_destroy(weights);
	return r;
}

int xlstm_weights_create(struct xlstm_weights **ret_weights, const struct xlstm_shape *shape) {
	return weights_create_over(ret_weights, shape, NULL);
}

int xlstm_weights_clone(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights) {
	struct xlstm_weights *clone;
	int r = xlstm_weights_create(&clone, &weights->layout.shape);
	if (r < 0)
		return r;

	memcpy(clone->values, weights->values, weights->layout.weight_floats * sizeof(float));
	clone->notes = json_copy(weights->notes);
	if (weights->notes && !clone->notes) {
		xlstm_weights_destroy(clone);
		return -ENOMEM;
	}
	*ret_weights = clone;
	return 0;
}

int weights_keep(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights) {
	if (!weights->mapped)
		return xlstm_weights_clone(ret_weights, weights);

	/* Nothing but the count of users ever changes in these. */
	struct xlstm_weights *shared = (struct xlstm_weights *)(uintptr_t)weights;
	atomic_fetch_add_explicit(&shared->count, 1, memory_order_relaxed);
	*ret_weights = shared;
	return 0;
}

void xlstm_weights_destroy(struct xlstm_weights *weights) {
	if (!weights || atomic_fetch_sub_explicit(&weights->count, 1, memory_order_acq_rel) > 1)
		return;
	layout_finish(&weights->layout);
	json_decref(weights->notes);
	if (weights->mapped)
		munmap(weights->mapped, weights->mapped_size);
	else
		free(weights->values);
	free(weights);
}

uint64_t xlstm_weights_identity(const struct xlstm_weights *weights) {
	const struct layout *layout = &weights->layout;
	uint64_t digest = digest_shape(0, &layout->shape);
	for (size_t i = 0; i < layout->tensor_count; i++)
		digest = digest_bytes(digest, weights->values + layout->tensors[i].offset,
			layout->tensors[i].count * sizeof(float));
	return digest;
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
	if (weights->mapped)
		return XLSTM_E_READ_ONLY;
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
