/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation fails: each of those that reading weights takes, in turn. They are what they were, or there are
 * none for want of memory, and nothing is left behind. */
#include "json_whole.h"
#include "sanitizers.h"
#include "starve.h"
#include "xlstm/xlstm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A name and a note of every length, as bytes of them are what could get lost. */
static struct xlstm_weights *make_weights(void) {
	struct xlstm_shape shape = { .inputs = 2, .width = 32, .outputs = 3, .block_count = 1 };
	struct xlstm_weights *weights;
	char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

	shape.blocks[0] = xlstm_block_published(XLSTM_SLSTM, 32, 2);
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	assert_int_equal(xlstm_weights_initialise(weights, 1), 0);
	for (size_t length = sizeof(letters) - 1; length > 0; length--) {
		letters[length] = '\0';
		assert_int_equal(xlstm_note_set(weights, letters, letters), 0);
	}
	return weights;
}

static void count_note(void *context, const char *key, const char *value) {
	assert_string_equal(key, value);
	++*(int *)context;
}

static void weights_are_read_right_or_not_at_all(void **state) {
	struct xlstm_weights *weights = make_weights();
	uint64_t identity = xlstm_weights_identity(weights);
	int failures = 0;
	bool reached = true;
	void *bytes;
	size_t size;

	(void)state;
	assert_int_equal(xlstm_weights_write(weights, &bytes, &size), 0);
	xlstm_weights_destroy(weights);
	int64_t before = starve_blocks();
	for (int64_t nth = 1; reached; nth++) {
		int notes = 0;

		starve(nth);
		int r = xlstm_weights_parse(&weights, bytes, size, NULL);
		reached = starve_end();
		assert_true(r == 0 || (reached && r == -ENOMEM));
		failures += r < 0;
		if (r == 0) {
			assert_true(xlstm_weights_identity(weights) == identity);
			xlstm_notes(weights, count_note, &notes);
			assert_int_equal(notes, 52);
			xlstm_weights_destroy(weights);
		}
		assert_int_equal(starve_blocks(), before);
	}
	assert_true(SANITIZED || failures > 100);
	free(bytes);
}

/* The buffer of a token grows at 16 bytes, 32, and so on: at a letter, at the closing quote, at a digit. */
static void no_byte_of_any_token_is_lost(void **state) {
	(void)state;
	for (size_t length = 0; length < 100; length++) {
		char text[128] = "[\"";
		json_t *json = NULL;
		json_error_t error;
		bool reached = true;

		memset(text + 2, 'a', length);
		strcpy(text + 2 + length, "\",1,2.5]");
		int64_t before = starve_blocks();
		for (int64_t nth = 1; reached; nth++) {
			starve(nth);
			int r = json_read_whole(&json, text, strlen(text), &error);
			reached = starve_end();
			assert_int_equal(r, reached ? -ENOMEM : 0);
			if (r < 0)
				continue;
			assert_int_equal(json_string_length(json_array_get(json, 0)), length);
			assert_int_equal(json_array_size(json), 3);
			json_decref(json);
		}
		assert_int_equal(starve_blocks(), before);
	}
}

/* What surrounds the text while it is read does not become part of it. */
static void only_one_value_is_read(void **state) {
	static const char *const wrong[] = { "", "1,2", "1]", "1],[2", "]", "\"", "1 2", "[",
		"{}{}" };
	json_error_t error;
	json_t *json;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (json_read_whole(&json, wrong[i], strlen(wrong[i]), &error) != -EINVAL)
			fail_msg("%s was read", wrong[i]);
	assert_int_equal(json_read_whole(&json, " 7 ", 3, &error), 0);
	assert_int_equal(json_integer_value(json), 7);
	json_decref(json);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_read_right_or_not_at_all),
		cmocka_unit_test(no_byte_of_any_token_is_lost),
		cmocka_unit_test(only_one_value_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
