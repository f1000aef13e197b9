/* SPDX-License-Identifier: Apache-2.0 */
#include "safetensors.h"

#include "json_whole.h"

#include "xlstm/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little endian; values would have to be swapped on this machine"
#endif

static const struct {
	const char *name;
	size_t size;
} types[] = {
	[SAFETENSORS_F32] = { "F32", 4 },
	[SAFETENSORS_BF16] = { "BF16", 2 },
	[SAFETENSORS_F16] = { "F16", 2 },
};

int fault_at(struct xlstm_fault *fault, const char *where, int code) {
	if (fault)
		snprintf(fault->where, sizeof(fault->where), "%s", where);
	return code;
}

static int parse_type(enum safetensors_type *ret_type, const json_t *value) {
	const char *name = json_string_value(value);
	if (!name)
		return XLSTM_E_HEADER;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(name, types[i].name)) {
			*ret_type = (enum safetensors_type)i;
			return 0;
		}
	return XLSTM_E_TYPE;
}

static int parse_dims(struct safetensor *tensor, const json_t *value) {
	if (!json_is_array(value))
		return XLSTM_E_HEADER;
	if (json_array_size(value) > SAFETENSORS_DIMS_MAX)
		return XLSTM_E_DIMENSIONS;

	tensor->dimension_count = (uint32_t)json_array_size(value);
	tensor->count = 1;
	for (uint32_t i = 0; i < SAFETENSORS_DIMS_MAX; i++) {
		json_t *dim = json_array_get(value, i);
		json_int_t number = dim ? json_integer_value(dim) : 1;
		if (dim && !json_is_integer(dim))
			return XLSTM_E_HEADER;
		if (number < 0 || number > UINT32_MAX)
			return XLSTM_E_DIMENSIONS;
		tensor->dims[i] = (uint32_t)number;
		if (__builtin_mul_overflow(tensor->count, (size_t)number, &tensor->count))
			return XLSTM_E_DIMENSIONS;
	}
	return 0;
}

static int parse_place(struct safetensor *tensor, const json_t *value, size_t data_size) {
	const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
	if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end))
		return XLSTM_E_HEADER;

	json_int_t from = json_integer_value(begin), to = json_integer_value(end);
	if (from < 0 || from > to || (uint64_t)to > data_size)
		return XLSTM_E_BOUNDS;
	tensor->begin = (size_t)from;
	tensor->end = (size_t)to;
	return 0;
}

static int parse_tensor(struct safetensor *tensor, const json_t *value, size_t data_size) {
	if (json_object_size(value) != 3)
		return XLSTM_E_HEADER;
	int r = parse_type(&tensor->type, json_object_get(value, "dtype"));
	if (r < 0)
		return r;
	r = parse_dims(tensor, json_object_get(value, "shape"));
	if (r < 0)
		return r;
	r = parse_place(tensor, json_object_get(value, "data_offsets"), data_size);
	if (r < 0)
		return r;

	size_t each = types[tensor->type].size;
	if (tensor->begin % each)
		return XLSTM_E_ALIGNMENT;
	if ((tensor->end - tensor->begin) / each != tensor->count ||
		(tensor->end - tensor->begin) % each)
		return XLSTM_E_DIMENSIONS;
	return 0;
}

static int parse_metadata(struct safetensors *file, json_t *metadata, struct xlstm_fault *fault) {
	const char *key;
	json_t *value;

	if (!json_is_object(metadata))
		return XLSTM_E_HEADER;
	json_object_foreach(metadata, key, value) {
		if (!json_is_string(value))
			return fault_at(fault, key, XLSTM_E_HEADER);
	}
	file->metadata = metadata;
	return 0;
}

static int by_place(const void *a, const void *b) {
	const struct safetensor *left = a, *right = b;
	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	return (left->end > right->end) - (left->end < right->end);
}

/* The places cover the data, each byte once. */
static int check_cover(struct safetensors *file, struct xlstm_fault *fault) {
	size_t covered = 0;

	qsort(file->tensors, file->tensor_count, sizeof(*file->tensors), by_place);
	for (size_t i = 0; i < file->tensor_count; i++) {
		const struct safetensor *tensor = &file->tensors[i];
		if (tensor->begin < covered)
			return fault_at(fault, tensor->name, XLSTM_E_OVERLAP);
		if (tensor->begin > covered)
			return fault_at(fault, tensor->name, XLSTM_E_GAP);
		covered = tensor->end;
	}
	return covered == file->data_size ? 0 : XLSTM_E_TRAILING;
}

static int by_name(const void *a, const void *b) {
	const struct safetensor *left = a, *right = b;
	return strcmp(left->name, right->name);
}

static int parse_header(struct safetensors *file, struct xlstm_fault *fault) {
	const char *name;
	json_t *value;

	file->tensors = calloc(json_object_size(file->header) + 1, sizeof(*file->tensors));
	if (!file->tensors)
		return -ENOMEM;

	json_object_foreach(file->header, name, value) {
		if (!strcmp(name, "__metadata__")) {
			int r = parse_metadata(file, value, fault);
			if (r < 0)
				return r;
			continue;
		}
		struct safetensor *tensor = &file->tensors[file->tensor_count++];
		tensor->name = name;
		int r = parse_tensor(tensor, value, file->data_size);
		if (r < 0)
			return fault_at(fault, name, r);
	}
	int r = check_cover(file, fault);
	qsort(file->tensors, file->tensor_count, sizeof(*file->tensors), by_name);
	return r;
}

