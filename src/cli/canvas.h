/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H

#include "text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A picture made of terminal cells: text, shaded ground whose edges lie on eighths of a cell, and
 * lines of Braille dots, two by four to a cell. What the terminal can't do is left out when the
 * picture is written: without colours shades become patterns, without UTF-8 all becomes ASCII.
 */
enum ink {
	INK_PLAIN,
	INK_STRONG,
	INK_FAINT,
	INK_GRID,
	INK_HISTORY,
	INK_MEDIAN,
	INK_GOOD,
	INK_WAITING,
	INK_ALARM,
	INKS,
};

/* From nothing to the middle of the fan. */
enum shade {
	SHADE_NONE,
	SHADE_PAST, /* what had been predicted for what has been observed */
	SHADE_80, /* between the 0.1 and 0.9 quantiles */
	SHADE_60,
	SHADE_40,
	SHADE_20,
	SHADES,
};

struct canvas_style {
	bool utf8;
	bool colour; /* 256 of them */
	const char *row_end; /* NULL: "\n" */
};

#define DOTS_ACROSS 2
#define DOTS_DOWN   4
#define EIGHTHS     8

struct cell;

struct canvas {
	int columns;
	int rows;
	struct cell *cells;
};

/* An empty canvas; -ENOMEM, or -EINVAL for less than one cell. */
int canvas_init(struct canvas *canvas, int columns, int rows);
void canvas_finish(struct canvas *canvas);

/* Everything below clips: what lies outside is not drawn. Row 0 is the top. */

/* Writes UTF-8, a column for each character. Returns the column after it. */
int canvas_text(struct canvas *canvas, int column, int row, enum ink ink, const char *text);

/* Columns that the text takes. */
int canvas_width(const char *text);

/* Shades a cell whose eighths, from the bottom up, have these shades. */
void canvas_ground(struct canvas *canvas, int column, int row, const enum shade eighths[EIGHTHS]);

/* A line between two dots, both included; dot (0, 0) is at the top left. Where lines meet in a
 * cell the later ink wins. */
void canvas_line(struct canvas *canvas, int x0, int y0, int x1, int y1, enum ink ink);

/* Whether the cell holds text or dots or shade. */
bool canvas_is_empty(const struct canvas *canvas, int column, int row);

/* Appends the picture: rows separated by row_end, none after the last. */
void canvas_write(const struct canvas *canvas, const struct canvas_style *style, struct text *to);

#endif
