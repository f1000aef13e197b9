/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#define NPY_HEADER_BYTES 128
#define LINES_MAX        512

struct entry {
	char role[16], name[48];
	struct golden_tensor tensor;
	struct entry *next;
};

struct golden {
	char directory[512];
	char *manifest;
	const char *lines[LINES_MAX];
	size_t line_count;
	struct entry *entries; /* tensors read so far */
};

static const char *golden_root(void) {
	const char *root = getenv("XLSTM_GOLDEN");
	return root ? root : "tests/golden";
}

static char *read_all(const char *path, size_t *ret_size) {
	FILE *file = fopen(path, "rb");
	if (!file)
		fail_msg("cannot open %s", path);
	fseek(file, 0, SEEK_END);
	size_t size = (size_t)ftell(file);
	rewind(file);
	char *bytes = malloc(size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, size, file), size);
	bytes[size] = '\0';
	fclose(file);
	*ret_size = size;
	return bytes;
}

struct golden *golden_open(const char *name) {
	struct golden *golden = calloc(1, sizeof(*golden));
	assert_non_null(golden);
	snprintf(golden->directory, sizeof(golden->directory), "%s/%s", golden_root(), name);

	char path[600];
	size_t size;
	snprintf(path, sizeof(path), "%s/manifest.txt", golden->directory);
	golden->manifest = read_all(path, &size);
	for (char *save, *line = strtok_r(golden->manifest, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		assert_true(golden->line_count < LINES_MAX);
		golden->lines[golden->line_count++] = line;
	}
	return golden;
}

void golden_close(struct golden *golden) {
	while (golden->entries) {
		struct entry *entry = golden->entries;
		golden->entries = entry->next;
		free(entry->tensor.values);
		free(entry);
	}
	free(golden->manifest);
	free(golden);
}

const char *golden_hyper_text(const struct golden *golden, const char *key) {
	static char value[64];
	char found[64];
	for (size_t i = 0; i < golden->line_count; i++)
		if (sscanf(golden->lines[i], "hyper %63s %63s", found, value) == 2 &&
			!strcmp(found, key))
			return value;
	fail_msg("%s: no hyper %s", golden->directory, key);
	return NULL;
}

double golden_scalar(const struct golden *golden, const char *name) {
	char found[64];
	double value;
	for (size_t i = 0; i < golden->line_count; i++)
		if (sscanf(golden->lines[i], "scalar %63s %lf", found, &value) == 2 &&
			!strcmp(found, name))
			return value;
	fail_msg("%s: no scalar %s", golden->directory, name);
	return 0;
}

size_t golden_hyper(const struct golden *golden, const char *key) {
	return (size_t)strtoul(golden_hyper_text(golden, key), NULL, 10);
}

/* 20 times the error of the published package in float32, and not less than 1e-5. */
static double tolerance_from(const char *rms) {
	double measured = strtod(rms, NULL);
	return measured > 0 && 20 * measured > 1e-5 ? 20 * measured : 1e-5;
}

/* tensor ROLE NAME FILE NDIM D0 .. DN-1 MAXERR RELRMS */
static struct entry *read_tensor(const struct golden *golden, const char *line) {
	struct entry *entry = calloc(1, sizeof(*entry));
	struct golden_tensor *tensor = &entry->tensor;
	char copy[512], path[1200], *save;

	snprintf(copy, sizeof(copy), "%s", line);
	strtok_r(copy, " ", &save);
	snprintf(entry->role, sizeof(entry->role), "%s", strtok_r(NULL, " ", &save));
	snprintf(entry->name, sizeof(entry->name), "%s", strtok_r(NULL, " ", &save));
	snprintf(path, sizeof(path), "%s/%s", golden->directory, strtok_r(NULL, " ", &save));
	tensor->dimension_count = strtoul(strtok_r(NULL, " ", &save), NULL, 10);
	tensor->count = 1;
	for (size_t i = 0; i < tensor->dimension_count; i++) {
		tensor->dims[i] = strtoul(strtok_r(NULL, " ", &save), NULL, 10);
		tensor->count *= tensor->dims[i];
	}
	strtok_r(NULL, " ", &save);
	tensor->tolerance = tolerance_from(strtok_r(NULL, " ", &save));

	size_t size;
	char *bytes = read_all(path, &size);
	assert_int_equal(size, NPY_HEADER_BYTES + tensor->count * sizeof(float));
	tensor->values = malloc(tensor->count * sizeof(float));
	memcpy(tensor->values, bytes + NPY_HEADER_BYTES, tensor->count * sizeof(float));
	free(bytes);
	return entry;
}

const struct golden_tensor *golden_maybe(
	struct golden *golden, const char *role, const char *name) {
	for (struct entry *entry = golden->entries; entry; entry = entry->next)
		if (!strcmp(entry->role, role) && !strcmp(entry->name, name))
			return &entry->tensor;

	char start[96];
	snprintf(start, sizeof(start), "tensor %s %s ", role, name);
	for (size_t i = 0; i < golden->line_count; i++)
		if (!strncmp(golden->lines[i], start, strlen(start))) {
			struct entry *entry = read_tensor(golden, golden->lines[i]);
			entry->next = golden->entries;
			golden->entries = entry;
			return &entry->tensor;
		}
	return NULL;
}

const struct golden_tensor *golden_tensor(
	struct golden *golden, const char *role, const char *name) {
	const struct golden_tensor *tensor = golden_maybe(golden, role, name);
	if (!tensor)
		fail_msg("%s: no tensor %s %s", golden->directory, role, name);
	return tensor;
}

void golden_origins(struct golden *golden, golden_origin_fn each, void *context) {
	char name[64], published[96];
	for (size_t i = 0; i < golden->line_count; i++)
		if (sscanf(golden->lines[i], "origin %63s %95s", name, published) == 2)
			each(context, golden, name, published);
}

double relative_rms(const float *expected, const float *actual, size_t count) {
	double off = 0, size = 0;
	for (size_t i = 0; i < count; i++) {
		double difference = (double)actual[i] - expected[i];
		off += difference * difference;
		size += (double)expected[i] * expected[i];
	}
	if (off == 0)
		return 0;
	return sqrt(off / (size > 0 ? size : 1));
}

void assert_near(const char *what, const float *expected, const float *actual, size_t count,
	double tolerance) {
	double error = relative_rms(expected, actual, count);
	/* Written so that NaN fails. */
	if (!(error <= tolerance))
		fail_msg("%s: relative rms error %.3g, allowed %.3g", what, error, tolerance);
}

void golden_assert_near(const char *what, const struct golden_tensor *tensor, const float *actual) {
	assert_near(what, tensor->values, actual, tensor->count, tensor->tolerance);
}
