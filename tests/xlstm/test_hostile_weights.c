/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are damaged, cut off, foreign or hostile: each fault has its name, and no file does
 * anything but fail or give what was saved. */
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
#include <math.h>
#include <stdbool.h>
#include <sys/stat.h>

static unsigned char *file_from(
	const char *header, size_t length, const void *data, size_t data_size, size_t *ret_size) {
	unsigned char *bytes = calloc(1, 8 + length + data_size);
	assert_non_null(bytes);
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
	memcpy(bytes + 8, header, length);
	if (data)
		memcpy(bytes + 8 + length, data, data_size);
	*ret_size = 8 + length + data_size;
	return bytes;
}

static void assert_refused(const char *what, const unsigned char *bytes, size_t size, int expected,
	const char *where) {
	struct xlstm_fault fault = { "untouched" };
	struct xlstm_weights *weights = NULL;
	int r = xlstm_weights_parse(&weights, bytes, size, &fault);
	if (r != expected)
		fail_msg("%s: %s (%s), expected %s", what, xlstm_error_name(r), fault.where,
			xlstm_error_name(expected));
	assert_null(weights);
	assert_string_equal(fault.where, where);
	assert_string_not_equal(xlstm_error_name(r), "system");
}

/* clang-format off */
#define T(type, dims, places)                                                                      \
	"{\"dtype\":\"" type "\",\"shape\":[" dims "],\"data_offsets\":[" places "]}"

static const struct {
	const char *header;
	size_t data_size;
	int code;
	const char *where;
} containers[] = {
	{ "", 0, XLSTM_E_HEADER, "" },
	{ "{", 0, XLSTM_E_HEADER, "" },
	{ "{}", 0, XLSTM_E_FOREIGN, "" },
	{ "{}", 1, XLSTM_E_TRAILING, "" },
	{ "[]", 0, XLSTM_E_HEADER, "" },
	{ "{}{}", 0, XLSTM_E_HEADER, "" },
	{ "{\"a\":1}", 0, XLSTM_E_HEADER, "a" },
	{ "{\"a\":{}}", 0, XLSTM_E_HEADER, "a" },
	{ "{\"a\xff\":{}}", 0, XLSTM_E_HEADER, "" },
	{ "{\"a\\u0000\":{}}", 0, XLSTM_E_HEADER, "" },
	{ "{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,4]}}", 4, XLSTM_E_HEADER, "a" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, XLSTM_E_HEADER, "a" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offset\":[0,4]}}", 4, XLSTM_E_HEADER, "a" },
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"b\":1}}", 4,
	        XLSTM_E_HEADER, "a" },
	{ "{\"a\":" T("F32", "1.0", "0,4") "}", 4, XLSTM_E_HEADER, "a" },
	{ "{\"a\":" T("F32", "1", "0,4,8") "}", 4, XLSTM_E_HEADER, "a" },
	{ "{\"a\":" T("F32", "1", "0,4.0") "}", 4, XLSTM_E_HEADER, "a" },
	{ "{\"a\":" T("F64", "1", "0,8") "}", 8, XLSTM_E_TYPE, "a" },
	{ "{\"a\":" T("f32", "1", "0,4") "}", 4, XLSTM_E_TYPE, "a" },
	{ "{\"a\":" T("F32", "1", "0,4") "}", 3, XLSTM_E_BOUNDS, "a" },
	{ "{\"a\":" T("F32", "1", "4,0") "}", 4, XLSTM_E_BOUNDS, "a" },
	{ "{\"a\":" T("F32", "1", "-4,0") "}", 4, XLSTM_E_BOUNDS, "a" },
	{ "{\"a\":" T("F32", "1", "0,9223372036854775807") "}", 4, XLSTM_E_BOUNDS, "a" },
	{ "{\"a\":" T("F32", "1", "0,9223372036854775808") "}", 4, XLSTM_E_HEADER, "" },
	{ "{\"a\":" T("F32", "2", "0,4") "}", 4, XLSTM_E_DIMENSIONS, "a" },
	{ "{\"a\":" T("F32", "1", "0,5") "}", 5, XLSTM_E_DIMENSIONS, "a" },
	{ "{\"a\":" T("F32", "-1", "0,4") "}", 4, XLSTM_E_DIMENSIONS, "a" },
	{ "{\"a\":" T("F32", "4294967296", "0,4") "}", 4, XLSTM_E_DIMENSIONS, "a" },
	{ "{\"a\":" T("F32", "4294967295,4294967295,4294967295", "0,4") "}", 4,
	        XLSTM_E_DIMENSIONS, "a" },
	{ "{\"a\":" T("F32", "1,1,1,1,1", "0,4") "}", 4, XLSTM_E_DIMENSIONS, "a" },
	{ "{\"a\":" T("BF16", "1", "0,2") ",\"b\":" T("F32", "1", "2,6") "}", 6,
	        XLSTM_E_ALIGNMENT, "b" },
	{ "{\"a\":" T("F32", "1", "0,4") ",\"b\":" T("F32", "1", "0,4") "}", 4, XLSTM_E_OVERLAP,
	        "b" },
	{ "{\"a\":" T("F32", "2", "0,8") ",\"b\":" T("F32", "1", "4,8") "}", 8, XLSTM_E_OVERLAP,
	        "b" },
	{ "{\"a\":" T("F32", "1", "0,4") ",\"b\":" T("F32", "1", "8,12") "}", 12, XLSTM_E_GAP,
	        "b" },
	{ "{\"a\":" T("F32", "1", "4,8") "}", 8, XLSTM_E_GAP, "a" },
	{ "{\"a\":" T("F32", "1", "0,4") "}", 8, XLSTM_E_TRAILING, "" },
	{ "{\"a\":" T("F32", "1", "0,4") ",\"a\":" T("F32", "1", "4,8") "}", 8,
	        XLSTM_E_DUPLICATE, "" },
	{ "{\"a\":" T("F32", "1", "0,4") "}", 4, XLSTM_E_FOREIGN, "" },
	{ "{\"__metadata__\":1}", 0, XLSTM_E_HEADER, "" },
	{ "{\"__metadata__\":{\"a\":1}}", 0, XLSTM_E_HEADER, "a" },
	{ "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, XLSTM_E_DUPLICATE, "" },
	{ "{\"__metadata__\":{\"xlstm_version\":\"1\"}}", 0, XLSTM_E_METADATA, "" },
	{ "{\"__metadata__\":{\"xlstm_version\":\"2\"}}", 0, XLSTM_E_VERSION, "" },
	/* The shape of a bare block, to the limits of what it may claim. */
	{ "{\"xlstm_norm.weight\":" T("F32", "1", "0,4") "}", 4, XLSTM_E_FOREIGN, "" },
	{ "{\"ffn.proj_down.weight\":" T("F32", "0,1", "0,0")
	          ",\"xlstm_norm.weight\":" T("F32", "0", "0,0") "}",
	        0, XLSTM_E_WIDTH, "" },
};

