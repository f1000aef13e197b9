/* SPDX-License-Identifier: Apache-2.0 */
#include "container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void container_finish(struct container *container) {
	free(container->header);
	free(container->data);
}

void container_add_text(struct container *container, const char *text) {
	size_t length = strlen(text);
	container->header = realloc(container->header, container->header_size + length + 2);
	assert_non_null(container->header);
	container->header[container->header_size] = container->header_size ? ',' : '{';
	memcpy(container->header + container->header_size + 1, text, length);
	container->header_size += length + 1;
}

void container_pad(struct container *container, size_t bytes) {
	container->data = realloc(container->data, container->data_size + bytes + 1);
	assert_non_null(container->data);
	memset(container->data + container->data_size, 0, bytes);
	container->data_size += bytes;
}

void container_add(struct container *container, const char *name, const char *dims,
	const float *values, size_t count) {
	char text[256];
	size_t begin = container->data_size, bytes = count * sizeof(float);
	snprintf(text, sizeof(text),
		"\"%s\": {\"dtype\": \"F32\", \"shape\": [%s], \"data_offsets\": [%zu, %zu]}", name,
		dims, begin, begin + bytes);
	container_add_text(container, text);
	container_pad(container, bytes);
	memcpy(container->data + begin, values, bytes);
}

unsigned char *container_bytes(const struct container *container, size_t *ret_size) {
	uint64_t length = container->header_size + 1;
	size_t size = 8 + (size_t)length + container->data_size;
	unsigned char *bytes = malloc(size);
	assert_non_null(bytes);
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(length >> 8 * i);
	memcpy(bytes + 8, container->header, container->header_size);
	bytes[8 + container->header_size] = '}';
	if (container->data_size)
		memcpy(bytes + 8 + length, container->data, container->data_size);
	*ret_size = size;
	return bytes;
}

static char folder[64];

static void remove_folder(void) {
	char command[96];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		perror(folder);
}

const char *scratch_path(const char *name) {
	static char path[128];
	if (!folder[0]) {
		snprintf(folder, sizeof(folder), "/tmp/xlstm-test-XXXXXX");
		assert_non_null(mkdtemp(folder));
		atexit(remove_folder);
	}
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

void write_bytes(const char *path, const void *bytes, size_t size) {
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

unsigned char *read_bytes(const char *path, size_t *ret_size) {
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*ret_size = (size_t)ftell(file);
	rewind(file);
	unsigned char *bytes = malloc(*ret_size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_size, file), *ret_size);
	fclose(file);
	return bytes;
}
