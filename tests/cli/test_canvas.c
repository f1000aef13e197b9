/* SPDX-License-Identifier: Apache-2.0 */
#include "canvas.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct canvas_style full = { .utf8 = true, .colour = true };
static const struct canvas_style mono = { .utf8 = true };
static const struct canvas_style ascii = { .utf8 = false };

static void assert_written(
	const struct canvas *canvas, const struct canvas_style *style, const char *expected) {
	struct text text = { 0 };

	canvas_write(canvas, style, &text);
	text_add_char(&text, '\0');
	assert_string_equal(text.data, expected);
	text_finish(&text);
}

static void text_stands_where_it_was_put(void **state) {
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 8, 2), 0);
	assert_int_equal(canvas_text(&canvas, 2, 1, INK_PLAIN, "4 °C"), 6);
	assert_int_equal(canvas_width("4 °C"), 4);
	assert_written(&canvas, &mono, "\n  4 °C");
	assert_written(&canvas, &ascii, "\n  4 oC");
	canvas_finish(&canvas);
}

static void what_lies_outside_is_not_drawn(void **state) {
	const enum shade eighths[EIGHTHS] = { SHADE_80 };
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 3, 1), 0);
	canvas_text(&canvas, -2, 0, INK_PLAIN, "abcdefgh");
	canvas_text(&canvas, 0, 1, INK_PLAIN, "below");
	canvas_text(&canvas, 0, -1, INK_PLAIN, "above");
	canvas_ground(&canvas, 3, 0, eighths);
	canvas_line(&canvas, -50, -50, -1, -1, INK_MEDIAN);
	canvas_line(&canvas, 6, 0, 90, 90, INK_MEDIAN);
	assert_written(&canvas, &mono, "cde");
	canvas_finish(&canvas);
}

/* The numbering of Unicode's Braille patterns: 1 2 3 down the left, 4 5 6 down the right, 7 8. */
static void dots_are_where_unicode_has_them(void **state) {
	static const uint32_t expected[DOTS_DOWN][DOTS_ACROSS] = { { 0x2801, 0x2808 },
		{ 0x2802, 0x2810 }, { 0x2804, 0x2820 }, { 0x2840, 0x2880 } };
	struct canvas canvas;
	char character[4];

	(void)state;
	for (int y = 0; y < DOTS_DOWN; y++) {
		for (int x = 0; x < DOTS_ACROSS; x++) {
			assert_int_equal(canvas_init(&canvas, 1, 1), 0);
			canvas_line(&canvas, x, y, x, y, INK_HISTORY);
			character[0] = (char)0xe2;
			character[1] = (char)(0x80 | (expected[y][x] >> 6 & 0x3f));
			character[2] = (char)(0x80 | (expected[y][x] & 0x3f));
			character[3] = '\0';
			assert_written(&canvas, &mono, character);
			canvas_finish(&canvas);
		}
	}
}

static void a_line_joins_its_ends(void **state) {
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 4, 1), 0);
	canvas_line(&canvas, 0, 3, 7, 3, INK_HISTORY);
	assert_written(&canvas, &mono, "⣀⣀⣀⣀");
	canvas_line(&canvas, 7, 0, 0, 0, INK_HISTORY);
	assert_written(&canvas, &mono, "⣉⣉⣉⣉");
	canvas_finish(&canvas);

	assert_int_equal(canvas_init(&canvas, 2, 1), 0);
	canvas_line(&canvas, 0, 0, 3, 3, INK_MEDIAN);
	assert_written(&canvas, &mono, "⠑⢄");
	assert_written(&canvas, &ascii, "--");
	canvas_finish(&canvas);
}

static void ground_is_cut_at_an_eighth(void **state) {
	const enum shade edge[EIGHTHS] = { SHADE_60, SHADE_60, SHADE_60, SHADE_80, SHADE_80,
		SHADE_80, SHADE_80, SHADE_80 };
	const enum shade top[EIGHTHS] = { SHADE_NONE, SHADE_NONE, SHADE_80, SHADE_80, SHADE_80,
		SHADE_80, SHADE_80, SHADE_80 };
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 2, 1), 0);
	canvas_ground(&canvas, 0, 0, edge);
	canvas_ground(&canvas, 1, 0, top);
	assert_written(&canvas, &full,
		"\x1b[0;38;5;24;48;5;23m▃" /* three eighths of the inner on the outer shade */
		"\x1b[0;7;38;5;23m▂" /* reversed: two eighths of the terminal's own ground */
		"\x1b[0m");
	assert_written(&canvas, &mono, "░░");
	assert_written(&canvas, &ascii, "..");
	canvas_finish(&canvas);
}

static void a_line_lies_on_the_ground(void **state) {
	enum shade eighths[EIGHTHS];
	struct canvas canvas;

	(void)state;
	for (int i = 0; i < EIGHTHS; i++)
		eighths[i] = SHADE_20;
	assert_int_equal(canvas_init(&canvas, 1, 1), 0);
	canvas_ground(&canvas, 0, 0, eighths);
	canvas_line(&canvas, 0, 0, 1, 0, INK_MEDIAN);
	assert_written(&canvas, &full, "\x1b[0;38;5;222;48;5;38m⠉\x1b[0m");
	canvas_finish(&canvas);
}

static void rows_end_as_the_style_says(void **state) {
	const struct canvas_style raw = { .row_end = "\x1b[K\r\n" };
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 2, 3), 0);
	canvas_text(&canvas, 0, 1, INK_PLAIN, "x");
	assert_written(&canvas, &raw, "\x1b[K\r\nx\x1b[K\r\n");
	canvas_finish(&canvas);
}

static void control_characters_never_reach_the_terminal(void **state) {
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 8, 1), 0);
	canvas_text(&canvas, 0, 0, INK_PLAIN, "a\x1b[2J\x7f\xff");
	assert_written(&canvas, &ascii, "a?[2J??");
	canvas_finish(&canvas);
}

static void a_canvas_without_a_cell_is_refused(void **state) {
	struct canvas canvas;

	(void)state;
	assert_int_equal(canvas_init(&canvas, 0, 5), -EINVAL);
	assert_int_equal(canvas_init(&canvas, 5, -1), -EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stands_where_it_was_put),
		cmocka_unit_test(what_lies_outside_is_not_drawn),
		cmocka_unit_test(dots_are_where_unicode_has_them),
		cmocka_unit_test(a_line_joins_its_ends),
		cmocka_unit_test(ground_is_cut_at_an_eighth),
		cmocka_unit_test(a_line_lies_on_the_ground),
		cmocka_unit_test(rows_end_as_the_style_says),
		cmocka_unit_test(control_characters_never_reach_the_terminal),
		cmocka_unit_test(a_canvas_without_a_cell_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
