/* SPDX-License-Identifier: Apache-2.0 */
#include "xlstm/xlstm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

static struct xlstm_shape good(void) {
	struct xlstm_shape shape = { .inputs = 7, .width = 32, .outputs = 5, .block_count = 3 };
	shape.blocks[0] = xlstm_block_published(XLSTM_MLSTM, 32, 4);
	shape.blocks[1] = xlstm_block_published(XLSTM_SLSTM, 32, 4);
	shape.blocks[2] = xlstm_block_published(XLSTM_FEEDFORWARD, 32, 0);
	return shape;
}

static void published_blocks_have_the_published_widths(void **state) {
	(void)state;
	static const struct {
		uint32_t width, inner, feedforward;
	} rows[] = { { 32, 64, 64 }, { 64, 128, 128 }, { 128, 256, 192 }, { 16, 64, 64 },
		{ 100, 256, 192 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			xlstm_block_published(XLSTM_MLSTM, rows[i].width, 4).inner, rows[i].inner);
		assert_int_equal(xlstm_block_published(XLSTM_SLSTM, rows[i].width, 4).feedforward,
			rows[i].feedforward);
	}
	struct xlstm_shape shape = good();
	assert_int_equal(xlstm_shape_check(&shape), 0);
}

/* Of the 7B model, whose rounding is that of its code: 64.3 becomes 64. */
static void large_blocks_have_the_published_widths(void **state) {
	(void)state;
	struct xlstm_block_shape block = xlstm_block_large(4096, 8);
	assert_int_equal(block.keys, 2048);
	assert_int_equal(block.inner, 4096);
	assert_int_equal(block.feedforward, 10944);
	assert_int_equal(xlstm_block_large(24, 4).feedforward, 64);
	struct xlstm_shape shape = { .width = 4096, .block_count = 1, .norm = XLSTM_RMS_NORM };
	shape.blocks[0] = block;
	assert_int_equal(xlstm_shape_check(&shape), 0);
}

