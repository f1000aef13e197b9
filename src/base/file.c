/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK 65536

static int read_all(int fd, size_t limit, struct text *text) {
	size_t start = text->length;

	for (;;) {
		char *at = text_reserve(text, READ_CHUNK);
		if (!at)
			return -ENOMEM;

		ssize_t got = read(fd, at, READ_CHUNK);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;

		text->length += (size_t)got;
		if (text->length - start > limit)
			return E_TOO_LARGE;
	}
}

int file_read(const char *path, size_t limit, struct text *text) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	int r = read_all(fd, limit, text);
	close(fd);
	return r;
}

static int write_all(int fd, struct span content) {
	while (content.length > 0) {
		ssize_t wrote = write(fd, content.data, content.length);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -errno;
		content.data += wrote;
		content.length -= (size_t)wrote;
	}
	return 0;
}

static int write_durably(int fd, struct span content) {
	int r = write_all(fd, content);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int sync_directory_of(const char *path) {
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);

	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	int r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int file_move(const char *from, const char *to) {
	if (rename(from, to) < 0)
		return -errno;
	return sync_directory_of(to);
}

int file_replace(const char *path, struct span content, unsigned mode) {
	char beside[PATH_MAX];
	int length = snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
	if (length < 0 || (size_t)length >= sizeof(beside))
		return -ENAMETOOLONG;

	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;

	int r = fchmod(fd, mode) < 0 ? -errno : 0;
	if (r < 0)
		close(fd);
	else
		r = write_durably(fd, content);
	if (r == 0)
		r = file_move(beside, path);
	if (r < 0)
		unlink(beside);
	return r;
}

int file_open_standard(void) {
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