/* clang-format on */

static void faulty_containers_are_refused_by_name(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
		size_t size;
		unsigned char *bytes = file_from(containers[i].header, strlen(containers[i].header),
			NULL, containers[i].data_size, &size);
		assert_refused(
			containers[i].header, bytes, size, containers[i].code, containers[i].where);
		free(bytes);
	}
}

static void headers_are_limited(void **state) {
	(void)state;
	unsigned char bytes[16] = { 0 };
	assert_refused("nothing", bytes, 0, XLSTM_E_TRUNCATED, "");
	assert_refused("half a length", bytes, 7, XLSTM_E_TRUNCATED, "");
	assert_refused("no header", bytes, 8, XLSTM_E_HEADER, "");
	bytes[0] = 9;
	assert_refused("cut header", bytes, 16, XLSTM_E_TRUNCATED, "");
	bytes[7] = 0x80;
	assert_refused("endless header", bytes, 16, XLSTM_E_HEADER_SIZE, "");

	size_t size, length = 100000;
	char *deep = malloc(length);
	memset(deep, '[', length);
	unsigned char *file = file_from(deep, length, NULL, 0, &size);
	assert_refused("deep nesting", file, size, XLSTM_E_HEADER, "");
	free(file);
	free(deep);
}

/* A small model of both kinds, as the library saves it. */
static unsigned char *saved(size_t *ret_size) {
	struct xlstm_shape shape = { .inputs = 2, .width = 8, .outputs = 3, .block_count = 2 };
	shape.blocks[0] = (struct xlstm_block_shape){
		.kind = XLSTM_MLSTM, .heads = 2, .taps = 4, .inner = 8
	};
	shape.blocks[1] =
		(struct xlstm_block_shape){ .kind = XLSTM_SLSTM, .heads = 2, .feedforward = 8 };
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	assert_int_equal(xlstm_weights_initialise(weights, 4), 0);
	assert_int_equal(xlstm_note_set(weights, "note", "some words"), 0);
	const char *path = scratch_path("small.safetensors");
	assert_int_equal(xlstm_weights_save(weights, path), 0);
	xlstm_weights_destroy(weights);
	return read_bytes(path, ret_size);
}

