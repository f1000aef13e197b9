/* SPDX-License-Identifier: Apache-2.0 */
#include "weights_file.h"

#include "published.h"
#include "safetensors.h"
#include "shape_text.h"
#include "weights.h"
#include "xlstm/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void file_identity(char to[FILE_IDENTITY_SIZE], const struct xlstm_weights *weights) {
	snprintf(to, FILE_IDENTITY_SIZE, "%016" PRIx64, xlstm_weights_identity(weights));
}

static int write_all(int file, const void *bytes, size_t size) {
	const char *at = bytes;
	while (size > 0) {
		ssize_t written = write(file, at, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

/* The name is durable only when its folder is. */
static int sync_folder(const char *path) {
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	int r = fsync(folder) < 0 ? -errno : 0;
	close(folder);
	return r;
}

static int fill_file(
	int file, const void *header, size_t header_size, const void *data, size_t data_size) {
	int r = write_all(file, header, header_size);
	if (r == 0)
		r = write_all(file, data, data_size);
	if (r == 0 && (fchmod(file, 0644) < 0 || fsync(file) < 0))
		r = -errno;
	return r;
}

static int replace_file(const char *path, const void *header, size_t header_size, const void *data,
	size_t data_size) {
	char beside[PATH_MAX];
	if ((size_t)snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= sizeof(beside))
		return -ENAMETOOLONG;
	int file = mkostemp(beside, O_CLOEXEC);
	if (file < 0)
		return -errno;

	int r = fill_file(file, header, header_size, data, data_size);
	if (close(file) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(beside);
		return r;
	}
	return sync_folder(path);
}

/* The order of the data, not that of the table, so that the header reads like the file. */
static int by_offset(const void *a, const void *b) {
	const struct tensor_layout *left = *(const struct tensor_layout *const *)a;
	const struct tensor_layout *right = *(const struct tensor_layout *const *)b;
	return (left->offset > right->offset) - (left->offset < right->offset);
}

static int add_tensor(json_t *header, const struct tensor_layout *tensor, const struct names *names,
	unsigned int flags) {
	char name[NAMES_MAX];
	names_write(name, names, tensor->name);
	struct safetensor entry = {
		.name = name,
		.type = SAFETENSORS_F32,
		.dimension_count = tensor->dimension_count,
		.begin = tensor->offset * sizeof(float),
		.end = (tensor->offset + tensor->count) * sizeof(float),
	};
	memcpy(entry.dims, tensor->dims, sizeof(tensor->dims));
	if (tensor->id == T_RECURRENT && flags & XLSTM_PUBLISHED_CUDA) {
		entry.dims[1] = tensor->dims[2];
		entry.dims[2] = tensor->dims[1];
	}
	return safetensors_add(header, &entry);
}

static int add_tensors(json_t *header, const struct layout *layout, unsigned int flags) {
	struct names names = { .bare = flags & XLSTM_PUBLISHED_BLOCK };
	const struct tensor_layout **order = calloc(layout->tensor_count, sizeof(*order));
	if (!order)
		return -ENOMEM;

	int r = 0;
	for (size_t i = 0; i < layout->tensor_count; i++)
		order[i] = &layout->tensors[i];
	qsort(order, layout->tensor_count, sizeof(struct tensor_layout *), by_offset);
	for (size_t i = 0; i < layout->tensor_count && r == 0; i++)
		r = add_tensor(header, order[i], &names, flags);
	free(order);
	return r;
}

/* metadata: ours to give away; NULL: no memory. The header is the caller's to free. */
static int write_header(const struct xlstm_weights *weights, json_t *metadata, unsigned int flags,
	char **ret_bytes, size_t *ret_size) {
	json_t *header = json_object();

	int r = json_object_set_new(header, "__metadata__", metadata) < 0 ? -ENOMEM : 0;
	if (r == 0)
		r = add_tensors(header, &weights->layout, flags);
	if (r == 0)
		r = safetensors_write_header(ret_bytes, ret_size, header);
	json_decref(header);
	return r;
}

static size_t data_bytes(const struct xlstm_weights *weights) {
	return weights->layout.weight_floats * sizeof(float);
}

static int write_file(const struct xlstm_weights *weights, const char *path, json_t *metadata,
	unsigned int flags) {
	char *header = NULL;
	size_t size;

	int r = write_header(weights, metadata, flags, &header, &size);
	if (r == 0)
		r = replace_file(path, header, size, weights->values, data_bytes(weights));
	free(header);
	return r;
}

/* What our files say of themselves; NULL: no memory. */
static json_t *describe(const struct xlstm_weights *weights) {
	char identity[FILE_IDENTITY_SIZE];
	file_identity(identity, weights);
	char *shape = xlstm_shape_text(&weights->layout.shape);
	if (!shape)
		return NULL;

	/* "format" is what some readers ask for before they look at the tensors. */
	json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "format", "pt", FILE_KEY_VERSION,
		FILE_VERSION, FILE_KEY_SHAPE, shape, FILE_KEY_IDENTITY, identity);
	free(shape);
	if (metadata && weights->notes && json_object_update(metadata, weights->notes) < 0) {
		json_decref(metadata);
		metadata = NULL;
	}
	return metadata;
}

int xlstm_weights_save(const struct xlstm_weights *weights, const char *path) {
	return write_file(weights, path, describe(weights), 0);
}

int xlstm_weights_write(const struct xlstm_weights *weights, void **ret_bytes, size_t *ret_size) {
	char *header = NULL;
	size_t size;

	int r = write_header(weights, describe(weights), 0, &header, &size);
	if (r < 0)
		return r;
	char *bytes = realloc(header, size + data_bytes(weights));
	if (!bytes) {
		free(header);
		return -ENOMEM;
	}
	memcpy(bytes + size, weights->values, data_bytes(weights));
	*ret_bytes = bytes;
	*ret_size = size + data_bytes(weights);
	return 0;
}

static void to_cuda(struct xlstm_weights *to, const struct xlstm_weights *from) {
	for (uint32_t i = 0; i < from->layout.shape.block_count; i++) {
		const struct block_layout *block = &from->layout.blocks[i];
		if (block->kind != XLSTM_SLSTM)
			continue;
		size_t kernel = block->tensors[T_RECURRENT], bias = block->tensors[T_BIAS];
		cuda_kernel_write(
			to->values + kernel, from->values + kernel, block->heads, block->units);
		cuda_bias_write(to->values + bias, from->values + bias, block->heads, block->units);
	}
}

int xlstm_weights_export(
	const struct xlstm_weights *weights, const char *path, unsigned int flags) {
	if (flags & XLSTM_PUBLISHED_BLOCK && weights->layout.shape.block_count > 1)
		return XLSTM_E_BLOCKS;

	struct xlstm_weights *arranged;
	int r = xlstm_weights_clone(&arranged, weights);
	if (r < 0)
		return r;
	if (flags & XLSTM_PUBLISHED_CUDA)
		to_cuda(arranged, weights);
	r = write_file(arranged, path, json_pack("{s:s}", "format", "pt"), flags);
	xlstm_weights_destroy(arranged);
	return r;
}
