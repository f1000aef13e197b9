/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include "error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"

static int lock_open(const char *path, int flags, unsigned mode) {
	struct text name = { 0 };

	text_add_format(&name, "%s" LOCK_SUFFIX, path);
	text_add_char(&name, '\0');
	if (text_failed(&name))
		return -ENOMEM;

	int descriptor = open(name.data, flags | O_CLOEXEC | O_NOFOLLOW, mode);
	int r = descriptor < 0 ? -errno : descriptor;
	text_finish(&name);
	return r;
}

/* Whoever stands in the way of a write lock: 1, 0 if nobody, -errno. */
static int find_holder(int descriptor, pid_t *ret_holder) {
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(descriptor, F_GETLK, &lock) < 0)
		return -errno;
	if (lock.l_type == F_UNLCK)
		return 0;
	*ret_holder = lock.l_pid > 0 ? lock.l_pid : 0;
	return 1;
}

int lock_take(const char *path, unsigned mode, int *ret_descriptor, pid_t *ret_holder) {
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int descriptor = lock_open(path, O_RDWR | O_CREAT, mode);
	if (descriptor < 0)
		return descriptor;

	if (fcntl(descriptor, F_SETLK, &lock) == 0) {
		/* The umask may have taken the group's bits. */
		struct stat status;
		if (fstat(descriptor, &status) == 0 && (status.st_mode & 0777) != mode)
			(void)!fchmod(descriptor, mode);
		*ret_descriptor = descriptor;
		return 0;
	}

	int r = errno == EACCES || errno == EAGAIN ? E_IN_USE : -errno;
	if (r == E_IN_USE && find_holder(descriptor, ret_holder) != 1)
		*ret_holder = 0;
	close(descriptor);
	return r;
}

void lock_drop(int descriptor) {
	close(descriptor);
}

int lock_holder(const char *path, pid_t *ret_holder) {
	int descriptor = lock_open(path, O_RDONLY, 0);
	if (descriptor < 0)
		return descriptor == -ENOENT ? 0 : descriptor;

	int r = find_holder(descriptor, ret_holder);
	close(descriptor);
	return r;
}
