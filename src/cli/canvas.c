/* SPDX-License-Identifier: Apache-2.0 */
#include "canvas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_COLOUR -1

struct cell {
	uint32_t glyph; /* code point, 0: none */
	uint8_t dots; /* bits of the Braille pattern */
	uint8_t ink;
	uint8_t lower, upper; /* shades */
	uint8_t split; /* eighths of the cell, from the bottom, that have the lower shade */
	uint8_t shade; /* of most of the cell */
};

struct ink_row {
	int colour; /* of the 256 */
	bool bold;
	char dot; /* for dots where there is no Braille */
};

static const struct ink_row inks[INKS] = {
	[INK_PLAIN] = { 252, false, '.' },
	[INK_STRONG] = { 231, true, '.' },
	[INK_FAINT] = { 245, false, '.' },
	[INK_GRID] = { 238, false, '.' },
	[INK_HISTORY] = { 255, false, '*' },
	[INK_MEDIAN] = { 222, false, '-' },
	[INK_GOOD] = { 114, false, '.' },
	[INK_WAITING] = { 179, false, '.' },
	[INK_ALARM] = { 203, true, '!' },
};

struct shade_row {
	int colour;
	uint32_t pattern; /* without colours */
	char ascii;
};

static const struct shade_row shades[SHADES] = {
	[SHADE_NONE] = { NO_COLOUR, ' ', ' ' },
	[SHADE_PAST] = { 236, ' ', ' ' },
	[SHADE_80] = { 23, 0x2591, '.' },
	[SHADE_60] = { 24, 0x2591, '.' },
	[SHADE_40] = { 31, 0x2592, ':' },
	[SHADE_20] = { 38, 0x2592, ':' },
};

/* ASCII in place of the characters that charts are made of; for any other, a question mark. */
static const struct {
	uint32_t glyph;
	char ascii;
} plain[] = {
	{ 0x2500, '-' },
	{ 0x2502, '|' },
	{ 0x250a, ':' },
	{ 0x2508, '.' },
	{ 0x2514, '+' },
	{ 0x2518, '+' },
	{ 0x251c, '+' },
	{ 0x2524, '+' },
	{ 0x252c, '+' },
	{ 0x2534, '+' },
	{ 0x25cf, '*' },
	{ 0x00b7, '|' },
	{ 0x2026, '~' },
	{ 0x2013, '-' },
	{ 0x2192, '>' },
	{ 0x2588, '#' },
	{ 0x2591, '.' },
	{ 0x2592, ':' },
	{ 0x2593, '#' },
	{ 0x00b1, '~' },
	{ 0x00b0, 'o' },
	{ 0x00b5, 'u' },
};

int canvas_init(struct canvas *canvas, int columns, int rows) {
	if (columns < 1 || rows < 1)
		return -EINVAL;

	struct cell *cells = calloc((size_t)columns * (size_t)rows, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	*canvas = (struct canvas){ .columns = columns, .rows = rows, .cells = cells };
	return 0;
}

void canvas_finish(struct canvas *canvas) {
	free(canvas->cells);
	canvas->cells = NULL;
}

/* NULL outside. */
static struct cell *cell_at(const struct canvas *canvas, int column, int row) {
	if (column < 0 || column >= canvas->columns || row < 0 || row >= canvas->rows)
		return NULL;
	return &canvas->cells[row * canvas->columns + column];
}

/* Takes one character off the text; malformed bytes count as one each. */
static uint32_t next_character(const char **text) {
	const unsigned char *at = (const unsigned char *)*text;
	int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;
	uint32_t glyph = more ? *at & (0x3fu >> more) : *at;

	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			*text += 1;
			return 0xfffd;
		}
		glyph = glyph << 6 | (at[i] & 0x3fu);
	}
	*text += more + 1;
	return glyph;
}

int canvas_text(struct canvas *canvas, int column, int row, enum ink ink, const char *text) {
	while (*text) {
		uint32_t glyph = next_character(&text);
		struct cell *cell = cell_at(canvas, column++, row);
		if (!cell)
			continue;
		if (glyph < ' ' || glyph == 0x7f)
			glyph = 0xfffd;
		/* A blank leaves the ground as it is. */
		cell->glyph = glyph == ' ' ? 0 : glyph;
		cell->dots = 0;
		cell->ink = (uint8_t)ink;
	}
	return column;
}