/* The caller releases what has been read. */
static int load_header(struct safetensors *file, const char *text, size_t length) {
	json_error_t error;

	int r = json_read_whole(&file->header, text, length, &error);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return json_error_code(&error) == json_error_duplicate_key ? XLSTM_E_DUPLICATE
									   : XLSTM_E_HEADER;
	return json_is_object(file->header) ? 0 : XLSTM_E_HEADER;
}

int safetensors_parse(
	struct safetensors *ret_file, const void *bytes, size_t size, struct xlstm_fault *fault) {
	struct safetensors file = { .header = NULL };
	const char *text = (const char *)bytes + SAFETENSORS_LENGTH_BYTES;
	uint64_t length;

	fault_at(fault, "", 0);
	if (size < SAFETENSORS_LENGTH_BYTES)
		return XLSTM_E_TRUNCATED;
	memcpy(&length, bytes, SAFETENSORS_LENGTH_BYTES);
	if (length > SAFETENSORS_HEADER_MAX)
		return XLSTM_E_HEADER_SIZE;
	if (length > size - SAFETENSORS_LENGTH_BYTES)
		return XLSTM_E_TRUNCATED;

	file.data = (const unsigned char *)text + length;
	file.data_size = size - SAFETENSORS_LENGTH_BYTES - (size_t)length;
	int r = load_header(&file, text, (size_t)length);
	if (r < 0)
		goto fail;
	r = parse_header(&file, fault);
	if (r < 0)
		goto fail;

	*ret_file = file;
	return 0;

fail:
	safetensors_finish(&file);
	return r;
}

void safetensors_finish(struct safetensors *file) {
	json_decref(file->header);
	free(file->tensors);
}

struct safetensor *safetensors_find(const struct safetensors *file, const char *name) {
	struct safetensor key = { .name = name };
	return bsearch(&key, file->tensors, file->tensor_count, sizeof(key), by_name);
}

const char *safetensors_metadata(const struct safetensors *file, const char *key) {
	return json_string_value(json_object_get(file->metadata, key));
}

static float from_bits(uint32_t bits) {
	float value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* IEEE 754 binary16. */
static float from_half(uint16_t half) {
	uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
	uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ffu;

	if (exponent == 0) /* zero and subnormal: fraction * 2^-24 */
		return from_bits(sign | 0x3f800000u) * (float)fraction * 0x1p-24f;
	if (exponent == 0x1f)
		return from_bits(sign | 0x7f800000u | fraction << 13);
	return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

float safetensors_value(
	const struct safetensors *file, const struct safetensor *tensor, size_t index) {
	const unsigned char *at = file->data + tensor->begin + index * types[tensor->type].size;
	uint32_t word = 0;

	memcpy(&word, at, types[tensor->type].size);
	switch (tensor->type) {
	case SAFETENSORS_F32: break;
	case SAFETENSORS_BF16: return from_bits(word << 16);
	case SAFETENSORS_F16: return from_half((uint16_t)word);
	}
	return from_bits(word);
}

int safetensors_add(json_t *header, const struct safetensor *tensor) {
	json_t *dims = json_array();
	for (uint32_t i = 0; dims && i < tensor->dimension_count; i++)
		if (json_array_append_new(dims, json_integer(tensor->dims[i])) < 0)
			goto fail;

	json_t *entry = json_pack("{s:s, s:O, s:[I, I]}", "dtype", types[tensor->type].name,
		"shape", dims, "data_offsets", (json_int_t)tensor->begin, (json_int_t)tensor->end);
	if (!entry || json_object_set_new(header, tensor->name, entry) < 0)
		goto fail;
	json_decref(dims);
	return 0;

fail:
	json_decref(dims);
	return -ENOMEM;
}

int safetensors_write_header(char **ret_bytes, size_t *ret_size, const json_t *header) {
	size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT);
	size_t size = SAFETENSORS_LENGTH_BYTES + length + SAFETENSORS_ALIGN - 1;
	size -= size % SAFETENSORS_ALIGN;
	if (!length)
		return -ENOMEM;
	if (size - SAFETENSORS_LENGTH_BYTES > SAFETENSORS_HEADER_MAX)
		return XLSTM_E_HEADER_SIZE;

	char *bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	uint64_t padded = size - SAFETENSORS_LENGTH_BYTES;
	memcpy(bytes, &padded, SAFETENSORS_LENGTH_BYTES);
	memset(bytes + SAFETENSORS_LENGTH_BYTES, ' ', (size_t)padded);
	if (json_dumpb(header, bytes + SAFETENSORS_LENGTH_BYTES, length, JSON_COMPACT) != length) {
		free(bytes);
		return -ENOMEM;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}