static void wrong_shapes_are_refused_by_name(void **state) {
	(void)state;
	struct xlstm_shape shape;
#define REFUSED(change, code)                                                                      \
	shape = good();                                                                            \
	change;                                                                                    \
	assert_int_equal(xlstm_shape_check(&shape), code)
	REFUSED(shape.block_count = 0, XLSTM_E_BLOCKS);
	REFUSED(shape.block_count = XLSTM_BLOCKS_MAX + 1, XLSTM_E_BLOCKS);
	REFUSED(shape.width = 0, XLSTM_E_WIDTH);
	REFUSED(shape.width = 1u << 31, XLSTM_E_WIDTH);
	REFUSED(shape.inputs = UINT32_MAX, XLSTM_E_PROJECTION);
	REFUSED(shape.outputs = 65537, XLSTM_E_PROJECTION);
	REFUSED(shape.pool = (enum xlstm_pool)4, XLSTM_E_POOL);
	REFUSED(shape.pool = XLSTM_ATTENTION_POOL, XLSTM_E_POOL);
	REFUSED(shape.pool_keys = 8193, XLSTM_E_POOL);
	REFUSED(shape.pool_keys = 16, XLSTM_E_UNUSED);
	REFUSED(shape.memory = (enum xlstm_memory)2, XLSTM_E_MEMORY);
	REFUSED(shape.blocks[0].kind = (enum xlstm_block_kind)9, XLSTM_E_KIND);
	REFUSED(shape.blocks[0].heads = 0, XLSTM_E_HEADS);
	REFUSED(shape.blocks[0].heads = 3, XLSTM_E_HEADS);
	REFUSED(shape.blocks[1].heads = 5, XLSTM_E_HEADS);
	REFUSED(shape.blocks[0].inner = 0, XLSTM_E_INNER);
	REFUSED(shape.blocks[0].inner = 66, XLSTM_E_INNER);
	REFUSED(shape.blocks[0].inner = 1u << 20, XLSTM_E_INNER);
	REFUSED(shape.blocks[1].inner = 64, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[1].taps = 17, XLSTM_E_TAPS);
	REFUSED(shape.blocks[1].feedforward = UINT32_MAX, XLSTM_E_FEEDFORWARD);
	REFUSED(shape.blocks[2].feedforward = 0, XLSTM_E_FEEDFORWARD);
	REFUSED(shape.blocks[2].taps = 4, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[2].heads = 4, XLSTM_E_UNUSED);
	REFUSED(shape.norm = (enum xlstm_norm)2, XLSTM_E_NORM);
	REFUSED(shape.blocks[1].activation = (enum xlstm_activation)2, XLSTM_E_ACTIVATION);
	REFUSED(shape.blocks[0].activation = XLSTM_SILU, XLSTM_E_UNUSED);
	REFUSED((shape.inputs = 0, shape.embed_hidden = 8), XLSTM_E_UNUSED);
	REFUSED((shape.outputs = 0, shape.head_hidden = 8), XLSTM_E_UNUSED);
	REFUSED(shape.head_hidden = 65537, XLSTM_E_PROJECTION);
	REFUSED((shape.outputs = 0, shape.output_cap = 30), XLSTM_E_UNUSED);
	REFUSED(shape.blocks[0].arrangement = (enum xlstm_arrangement)3, XLSTM_E_ARRANGEMENT);
	REFUSED(shape.blocks[0].input_gate = (enum xlstm_input_gate)2, XLSTM_E_INPUT_GATE);
	REFUSED(shape.blocks[0].keys = 16, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[0].arrangement = XLSTM_POST_PROJECTION, XLSTM_E_KEYS);
	REFUSED(shape.blocks[1].arrangement = XLSTM_PRE_PROJECTION, XLSTM_E_INNER);
	REFUSED((shape.blocks[1].arrangement = XLSTM_PRE_PROJECTION, shape.blocks[1].inner = 30),
		XLSTM_E_HEADS);
	REFUSED(shape.blocks[1].keys = 16, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[1].gate_cap = 15, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[1].input_gate = XLSTM_LOGISTIC_GATE, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[2].arrangement = XLSTM_PRE_PROJECTION, XLSTM_E_UNUSED);
	REFUSED(shape.blocks[2].gate_cap = 15, XLSTM_E_UNUSED);
#undef REFUSED
#define REFUSED(change, code)                                                                      \
	shape = good();                                                                            \
	shape.blocks[0] = xlstm_block_large(32, 4);                                                \
	change;                                                                                    \
	assert_int_equal(xlstm_shape_check(&shape), code)
	REFUSED(shape.blocks[0].keys = 0, XLSTM_E_KEYS);
	REFUSED(shape.blocks[0].keys = 18, XLSTM_E_KEYS);
	REFUSED(shape.blocks[0].keys = 16388, XLSTM_E_KEYS);
	REFUSED(shape.blocks[0].inner = 0, XLSTM_E_INNER);
	REFUSED(shape.blocks[0].inner = 34, XLSTM_E_HEADS);
	REFUSED(shape.blocks[0].heads = 0, XLSTM_E_HEADS);
	REFUSED(shape.blocks[0].taps = 17, XLSTM_E_TAPS);
#undef REFUSED
	struct xlstm_weights *weights;
	shape = good();
	shape.width = 0;
	assert_int_equal(xlstm_weights_create(&weights, &shape), XLSTM_E_WIDTH);
}

static void errors_have_names_and_texts(void **state) {
	(void)state;
	assert_string_equal(xlstm_error_name(XLSTM_E_HEADS), "heads");
	assert_true(strlen(xlstm_error_text(XLSTM_E_HEADS)) > 10);
	assert_string_equal(xlstm_error_name(-ENOMEM), "system");
	assert_string_equal(xlstm_error_text(-ENOMEM), strerror(ENOMEM));
	assert_string_equal(xlstm_error_name(0), "ok");
	assert_string_equal(xlstm_error_text(0), "no error");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_blocks_have_the_published_widths),
		cmocka_unit_test(large_blocks_have_the_published_widths),
		cmocka_unit_test(wrong_shapes_are_refused_by_name),
		cmocka_unit_test(errors_have_names_and_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