int canvas_width(const char *text) {
	int width = 0;

	for (; *text; width++)
		next_character(&text);
	return width;
}

/* The shade that most of the eighths from `from` to below `to` have. */
static enum shade most(const enum shade eighths[EIGHTHS], int from, int to, int *ret_count) {
	enum shade best = eighths[from];
	int best_count = 0;

	for (int i = from; i < to; i++) {
		int count = 0;
		for (int k = from; k < to; k++)
			count += eighths[k] == eighths[i];
		if (count > best_count) {
			best_count = count;
			best = eighths[i];
		}
	}
	*ret_count = best_count;
	return best;
}

void canvas_ground(struct canvas *canvas, int column, int row, const enum shade eighths[EIGHTHS]) {
	struct cell *cell = cell_at(canvas, column, row);
	int best, count;

	if (!cell)
		return;
	cell->shade = (uint8_t)most(eighths, 0, EIGHTHS, &best);
	cell->lower = cell->upper = cell->shade;
	cell->split = EIGHTHS;
	/* A cell shows two colours; of all ways to cut it the truest is taken. */
	for (int split = 1; split < EIGHTHS; split++) {
		enum shade lower = most(eighths, 0, split, &count);
		int right = count;
		enum shade upper = most(eighths, split, EIGHTHS, &count);
		right += count;
		if (right <= best)
			continue;
		best = right;
		cell->lower = (uint8_t)lower;
		cell->upper = (uint8_t)upper;
		cell->split = (uint8_t)split;
	}
}

static void put_dot(struct canvas *canvas, int x, int y, enum ink ink) {
	/* Unicode numbers the dots down the left, then down the right, and the lowest two last. */
	static const uint8_t bits[DOTS_DOWN][DOTS_ACROSS] = {
		{ 0x01, 0x08 },
		{ 0x02, 0x10 },
		{ 0x04, 0x20 },
		{ 0x40, 0x80 },
	};

	if (x < 0 || y < 0)
		return;
	struct cell *cell = cell_at(canvas, x / DOTS_ACROSS, y / DOTS_DOWN);
	if (!cell)
		return;
	cell->glyph = 0;
	cell->dots |= bits[y % DOTS_DOWN][x % DOTS_ACROSS];
	cell->ink = (uint8_t)ink;
}

/* Bresenham's, over the longer of the two ways. */
void canvas_line(struct canvas *canvas, int x0, int y0, int x1, int y1, enum ink ink) {
	int across = abs(x1 - x0), down = abs(y1 - y0);
	int right = x0 < x1 ? 1 : -1, below = y0 < y1 ? 1 : -1;

	for (int error = across - down;;) {
		put_dot(canvas, x0, y0, ink);
		if (x0 == x1 && y0 == y1)
			return;
		int twice = 2 * error;
		if (twice > -down) {
			error -= down;
			x0 += right;
		}
		if (twice < across) {
			error += across;
			y0 += below;
		}
	}
}

bool canvas_is_empty(const struct canvas *canvas, int column, int row) {
	const struct cell *cell = cell_at(canvas, column, row);

	return cell && cell->glyph == 0 && cell->dots == 0 && cell->lower == SHADE_NONE &&
	       cell->upper == SHADE_NONE;
}

/* ---- Writing ---- */

/* How a cell looks on a given terminal. */
struct look {
	uint32_t glyph;
	int ink; /* colour or NO_COLOUR */
	int ground;
	bool bold;
	bool reverse;
};

/* Whether `next` can be written without a change of style. A blank shows no ink. */
static bool goes_on(const struct look *last, const struct look *next) {
	bool same_ink = last->ink == next->ink && last->bold == next->bold;

	return last->ground == next->ground && last->reverse == next->reverse &&
	       (same_ink || (next->glyph == ' ' && !next->reverse));
}

static char to_ascii(uint32_t glyph) {
	if (glyph < 0x80)
		return (char)glyph;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].glyph == glyph)
			return plain[i].ascii;
	}
	return '?';
}

/* A cell cut in two shades: a block of the lower one on the upper one. The terminal's own ground
 * can't be the colour of a block, but reversing makes it so. */
