/* SPDX-License-Identifier: Apache-2.0 */
/* Files of weights: ours there and back, the published package's both ways. */
#include "container.h"
#include "fixture.h"
#include "xlstm/xlstm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static struct xlstm_weights *some_weights(void) {
	struct xlstm_shape shape = {
		.inputs = 5,
		.width = 32,
		.outputs = 9,
		.block_count = 4,
		.plain_end = 1,
		.norm = XLSTM_RMS_NORM,
		.embed_hidden = 11,
	};
	shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, 32, 4);
	shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, 32, 2);
	shape.blocks[2] = xlstm_block_published(XLSTM_FEEDFORWARD, 32, 0);
	shape.blocks[2].activation = XLSTM_SILU;
	shape.blocks[3] = (struct xlstm_block_shape){ .kind = XLSTM_SLSTM, .heads = 8 };
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	struct noise noise = { 3 };
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		float *values = malloc(tensor.count * sizeof(float));
		noise_fill(&noise, values, tensor.count, 0.5f);
		assert_int_equal(xlstm_tensor_set(weights, tensor.name, values, tensor.count), 0);
		free(values);
	}
	return weights;
}

static void assert_same_weights(const struct xlstm_weights *a, const struct xlstm_weights *b) {
	assert_memory_equal(
		xlstm_weights_shape(a), xlstm_weights_shape(b), sizeof(struct xlstm_shape));
	assert_int_equal(xlstm_tensor_count(a), xlstm_tensor_count(b));
	for (size_t i = 0; i < xlstm_tensor_count(a); i++) {
		struct xlstm_tensor left = xlstm_tensor_at(a, i), right;
		assert_int_equal(xlstm_tensor_find(b, left.name, &right), 0);
		assert_memory_equal(left.values, right.values, left.count * sizeof(float));
	}
	assert_true(xlstm_weights_identity(a) == xlstm_weights_identity(b));
}

static struct xlstm_weights *opened(const char *path) {
	struct xlstm_weights *weights = NULL;
	struct xlstm_fault fault;
	int r = xlstm_weights_open(&weights, path, &fault);
	if (r < 0)
		fail_msg("%s: %s: %s", path, xlstm_error_text(r), fault.where);
	return weights;
}

static void saved_weights_open_as_they_were(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	const char *path = scratch_path("saved.safetensors");
	assert_int_equal(xlstm_note_set(weights, "data", "hourly, 2016 to 2018"), 0);
	assert_int_equal(xlstm_weights_save(weights, path), 0);

	struct xlstm_weights *back = opened(path);
	assert_same_weights(weights, back);
	assert_string_equal(xlstm_note(back, "data"), "hourly, 2016 to 2018");
	xlstm_weights_destroy(back);

	size_t size;
	unsigned char *bytes = read_bytes(path, &size);
	assert_int_equal(xlstm_weights_parse(&back, bytes, size, NULL), 0);
	free(bytes);
	assert_same_weights(weights, back);
	xlstm_weights_destroy(back);
	xlstm_weights_destroy(weights);
}

static void weights_in_memory_are_the_bytes_of_the_file(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	const char *path = scratch_path("beside.safetensors");
	size_t file_size, size;
	void *bytes;
	assert_int_equal(xlstm_weights_save(weights, path), 0);
	unsigned char *file = read_bytes(path, &file_size);
	assert_int_equal(xlstm_weights_write(weights, &bytes, &size), 0);
	assert_int_equal(size, file_size);
	assert_memory_equal(bytes, file, size);
	free(bytes);
	free(file);
	xlstm_weights_destroy(weights);
}

/* One of the process' mappings has this path and holds this address. */
static bool is_mapped_read_only(const void *address, const char *path) {
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	unsigned long from, to;
	bool found = false;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, path) && sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3)
			found |= (uintptr_t)address >= from && (uintptr_t)address < to &&
				 !strchr(rights, 'w');
	fclose(maps);
	return found;
}

