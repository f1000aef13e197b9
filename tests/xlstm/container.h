/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CONTAINER_H
#define TESTS_CONTAINER_H

/* A safetensors file put together by hand, so that what reads it is not tested with what wrote
 * it, and so that it may be wrong in any way. */
#include <stddef.h>
#include <stdint.h>

struct container {
	char *header;
	size_t header_size; /* 0: nothing yet */
	unsigned char *data;
	size_t data_size;
};

void container_finish(struct container *container);

/* A member of the header as it stands: "\"name\":{...}". */
void container_add_text(struct container *container, const char *text);

/* A tensor of float32 with these dimensions ("4,32,8") behind the last one. */
void container_add(struct container *container, const char *name, const char *dims,
	const float *values, size_t count);

/* Bytes behind the last tensor that belong to none. */
void container_pad(struct container *container, size_t bytes);

/* The file, the caller frees it. */
unsigned char *container_bytes(const struct container *container, size_t *ret_size);

/* A path in a folder of the running test's own. */
const char *scratch_path(const char *name);
void write_bytes(const char *path, const void *bytes, size_t size);
unsigned char *read_bytes(const char *path, size_t *ret_size);

#endif
