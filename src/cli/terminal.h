/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "canvas.h"

#include <stdbool.h>
#include <sys/signalfd.h>
#include <termios.h>

/* A terminal taken over for a picture: its other screen, no cursor, keys one by one. Signals
 * arrive through a file, so that nothing is ever left half-way. */
struct terminal {
	struct termios before;
	int signals; /* file */
	bool taken;
};

enum key {
	KEY_NONE,
	KEY_QUIT,
	KEY_NEXT,
	KEY_PREVIOUS,
	KEY_CLOSER,
	KEY_FARTHER,
	KEY_RESIZE, /* the window has changed */
};

/* What the environment says about the terminal: UTF-8 in LC_ALL, LC_CTYPE or LANG; colours unless
 * NO_COLOR is set or TERM is dumb. */
struct canvas_style terminal_style(void);

/* Columns and rows of standard output, 80 and 24 if it does not say. */
void terminal_size(int *ret_columns, int *ret_rows);

/* Takes standard input and output over. Call it before other threads start: it blocks the signals
 * that it reads. 0 or -errno. */
int terminal_take(struct terminal *terminal);

/* Gives them back as they were. */
void terminal_release(struct terminal *terminal);

/* Shows a picture of the terminal's size. 0 or a negative code. */
int terminal_show(const struct canvas *canvas, const struct canvas_style *style);

/* Waits until a key, a signal or the file `fd` has something, or timeout_ms have passed. */
enum key terminal_wait(struct terminal *terminal, int fd, int timeout_ms);

#endif
