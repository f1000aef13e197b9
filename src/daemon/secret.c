/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include "error.h"
#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Longest password file. */
#define SECRET_SIZE_MAX 4096

int secret_seal_process(void) {
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
}

bool secret_credential_path(const char *name, struct text *to) {
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	if (!directory)
		return false;

	text_add_format(to, "%s/%s", directory, name);
	text_add_char(to, '\0');
	return !text_failed(to) && access(to->data, R_OK) == 0;
}

int secret_read(const char *path, struct text *to) {
	int r = file_read(path, SECRET_SIZE_MAX, to);
	if (r < 0)
		return r;

	struct span rest = text_span(to);
	struct span line = span_cut(&rest, '\n');
	if (line.length > 0 && line.data[line.length - 1] == '\r')
		line.length--;
	if (line.length == 0 || memchr(line.data, '\0', line.length))
		return E_EMPTY;

	to->length = line.length;
	text_add_char(to, '\0');
	return text_failed(to) ? -ENOMEM : 0;
}

void secret_forget(struct text *secret) {
	if (secret->data)
		explicit_bzero(secret->data, secret->capacity);
	text_finish(secret);
}