/* The file with the first `from` of its header made `to`. */
static unsigned char *edited(const unsigned char *bytes, size_t size, const char *from,
	const char *to, size_t *ret_size) {
	uint64_t length;
	memcpy(&length, bytes, 8);
	char *header = strndup((const char *)bytes + 8, length), *at = strstr(header, from);
	if (!at)
		fail_msg("header has no %s", from);
	char *text = malloc(length + strlen(to) + 1);
	int written = sprintf(text, "%.*s%s%s", (int)(at - header), header, to, at + strlen(from));
	unsigned char *edited = file_from(
		text, (size_t)written, bytes + 8 + length, size - 8 - (size_t)length, ret_size);
	free(text);
	free(header);
	return edited;
}

/* clang-format off */
static const struct {
	const char *from, *to;
	int code;
	const char *where;
} edits[] = {
	{ "\"xlstm_version\":\"1\"", "\"xlstm_version\":\"0\"", XLSTM_E_VERSION, "" },
	{ "xlstm_version", "version", XLSTM_E_METADATA, "" },
	{ "xlstm_shape", "xlstm_form", XLSTM_E_METADATA, "" },
	{ "xlstm_identity", "xlstm_checksum", XLSTM_E_METADATA, "" },
	{ "xlstm_identity", "xlstm_extra\":\"\",\"xlstm_identity", XLSTM_E_METADATA, "" },
	{ "identity\":\"", "identity\":\"0", XLSTM_E_IDENTITY, "" },
	{ "\"{\\\"inputs", "\"[\\\"inputs", XLSTM_E_METADATA, "" },
	{ "\\\"inputs\\\"", "\\\"input\\\"", XLSTM_E_METADATA, "" },
	{ "\\\"inputs\\\":2", "\\\"inputs\\\":\\\"2\\\"", XLSTM_E_METADATA, "" },
	{ "\\\"inputs\\\":2", "\\\"inputs\\\":-2", XLSTM_E_METADATA, "" },
	{ "\\\"inputs\\\":2", "\\\"inputs\\\":2,\\\"inputs\\\":2", XLSTM_E_METADATA, "" },
	{ "\\\"inputs\\\":2", "\\\"inputs\\\":3", XLSTM_E_DIMENSIONS, "embed.weight" },
	{ "\\\"inputs\\\":2", "\\\"inputs\\\":0", XLSTM_E_NAME, "embed.bias" },
	{ "\\\"inputs\\\":2", "\\\"inputs\\\":65537", XLSTM_E_PROJECTION, "" },
	{ "\\\"width\\\":8", "\\\"width\\\":8193", XLSTM_E_WIDTH, "" },
	{ "\\\"width\\\":8", "\\\"width\\\":16", XLSTM_E_DIMENSIONS,
	        "blocks.0.xlstm_norm.weight" },
	{ "\\\"mlstm\\\"", "\\\"slstm\\\"", XLSTM_E_UNUSED, "" },
	{ "\\\"mlstm\\\"", "\\\"mlsym\\\"", XLSTM_E_METADATA, "" },
	{ "\\\"heads\\\":2", "\\\"heads\\\":4", XLSTM_E_DIMENSIONS,
	        "blocks.0.xlstm.mlstm_cell.igate.weight" },
	{ "\\\"heads\\\":2", "\\\"heads\\\":3", XLSTM_E_HEADS, "" },
	{ "\\\"blocks\\\":[", "\\\"blocks\\\":[1,", XLSTM_E_METADATA, "" },
	{ "\\\"blocks\\\":[", "\\\"blocks\\\":[{},", XLSTM_E_KIND, "" },
	{ "blocks.1.ffn_norm.weight", "blocks.1.ffn_norm.weights", XLSTM_E_MISSING,
	        "blocks.1.ffn_norm.weight" },
	{ "\"blocks.1.ffn_norm.weight\"",
	        "\"x\":" T("F32", "0", "0,0") ",\"blocks.1.ffn_norm.weight\"", XLSTM_E_NAME, "x" },
	{ "\"shape\":[8,2]", "\"shape\":[2,8]", XLSTM_E_DIMENSIONS, "embed.weight" },
	{ "\"shape\":[8,2]", "\"shape\":[16]", XLSTM_E_DIMENSIONS, "embed.weight" },
	/* The recurrent kernel of CUDA has no place in a file of ours. */
	{ "\"shape\":[2,16,4]", "\"shape\":[2,4,16]", XLSTM_E_DIMENSIONS,
	        "blocks.1.xlstm.slstm_cell._recurrent_kernel_" },
};

