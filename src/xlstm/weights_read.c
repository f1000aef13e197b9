/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file becomes weights in four steps, each of which can refuse it: the container
 * (safetensors.c), the shape (declared or, for files of the published package, inferred), one
 * tensor of the file for each of the shape and none left over, and the values.
 */
#include "weights_file.h"

#include "published.h"
#include "safetensors.h"
#include "shape_text.h"
#include "weights.h"
#include "xlstm/error.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the file has for a tensor of ours: one, or two that lie below each other. */
struct found {
	struct safetensor *whole, *second;
};

struct reader {
	struct safetensors file;
	struct xlstm_fault *fault;
	bool declared; /* one of our files: shape and identity are in the metadata */
	struct xlstm_shape shape;
	struct names names;
	struct layout layout; /* of the shape */
	struct found *found; /* [layout.tensor_count], in its order */
};

/* Files of ours have all of these keys, others none of them. */
static int check_keys(const struct safetensors *file, bool *ret_declared) {
	const char *key;
	json_t *value;
	size_t ours = 0;

	json_object_foreach(file->metadata, key, value) {
		ours += !strncmp(key, FILE_KEY_PREFIX, strlen(FILE_KEY_PREFIX));
	}
	const char *version = safetensors_metadata(file, FILE_KEY_VERSION);
	if (version && strcmp(version, FILE_VERSION))
		return XLSTM_E_VERSION;
	*ret_declared = ours > 0;
	if (ours && (ours != 3 || !version || !safetensors_metadata(file, FILE_KEY_SHAPE) ||
			    !safetensors_metadata(file, FILE_KEY_IDENTITY)))
		return XLSTM_E_METADATA;
	return 0;
}

static int find_shape(struct reader *reader) {
	int r = check_keys(&reader->file, &reader->declared);
	if (r == 0)
		r = reader->declared
			    ? shape_read(&reader->shape,
				      safetensors_metadata(&reader->file, FILE_KEY_SHAPE))
			    : published_shape(&reader->shape, &reader->names, &reader->file);
	if (r == 0)
		r = xlstm_shape_check(&reader->shape);
	return r;
}

static bool same_dims(const struct safetensor *found, const struct tensor_layout *tensor) {
	return found->dimension_count == tensor->dimension_count &&
	       !memcmp(found->dims, tensor->dims, sizeof(tensor->dims));
}

static int claim(struct reader *reader, const char *name, struct safetensor **ret_found) {
	struct safetensor *found = safetensors_find(&reader->file, name);
	if (!found)
		return fault_at(reader->fault, name, XLSTM_E_MISSING);
	found->claimed = true;
	*ret_found = found;
	return 0;
}

static bool right_dims(const struct reader *reader, const struct found *found,
	const struct tensor_layout *tensor) {
	if (!found->second)
		return same_dims(found->whole, tensor) ||
		       (!reader->declared && published_cuda(found->whole, tensor));

	struct tensor_layout half = *tensor;
	half.dims[0] /= 2;
	return same_dims(found->whole, &half) && same_dims(found->second, &half);
}

static int match_tensor(struct reader *reader, size_t index) {
	const struct tensor_layout *tensor = &reader->layout.tensors[index];
	struct found *found = &reader->found[index];
	char name[NAMES_MAX];

	names_write(name, &reader->names, tensor->name);
	int r = claim(reader, name, &found->whole);
	if (r == 0 && names_write_second(name, &reader->names, tensor->name))
		r = claim(reader, name, &found->second);
	if (r == 0 && !right_dims(reader, found, tensor))
		r = fault_at(reader->fault, name, XLSTM_E_DIMENSIONS);
	return r;
}

/* Something in the file for each tensor of the layout, and nothing left over. */
static int match_tensors(struct reader *reader) {
	const struct safetensors *file = &reader->file;

	for (size_t i = 0; i < reader->layout.tensor_count; i++) {
		int r = match_tensor(reader, i);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < file->tensor_count; i++)
		if (!file->tensors[i].claimed)
			return fault_at(reader->fault, file->tensors[i].name, XLSTM_E_NAME);
	return 0;
}

static int reader_init(
	struct reader *reader, const void *bytes, size_t size, struct xlstm_fault *fault) {
	memset(reader, 0, sizeof(*reader));
	reader->fault = fault;
	int r = safetensors_parse(&reader->file, bytes, size, fault);
	if (r < 0)
		return r;

	r = find_shape(reader);
	if (r < 0)
		goto fail;
	r = layout_init(&reader->layout, &reader->shape);
	if (r < 0)
		goto fail;

	r = -ENOMEM;
	reader->found = calloc(reader->layout.tensor_count, sizeof(*reader->found));
	if (!reader->found)
		goto fail;
	r = match_tensors(reader);
	if (r < 0)
		goto fail;
	return 0;

fail:
	free(reader->found);
	layout_finish(&reader->layout);
	safetensors_finish(&reader->file);
	return r;
}

static void reader_finish(struct reader *reader) {
	free(reader->found);
	layout_finish(&reader->layout);
	safetensors_finish(&reader->file);
}

/* The data is an arena as it stands. */
static bool lies_in_place(const struct reader *reader) {
	if ((uintptr_t)reader->file.data % sizeof(float))
		return false;
	for (size_t i = 0; i < reader->layout.tensor_count; i++) {
		const struct tensor_layout *tensor = &reader->layout.tensors[i];
		const struct safetensor *found = reader->found[i].whole;
		if (reader->found[i].second || found->type != SAFETENSORS_F32 ||
			!same_dims(found, tensor) || found->begin != tensor->offset * sizeof(float))
			return false;
	}
	return true;
}

