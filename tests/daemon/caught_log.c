/* SPDX-License-Identifier: Apache-2.0 */
#include "caught_log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int kept_stderr;
static FILE *log_file;

int catch_log(void **state) {
	(void)state;
	kept_stderr = dup(STDERR_FILENO);
	log_file = tmpfile();
	return log_file && dup2(fileno(log_file), STDERR_FILENO) >= 0 ? 0 : -1;
}

int release_log(void **state) {
	(void)state;
	dup2(kept_stderr, STDERR_FILENO);
	close(kept_stderr);
	return fclose(log_file);
}

const char *caught_log(void) {
	static char text[65536];

	rewind(log_file);
	text[fread(text, 1, sizeof(text) - 1, log_file)] = '\0';
	return text;
}

int lines_logged(const char *text) {
	int lines = 0;

	for (const char *line = caught_log(); *line; line = strchr(line, '\n') + 1) {
		const char *found = strstr(line, text);

		lines += found && found <= strchr(line, '\n');
	}
	return lines;
}
