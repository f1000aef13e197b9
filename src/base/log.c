/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Longer messages are cut; a line goes out in one write, so that threads never mix theirs. */
#define LINE_MAX_LENGTH 1024

static enum log_level threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level) {
	threshold = level;
}

enum log_level log_level(void) {
	return threshold;
}

void log_write(enum log_level level, const char *format, ...) {
	char line[LINE_MAX_LENGTH];
	size_t length = 0;
	va_list arguments;

	if (level > threshold)
		return;
	if (!isatty(STDERR_FILENO))
		length = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);

	va_start(arguments, format);
	int written = vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	va_end(arguments);
	if (written < 0)
		return;

	length += (size_t)written;
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* A journal that is away must not stop the daemon. */
	ssize_t ignored = write(STDERR_FILENO, line, length);
	(void)ignored;
}