static int from_cuda(float *values, const struct tensor_layout *tensor) {
	const struct block_layout *block = tensor->block;
	float *copy = malloc(tensor->count * sizeof(float));
	if (!copy)
		return -ENOMEM;

	memcpy(copy, values, tensor->count * sizeof(float));
	if (tensor->id == T_RECURRENT)
		cuda_kernel_read(values, copy, block->heads, block->units);
	else
		cuda_bias_read(values, copy, block->heads, block->units);
	free(copy);
	return 0;
}

static void values_of(
	float *values, const struct safetensors *file, const struct safetensor *tensor) {
	for (size_t i = 0; i < tensor->count; i++)
		values[i] = safetensors_value(file, tensor, i);
}

static int copy_values(struct xlstm_weights *weights, const struct reader *reader) {
	bool cuda = false;

	for (size_t i = 0; i < reader->layout.tensor_count; i++) {
		const struct tensor_layout *tensor = &reader->layout.tensors[i];
		const struct found *found = &reader->found[i];
		float *values = weights->values + tensor->offset;
		values_of(values, &reader->file, found->whole);
		if (found->second)
			values_of(values + found->whole->count, &reader->file, found->second);

		/* A block's bias follows its recurrent kernel and has the same order. */
		if (tensor->id == T_RECURRENT)
			cuda = published_cuda(found->whole, tensor);
		if (!cuda || (tensor->id != T_RECURRENT && tensor->id != T_BIAS))
			continue;
		int r = from_cuda(values, tensor);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_values(const struct xlstm_weights *weights, const struct reader *reader) {
	for (size_t i = 0; i < reader->layout.tensor_count; i++) {
		const struct tensor_layout *tensor = &reader->layout.tensors[i];
		const float *values = weights->values + tensor->offset;
		for (size_t j = 0; j < tensor->count; j++)
			if (!isfinite(values[j]))
				return fault_at(reader->fault, reader->found[i].whole->name,
					XLSTM_E_NOT_FINITE);
	}
	if (!reader->declared)
		return 0;

	char identity[FILE_IDENTITY_SIZE];
	file_identity(identity, weights);
	const char *declared = safetensors_metadata(&reader->file, FILE_KEY_IDENTITY);
	return strcmp(identity, declared) ? XLSTM_E_IDENTITY : 0;
}

static int copy_notes(struct xlstm_weights *weights, const struct safetensors *file) {
	const char *key;
	json_t *value;

	json_object_foreach(file->metadata, key, value) {
		int r = xlstm_note_set(weights, key, json_string_value(value));
		if (r < 0 && r != XLSTM_E_NOTE) /* a reserved key is no note */
			return r;
	}
	return 0;
}

/* may_map: the bytes stay as they are for as long as the weights live. Where the weights use that,
 * they own the mapping. */
static int read_weights(struct xlstm_weights **ret_weights, const void *bytes, size_t size,
	bool may_map, struct xlstm_fault *fault) {
	struct xlstm_weights *weights;
	struct reader reader;
	int r = reader_init(&reader, bytes, size, fault);
	if (r < 0)
		return r;

	bool in_place = may_map && lies_in_place(&reader);
	float *values = in_place ? (float *)(uintptr_t)reader.file.data : NULL;
	r = weights_create_over(&weights, &reader.shape, values);
	if (r < 0)
		goto out;
	r = copy_notes(weights, &reader.file);
	if (r == 0 && !in_place)
		r = copy_values(weights, &reader);
	if (r == 0)
		r = check_values(weights, &reader);
	if (r < 0) {
		if (in_place)
			weights->values = NULL;
		xlstm_weights_destroy(weights);
		goto out;
	}
	if (in_place) {
		weights->mapped = (void *)(uintptr_t)bytes;
		weights->mapped_size = size;
	}
	*ret_weights = weights;

out:
	reader_finish(&reader);
	return r;
}

int xlstm_weights_parse(struct xlstm_weights **ret_weights, const void *bytes, size_t size,
	struct xlstm_fault *fault) {
	return read_weights(ret_weights, bytes, size, false, fault);
}

/* Opens without waiting for the other end of a pipe. */
static int open_regular(const char *path, size_t *ret_size) {
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return -errno;

	struct stat status;
	int r = 0;
	if (fstat(file, &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = XLSTM_E_REGULAR;
	else if (status.st_size < SAFETENSORS_LENGTH_BYTES)
		r = XLSTM_E_TRUNCATED;
	if (r < 0) {
		close(file);
		return r;
	}
	*ret_size = (size_t)status.st_size;
	return file;
}

int xlstm_weights_open(
	struct xlstm_weights **ret_weights, const char *path, struct xlstm_fault *fault) {
	size_t size = 0;
	fault_at(fault, "", 0);
	int file = open_regular(path, &size);
	if (file < 0)
		return file;

	void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	int r = bytes == MAP_FAILED ? -errno : 0;
	close(file);
	if (r < 0)
		return r;

	struct xlstm_weights *weights;
	r = read_weights(&weights, bytes, size, true, fault);
	if (r < 0 || !weights->mapped)
		munmap(bytes, size);
	if (r == 0)
		*ret_weights = weights;
	return r;
}