/* clang-format on */

static void faulty_models_are_refused_by_name(void **state) {
	(void)state;
	size_t size, edited_size;
	unsigned char *bytes = saved(&size);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		unsigned char *file = edited(bytes, size, edits[i].from, edits[i].to, &edited_size);
		assert_refused(edits[i].to, file, edited_size, edits[i].code, edits[i].where);
		free(file);
	}
	free(bytes);
}

static void values_that_are_not_finite_are_refused(void **state) {
	(void)state;
	static const float wrong[] = { NAN, INFINITY, -INFINITY };
	size_t size;
	unsigned char *bytes = saved(&size);
	for (size_t i = 0; i < 3; i++) {
		unsigned char kept[4];
		memcpy(kept, bytes + size - 4, 4);
		memcpy(bytes + size - 4, &wrong[i], 4);
		assert_refused("last value", bytes, size, XLSTM_E_NOT_FINITE, "head.bias");
		memcpy(bytes + size - 4, kept, 4);
	}
	free(bytes);
}

/* Each length in a block of its own, so that a sanitizer sees a step too far. */
static void files_cut_off_anywhere_are_refused(void **state) {
	(void)state;
	size_t size;
	unsigned char *bytes = saved(&size);
	for (size_t length = 0; length < size; length++) {
		unsigned char *cut = malloc(length ? length : 1);
		struct xlstm_weights *weights = NULL;
		memcpy(cut, bytes, length);
		int r = xlstm_weights_parse(&weights, cut, length, NULL);
		if (r != XLSTM_E_TRUNCATED && r != XLSTM_E_BOUNDS)
			fail_msg("%zu of %zu bytes: %s", length, size, xlstm_error_name(r));
		free(cut);
	}
	free(bytes);
}

/* A flipped bit is noticed, or lies where it does not matter (the notes, the padding). */
static void flipped_bits_are_noticed_or_change_nothing(void **state) {
	(void)state;
	struct xlstm_weights *whole, *weights;
	size_t size;
	uint64_t length;
	unsigned char *bytes = saved(&size);
	assert_int_equal(xlstm_weights_parse(&whole, bytes, size, NULL), 0);
	memcpy(&length, bytes, 8);
	for (size_t i = 0; i < 8 * size; i++) {
		bool header = i / 8 < 8 + length;
		if (!header && i % 8 != i / 8 % 8) /* of the data one bit each */
			continue;
		bytes[i / 8] ^= (unsigned char)(1u << i % 8);
		int r = xlstm_weights_parse(&weights, bytes, size, NULL);
		bytes[i / 8] ^= (unsigned char)(1u << i % 8);
		if (r < 0)
			continue;
		assert_true(header);
		assert_true(xlstm_weights_identity(weights) == xlstm_weights_identity(whole));
		xlstm_weights_destroy(weights);
	}
	xlstm_weights_destroy(whole);
	free(bytes);
}

static void what_is_no_regular_file_is_refused(void **state) {
	(void)state;
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_open(&weights, scratch_path("absent"), NULL), -ENOENT);
	assert_int_equal(xlstm_weights_open(&weights, "/dev/null", NULL), XLSTM_E_REGULAR);
	assert_int_equal(xlstm_weights_open(&weights, "/tmp", NULL), XLSTM_E_REGULAR);
	assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
	assert_int_equal(xlstm_weights_open(&weights, scratch_path("pipe"), NULL), XLSTM_E_REGULAR);
	write_bytes(scratch_path("empty"), "", 0);
	assert_int_equal(
		xlstm_weights_open(&weights, scratch_path("empty"), NULL), XLSTM_E_TRUNCATED);
	write_bytes(scratch_path("text"), "weights, honestly", 17);
	assert_int_equal(
		xlstm_weights_open(&weights, scratch_path("text"), NULL), XLSTM_E_HEADER_SIZE);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faulty_containers_are_refused_by_name),
		cmocka_unit_test(headers_are_limited),
		cmocka_unit_test(faulty_models_are_refused_by_name),
		cmocka_unit_test(values_that_are_not_finite_are_refused),
		cmocka_unit_test(files_cut_off_anywhere_are_refused),
		cmocka_unit_test(flipped_bits_are_noticed_or_change_nothing),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
