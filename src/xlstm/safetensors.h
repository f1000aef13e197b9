/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_SAFETENSORS_H
#define XLSTM_SAFETENSORS_H

#include "xlstm/file.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The container (github.com/huggingface/safetensors): the length of the header (64 bits, little
 * endian), the header (JSON, padded with spaces), the data. The header names each tensor's type,
 * dimensions and place in the data; the places cover the data without gap or overlap.
 */

/* Of the length of the header. */
#define SAFETENSORS_LENGTH_BYTES 8

/* Far above what the largest shape needs, far below what hurts. */
#define SAFETENSORS_HEADER_MAX (4u << 20)

/* The data starts at a multiple of this many bytes in the files that we write. */
#define SAFETENSORS_ALIGN 64

#define SAFETENSORS_DIMS_MAX 4

enum safetensors_type {
	SAFETENSORS_F32,
	SAFETENSORS_BF16,
	SAFETENSORS_F16,
};

struct safetensor {
	const char *name;
	enum safetensors_type type;
	uint32_t dims[SAFETENSORS_DIMS_MAX]; /* 1 beyond dimension_count */
	uint32_t dimension_count;
	size_t count; /* product of dims */
	size_t begin, end; /* in the data, in bytes */
	bool claimed; /* for the reader's use */
};

struct safetensors {
	json_t *header;
	json_t *metadata; /* borrowed from header; NULL: none */
	struct safetensor *tensors; /* sorted by name */
	size_t tensor_count;
	const unsigned char *data; /* borrowed from the caller */
	size_t data_size;
};

/* All of the container is checked; what the tensors mean is not. bytes must outlive ret_file.
 * XLSTM_E_ code or -ENOMEM. */
int safetensors_parse(
	struct safetensors *ret_file, const void *bytes, size_t size, struct xlstm_fault *fault);
void safetensors_finish(struct safetensors *file);

/* NULL where there is none. */
struct safetensor *safetensors_find(const struct safetensors *file, const char *name);
const char *safetensors_metadata(const struct safetensors *file, const char *key);

/* Value `index` of a tensor, whatever its type. */
float safetensors_value(
	const struct safetensors *file, const struct safetensor *tensor, size_t index);

/* Adds a tensor to a header under construction. -ENOMEM. */
int safetensors_add(json_t *header, const struct safetensor *tensor);

/* The bytes before the data, the caller frees them. XLSTM_E_HEADER_SIZE or -ENOMEM. */
int safetensors_write_header(char **ret_bytes, size_t *ret_size, const json_t *header);

/* Remembers where a fault lies; NULL is fine. Returns code. */
int fault_at(struct xlstm_fault *fault, const char *where, int code);

#endif
