/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OTHER_SCREEN "\x1b[?1049h\x1b[?25l"
#define SAME_SCREEN  "\x1b[?25h\x1b[?1049l"

/* Begins and ends an update that terminals which can do so show at once. */
#define UPDATE_BEGIN "\x1b[?2026h\x1b[H"
#define UPDATE_END   "\x1b[J\x1b[?2026l"

static bool says_utf8(void) {
	static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *value = getenv(variables[i]);
		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

struct canvas_style terminal_style(void) {
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	bool dumb = !term || !*term || strcmp(term, "dumb") == 0;

	return (struct canvas_style){
		.utf8 = says_utf8(),
		.colour = !dumb && !(no_colour && *no_colour),
	};
}

void terminal_size(int *ret_columns, int *ret_rows) {
	struct winsize size;

	*ret_columns = 80;
	*ret_rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*ret_columns = size.ws_col;
		*ret_rows = size.ws_row;
	}
}

static int write_all(const char *data, size_t length) {
	while (length > 0) {
		ssize_t wrote = write(STDOUT_FILENO, data, length);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		data += wrote;
		length -= (size_t)wrote;
	}
	return 0;
}

static int open_signals(void) {
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int terminal_take(struct terminal *terminal) {
	*terminal = (struct terminal){ .signals = open_signals() };
	if (terminal->signals < 0)
		return terminal->signals;
	if (tcgetattr(STDIN_FILENO, &terminal->before) < 0) {
		int r = -errno;
		close(terminal->signals);
		return r;
	}

	struct termios raw = terminal->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	terminal->taken = true;
	return write_all(OTHER_SCREEN, strlen(OTHER_SCREEN));
}

void terminal_release(struct terminal *terminal) {
	if (!terminal->taken)
		return;
	(void)write_all(SAME_SCREEN, strlen(SAME_SCREEN));
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
	close(terminal->signals);
	terminal->taken = false;
}

int terminal_show(const struct canvas *canvas, const struct canvas_style *style) {
	struct canvas_style whole = *style;
	struct text text = { 0 };

	/* What the last picture had to the right of this one's rows goes away. */
	whole.row_end = "\x1b[K\r\n";
	text_add(&text, SPAN(UPDATE_BEGIN));
	canvas_write(canvas, &whole, &text);
	text_add(&text, SPAN("\x1b[K" UPDATE_END));
	int r = text_failed(&text) ? -ENOMEM : write_all(text.data, text.length);
	text_finish(&text);
	return r;
}

/* Keys as terminals send them. */
static const struct {
	const char *bytes;
	enum key key;
} keys[] = {
	{ "q", KEY_QUIT },
	{ "Q", KEY_QUIT },
	{ "\t", KEY_NEXT },
	{ "\x1b[C", KEY_NEXT },
	{ "\x1b[B", KEY_NEXT },
	{ "\x1bOC", KEY_NEXT },
	{ "\x1bOB", KEY_NEXT },
	{ "\x1b[Z", KEY_PREVIOUS },
	{ "\x1b[D", KEY_PREVIOUS },
	{ "\x1b[A", KEY_PREVIOUS },
	{ "\x1bOD", KEY_PREVIOUS },
	{ "\x1bOA", KEY_PREVIOUS },
	{ "+", KEY_CLOSER },
	{ "-", KEY_FARTHER },
};

static enum key read_key(void) {
	char bytes[16];
	ssize_t length = read(STDIN_FILENO, bytes, sizeof(bytes) - 1);

	/* The terminal has gone. */
	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		return KEY_QUIT;
	if (length < 0)
		return KEY_NONE;
	bytes[length] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strncmp(bytes, keys[i].bytes, strlen(keys[i].bytes)) == 0)
			return keys[i].key;
	}
	return KEY_NONE;
}

static enum key read_signal(const struct terminal *terminal) {
	struct signalfd_siginfo info;

	if (read(terminal->signals, &info, sizeof(info)) != sizeof(info))
		return KEY_NONE;
	return info.ssi_signo == SIGWINCH ? KEY_RESIZE : KEY_QUIT;
}

enum key terminal_wait(struct terminal *terminal, int fd, int timeout_ms) {
	struct pollfd ready[] = {
		{ .fd = terminal->signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	if (poll(ready, sizeof(ready) / sizeof(ready[0]), timeout_ms) <= 0)
		return KEY_NONE;
	if (ready[0].revents)
		return read_signal(terminal);
	if (ready[1].revents)
		return read_key();
	return KEY_NONE;
}