static struct look split_look(const struct cell *cell) {
	struct look look = {
		.glyph = 0x2580u + cell->split,
		.ink = shades[cell->lower].colour,
		.ground = shades[cell->upper].colour,
	};

	if (cell->lower == SHADE_NONE) {
		look.ink = look.ground;
		look.ground = NO_COLOUR;
		look.reverse = true;
	}
	return look;
}

static struct look mark_look(const struct cell *cell, const struct canvas_style *style) {
	const struct ink_row *ink = &inks[cell->ink];
	struct look look = {
		.glyph = cell->glyph,
		.ink = ink->colour,
		.ground = shades[cell->shade].colour,
		.bold = ink->bold,
	};

	if (!cell->glyph)
		look.glyph = style->utf8 ? 0x2800u + cell->dots : (uint32_t)ink->dot;
	return look;
}

static struct look look_of(const struct cell *cell, const struct canvas_style *style) {
	const struct shade_row *shade = &shades[cell->shade];
	struct look look = { .glyph = ' ', .ink = NO_COLOUR, .ground = shade->colour };

	if (cell->glyph || cell->dots)
		look = mark_look(cell, style);
	else if (style->colour && style->utf8 && cell->lower != cell->upper)
		look = split_look(cell);
	else if (!style->colour)
		look.glyph = style->utf8 ? shade->pattern : (uint32_t)shade->ascii;

	if (!style->utf8)
		look.glyph = (uint32_t)to_ascii(look.glyph);
	if (!style->colour) {
		look.ink = look.ground = NO_COLOUR;
		look.bold = false;
	}
	return look;
}

static void write_style(const struct look *look, struct text *to) {
	text_add(to, SPAN("\x1b[0"));
	if (look->bold)
		text_add(to, SPAN(";1"));
	if (look->reverse)
		text_add(to, SPAN(";7"));
	if (look->ink != NO_COLOUR)
		text_add_format(to, ";38;5;%d", look->ink);
	if (look->ground != NO_COLOUR)
		text_add_format(to, ";48;5;%d", look->ground);
	text_add_char(to, 'm');
}

static void write_glyph(uint32_t glyph, struct text *to) {
	if (glyph < 0x80) {
		text_add_char(to, (char)glyph);
	} else if (glyph < 0x800) {
		text_add_char(to, (char)(0xc0 | glyph >> 6));
		text_add_char(to, (char)(0x80 | (glyph & 0x3f)));
	} else if (glyph < 0x10000) {
		text_add_char(to, (char)(0xe0 | glyph >> 12));
		text_add_char(to, (char)(0x80 | (glyph >> 6 & 0x3f)));
		text_add_char(to, (char)(0x80 | (glyph & 0x3f)));
	} else {
		text_add_char(to, (char)(0xf0 | glyph >> 18));
		text_add_char(to, (char)(0x80 | (glyph >> 12 & 0x3f)));
		text_add_char(to, (char)(0x80 | (glyph >> 6 & 0x3f)));
		text_add_char(to, (char)(0x80 | (glyph & 0x3f)));
	}
}

/* Columns of a row that are not blank to its end. */
static int used_columns(const struct canvas *canvas, int row) {
	int columns = canvas->columns;

	while (columns > 0 && canvas_is_empty(canvas, columns - 1, row))
		columns--;
	return columns;
}

static void write_row(
	const struct canvas *canvas, int row, const struct canvas_style *style, struct text *to) {
	struct look last = { .ink = NO_COLOUR, .ground = NO_COLOUR };
	int columns = used_columns(canvas, row);

	for (int column = 0; column < columns; column++) {
		struct look look = look_of(cell_at(canvas, column, row), style);
		if (!goes_on(&last, &look)) {
			write_style(&look, to);
			last = look;
		}
		write_glyph(look.glyph, to);
	}
	if (last.ink != NO_COLOUR || last.ground != NO_COLOUR)
		text_add(to, SPAN("\x1b[0m"));
}

void canvas_write(const struct canvas *canvas, const struct canvas_style *style, struct text *to) {
	for (int row = 0; row < canvas->rows; row++) {
		if (row > 0)
			text_add(to, span_text(style->row_end ? style->row_end : "\n"));
		write_row(canvas, row, style, to);
	}
}