static void saved_weights_are_mapped_and_shared_with_models(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	const char *path = scratch_path("mapped.safetensors");
	assert_int_equal(xlstm_weights_save(weights, path), 0);
	struct xlstm_weights *mapped = opened(path);
	assert_true(is_mapped_read_only(xlstm_tensor_at(mapped, 0).values, path));

	struct xlstm_model *model;
	assert_int_equal(xlstm_model_create(&model, mapped), 0);
	assert_ptr_equal(xlstm_model_weights(model), mapped);
	xlstm_weights_destroy(mapped); /* the model still holds them */
	assert_int_equal(unlink(path), 0);
	assert_same_weights(xlstm_model_weights(model), weights);
	xlstm_model_unref(model);
	assert_false(is_mapped_read_only(mapped, path));
	xlstm_weights_destroy(weights);
}

static void mapped_weights_change_only_as_clones(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	const char *path = scratch_path("constant.safetensors");
	assert_int_equal(xlstm_weights_save(weights, path), 0);
	struct xlstm_weights *mapped = opened(path), *clone;
	float bias[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	assert_int_equal(xlstm_tensor_set(mapped, "head.bias", bias, 9), XLSTM_E_READ_ONLY);
	assert_int_equal(xlstm_note_set(mapped, "a", "b"), XLSTM_E_READ_ONLY);
	assert_int_equal(xlstm_weights_initialise(mapped, 1), XLSTM_E_READ_ONLY);

	assert_int_equal(xlstm_weights_clone(&clone, mapped), 0);
	assert_same_weights(clone, mapped);
	assert_int_equal(xlstm_tensor_set(clone, "head.bias", bias, 9), 0);
	assert_int_equal(xlstm_note_set(clone, "a", "b"), 0);
	assert_same_weights(mapped, weights);
	assert_true(xlstm_weights_identity(clone) != xlstm_weights_identity(mapped));
	xlstm_weights_destroy(clone);
	xlstm_weights_destroy(mapped);
	xlstm_weights_destroy(weights);
}

static void saving_replaces_a_file_that_is_open(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	const char *path = scratch_path("replaced.safetensors");
	assert_int_equal(xlstm_weights_save(weights, path), 0);
	struct xlstm_weights *first = opened(path);
	float bias[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct xlstm_weights *second;
	assert_int_equal(xlstm_weights_clone(&second, first), 0);
	assert_int_equal(xlstm_tensor_set(second, "head.bias", bias, 9), 0);
	assert_int_equal(xlstm_weights_save(second, path), 0);

	assert_same_weights(first, weights); /* the old file lives on under the mapping */
	struct xlstm_weights *again = opened(path);
	assert_same_weights(again, second);
	xlstm_weights_destroy(again);
	xlstm_weights_destroy(second);
	xlstm_weights_destroy(first);
	xlstm_weights_destroy(weights);
}

static void saving_fails_and_leaves_what_was_there(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	assert_int_equal(xlstm_weights_save(weights, scratch_path("none/x")), -ENOENT);
	assert_int_equal(mkdir(scratch_path("folder"), 0755), 0);
	assert_int_equal(xlstm_weights_save(weights, scratch_path("folder")), -EISDIR);

	const char *path = scratch_path("kept.safetensors");
	assert_int_equal(xlstm_weights_save(weights, path), 0);
	char *long_text = malloc((5u << 20) + 1);
	memset(long_text, 'x', 5u << 20);
	long_text[5u << 20] = '\0';
	struct xlstm_weights *clone;
	assert_int_equal(xlstm_weights_clone(&clone, weights), 0);
	assert_int_equal(xlstm_note_set(clone, "long", long_text), 0);
	assert_int_equal(xlstm_weights_save(clone, path), XLSTM_E_HEADER_SIZE);
	struct xlstm_weights *back = opened(path);
	assert_null(xlstm_note(back, "long"));
	assert_same_weights(back, weights);
	free(long_text);
	xlstm_weights_destroy(back);
	xlstm_weights_destroy(clone);
	xlstm_weights_destroy(weights);
}

static void count_note(void *context, const char *key, const char *value) {
	size_t *count = context;
	assert_string_equal(xlstm_error_name(0), "ok");
	*count += strlen(key) + strlen(value);
}

static void notes_are_set_removed_and_refused(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	size_t letters = 0;
	assert_null(xlstm_note(weights, "a"));
	assert_int_equal(xlstm_note_set(weights, "a", "first"), 0);
	assert_int_equal(xlstm_note_set(weights, "a", "second"), 0);
	assert_int_equal(xlstm_note_set(weights, "b", "x"), 0);
	assert_string_equal(xlstm_note(weights, "a"), "second");
	xlstm_notes(weights, count_note, &letters);
	assert_int_equal(letters, 1 + 6 + 1 + 1);
	assert_int_equal(xlstm_note_set(weights, "a", NULL), 0);
	assert_null(xlstm_note(weights, "a"));
	assert_int_equal(xlstm_note_set(weights, "xlstm_shape", "x"), XLSTM_E_NOTE);
	assert_int_equal(xlstm_note_set(weights, "format", "x"), XLSTM_E_NOTE);
	assert_int_equal(xlstm_note_set(weights, "b", "\xff"), XLSTM_E_NOTE);
	assert_int_equal(xlstm_note_set(weights, "\xff", "b"), XLSTM_E_NOTE);
	assert_string_equal(xlstm_note(weights, "b"), "x");
	xlstm_weights_destroy(weights);
}

/*
 * A state_dict of the published package, written tensor by tensor under the names of the
 * reference vectors' `origin` lines. The vectors flatten some dimensions or split them; these are
 * the package's.
 */
struct state_dict {
	struct container container;
	const char *prefix;
	bool cuda;
};

static bool ends_with(const char *text, const char *end) {
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && !strcmp(text + length - end_length, end);
}

static void add_published(
	void *context, struct golden *golden, const char *ours, const char *published) {
	struct state_dict *dict = context;
	const struct golden_tensor *tensor = golden_tensor(golden, "param", ours);
	const size_t *d = tensor->dims;
	bool kernel = ends_with(published, "_recurrent_kernel_");
	bool bias = ends_with(published, "_bias_");
	char dims[64], name[160];

	if (ends_with(published, "conv1d.conv.weight"))
		snprintf(dims, sizeof(dims), "%zu, 1, %zu", d[0], d[1]);
	else if (kernel && dict->cuda)
		snprintf(dims, sizeof(dims), "%zu, %zu, %zu", d[0], d[3], d[1] * d[2]);
	else if (kernel)
		snprintf(dims, sizeof(dims), "%zu, %zu, %zu", d[0], d[1] * d[2], d[3]);
	else if (bias || tensor->dimension_count == 1)
		snprintf(dims, sizeof(dims), "%zu", tensor->count);
	else if (tensor->dimension_count == 2)
		snprintf(dims, sizeof(dims), "%zu, %zu", d[0], d[1]);
	else
		snprintf(dims, sizeof(dims), "%zu, %zu, %zu", d[0], d[1], d[2]);

	float *values = malloc(tensor->count * sizeof(float));
	memcpy(values, tensor->values, tensor->count * sizeof(float));
	if (dict->cuda && (kernel || bias))
		arrange_for_cuda(values, tensor, kernel);
	snprintf(name, sizeof(name), "%s%s", dict->prefix, published);
	container_add(&dict->container, name, dims, values, tensor->count);
	free(values);
}

static unsigned char *state_dict(
	struct golden *golden, const char *prefix, bool cuda, size_t *ret_size) {
	struct state_dict dict = { .prefix = prefix, .cuda = cuda };
	golden_origins(golden, add_published, &dict);
	unsigned char *bytes = container_bytes(&dict.container, ret_size);
	container_finish(&dict.container);
	return bytes;
}

static const struct {
	const char *name;
	unsigned int flags; /* for the way out */
} published_cases[] = {
	{ "stack_msm", XLSTM_PUBLISHED },
	{ "stack_sms_long", XLSTM_PUBLISHED },
	{ "slstm_block", XLSTM_PUBLISHED_BLOCK },
	{ "slstm_block_noconv", XLSTM_PUBLISHED_BLOCK },
	{ "mlstm_block", XLSTM_PUBLISHED_BLOCK },
};

#define EACH_PUBLISHED(i)                                                                          \
	for (size_t i = 0; i < sizeof(published_cases) / sizeof(published_cases[0]); i++)

/* Shape and values are inferred as the test's own reading of the vectors has them. */
static void published_state_dicts_load_by_their_names(void **state) {
	(void)state;
	static const char *const prefixes[] = { "", "xlstm_block_stack.", "model.backbone." };
	EACH_PUBLISHED(i) {
		struct golden *golden = golden_open(published_cases[i].name);
		struct xlstm_weights *expected = golden_weights(golden);
		for (size_t j = 0; j < 6; j++) {
			size_t size;
			unsigned char *bytes = state_dict(golden, prefixes[j / 2], j % 2, &size);
			struct xlstm_weights *loaded;
			struct xlstm_fault fault;
			int r = xlstm_weights_parse(&loaded, bytes, size, &fault);
			if (r < 0)
				fail_msg("%s: %s: %s", published_cases[i].name, xlstm_error_text(r),
					fault.where);
			assert_same_weights(loaded, expected);
			xlstm_weights_destroy(loaded);
			free(bytes);
		}
		xlstm_weights_destroy(expected);
		golden_close(golden);
	}
}

/* `text` of a header, from the name of a tensor to the end of its entry. */
static char *entry_of(const unsigned char *bytes, const char *name) {
	char key[160];
	uint64_t length;
	memcpy(&length, bytes, 8);
	char *header = strndup((const char *)bytes + 8, length);
	snprintf(key, sizeof(key), "\"%s\"", name);
	char *at = strstr(header, key), *entry = NULL;
	if (at)
		entry = strndup(at, (size_t)(strchr(at, '}') - at));
	free(header);
	return entry;
}

/* Finds what the hand-made state_dict holds in the exported file: same name, dimensions, bytes. */
static void check_exported(
	const char *name, const unsigned char *expected, const unsigned char *actual) {
	uint64_t expected_length, actual_length;
	size_t e[2], a[2];
	char e_dims[64], a_dims[64], squeezed[64] = "";
	char *want = entry_of(expected, name), *got = entry_of(actual, name);
	if (!got)
		fail_msg("no tensor %s", name);
	assert_int_equal(sscanf(strchr(want, '['), "[%63[^]]], \"data_offsets\": [%zu, %zu]",
				 e_dims, &e[0], &e[1]),
		3);
	assert_int_equal(sscanf(strchr(got, '['), "[%63[^]]],\"data_offsets\":[%zu,%zu]", a_dims,
				 &a[0], &a[1]),
		3);
	for (size_t i = 0, j = 0; e_dims[i]; i++)
		if (e_dims[i] != ' ')
			squeezed[j++] = e_dims[i];
	assert_string_equal(squeezed, a_dims);
	memcpy(&expected_length, expected, 8);
	memcpy(&actual_length, actual, 8);
	assert_int_equal(e[1] - e[0], a[1] - a[0]);
	assert_memory_equal(expected + 8 + expected_length + e[0],
		actual + 8 + actual_length + a[0], e[1] - e[0]);
	free(want);
	free(got);
}

struct exported {
	const unsigned char *expected, *actual;
	size_t count;
};

static void check_origin(
	void *context, struct golden *golden, const char *ours, const char *published) {
	(void)golden;
	(void)ours;
	struct exported *exported = context;
	check_exported(published, exported->expected, exported->actual);
	exported->count++;
}

static void published_state_dicts_go_out_as_they_came(void **state) {
	(void)state;
	EACH_PUBLISHED(i) {
		struct golden *golden = golden_open(published_cases[i].name);
		struct xlstm_weights *weights = golden_weights(golden);
		for (unsigned int cuda = 0; cuda < 2; cuda++) {
			const char *path = scratch_path("exported.safetensors");
			unsigned int flags =
				published_cases[i].flags | (cuda ? XLSTM_PUBLISHED_CUDA : 0);
			assert_int_equal(xlstm_weights_export(weights, path, flags), 0);
			size_t size, expected_size;
			unsigned char *actual = read_bytes(path, &size);
			unsigned char *expected = state_dict(golden, "", cuda, &expected_size);
			struct exported exported = { expected, actual, 0 };
			golden_origins(golden, check_origin, &exported);
			assert_int_equal(exported.count, xlstm_tensor_count(weights));
			struct xlstm_weights *back = opened(path);
			assert_same_weights(back, weights);
			xlstm_weights_destroy(back);
			free(actual);
			free(expected);
		}
		xlstm_weights_destroy(weights);
		golden_close(golden);
	}
}

static void a_stack_does_not_go_out_as_a_block(void **state) {
	(void)state;
	struct xlstm_weights *weights = some_weights();
	assert_int_equal(xlstm_weights_export(weights, scratch_path("x"), XLSTM_PUBLISHED_BLOCK),
		XLSTM_E_BLOCKS);
	assert_int_not_equal(access(scratch_path("x"), F_OK), 0);
	xlstm_weights_destroy(weights);
}

static void narrow_types_are_widened(void **state) {
	(void)state;
	/* An sLSTM block of width 1 without convolution and feed-forward: 1, 0.5, -2, the smallest
	 * subnormal, the largest half. */
	static const uint16_t brain[] = { 0x3f80, 0x3f00, 0xc000, 0x0001, 0x7f7f };
	static const float brain_values[] = { 1, 0.5f, -2, 0x1p-133f, 0x1.fep127f };
	static const uint16_t half[] = { 0x3c00, 0x3800, 0xc000, 0x0001, 0x7bff };
	static const float half_values[] = { 1, 0.5f, -2, 0x1p-24f, 65504 };
	static const char *const gates[] = { "xlstm_norm", "xlstm.fgate", "xlstm.igate",
		"xlstm.zgate", "xlstm.ogate" };
	for (size_t i = 0; i < 10; i++) {
		struct container container = { .header = NULL };
		const uint16_t *bits = i < 5 ? brain : half;
		float expected = i < 5 ? brain_values[i] : half_values[i - 5], zero[4] = { 0 };
		container_add(&container, "xlstm.slstm_cell._recurrent_kernel_", "1,4,1", zero, 4);
		container_add(&container, "xlstm.slstm_cell._bias_", "4", zero, 4);
		container_add(&container, "xlstm.group_norm.weight", "1", zero, 1);
		for (size_t j = 1; j < 5; j++) {
			char name[64];
			snprintf(name, sizeof(name), "%s.weight", gates[j]);
			container_add(&container, name, "1,1,1", zero, 1);
		}
		char entry[160];
		snprintf(entry, sizeof(entry),
			"\"xlstm_norm.weight\":{\"dtype\":\"%s\",\"shape\":[1],"
			"\"data_offsets\":[%zu,%zu]}",
			i < 5 ? "BF16" : "F16", container.data_size, container.data_size + 2);
		container_add_text(&container, entry);
		container_pad(&container, 2);
		memcpy(container.data + container.data_size - 2, &bits[i % 5], 2);

		size_t size;
		unsigned char *bytes = container_bytes(&container, &size);
		struct xlstm_weights *weights;
		struct xlstm_tensor tensor;
		assert_int_equal(xlstm_weights_parse(&weights, bytes, size, NULL), 0);
		assert_int_equal(
			xlstm_tensor_find(weights, "blocks.0.xlstm_norm.weight", &tensor), 0);
		assert_memory_equal(tensor.values, &expected, sizeof(expected));
		xlstm_weights_destroy(weights);
		free(bytes);
		container_finish(&container);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_weights_open_as_they_were),
		cmocka_unit_test(weights_in_memory_are_the_bytes_of_the_file),
		cmocka_unit_test(saved_weights_are_mapped_and_shared_with_models),
		cmocka_unit_test(mapped_weights_change_only_as_clones),
		cmocka_unit_test(saving_replaces_a_file_that_is_open),
		cmocka_unit_test(saving_fails_and_leaves_what_was_there),
		cmocka_unit_test(notes_are_set_removed_and_refused),
		cmocka_unit_test(published_state_dicts_load_by_their_names),
		cmocka_unit_test(published_state_dicts_go_out_as_they_came),
		cmocka_unit_test(a_stack_does_not_go_out_as_a_block),
		cmocka_unit_test(narrow_types_are_widened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
