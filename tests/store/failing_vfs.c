/* SPDX-License-Identifier: Apache-2.0 */
#include "failing_vfs.h"

#include <sqlite3.h>
#include <stddef.h>

/* The file of the default file system lies behind ours. */
struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs vfs, *real_vfs;
static int left, code, has_failed, syncs;

void failing_vfs_fail_at(int n, int result) {
	left = n;
	code = result;
	has_failed = 0;
}

int failing_vfs_has_failed(void) {
	return has_failed;
}

int failing_vfs_syncs(void) {
	return syncs;
}

/* SQLITE_OK, or what the operation that is about to happen fails with. */
static int next_operation(void) {
	if (left == 0)
		return SQLITE_OK;
	if (left > 1) {
		left--;
		return SQLITE_OK;
	}
	has_failed = 1;
	return code;
}

static sqlite3_file *real(sqlite3_file *file) {
	return ((struct file *)(void *)file)->real;
}

static int file_close(sqlite3_file *file) {
	return real(file)->pMethods->xClose(real(file));
}

static int file_read(sqlite3_file *file, void *to, int count, sqlite3_int64 at) {
	return real(file)->pMethods->xRead(real(file), to, count, at);
}

static int file_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 at) {
	int result = next_operation();

	return result ? result : real(file)->pMethods->xWrite(real(file), from, count, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
	int result = next_operation();

	return result ? result : real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
	int result = next_operation();

	syncs++;
	return result ? result : real(file)->pMethods->xSync(real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size) {
	return real(file)->pMethods->xFileSize(real(file), ret_size);
}

static int file_lock(sqlite3_file *file, int level) {
	return real(file)->pMethods->xLock(real(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret_reserved) {
	return real(file)->pMethods->xCheckReservedLock(real(file), ret_reserved);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
	return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file) {
	return real(file)->pMethods->xSectorSize(real(file));
}

static int file_characteristics(sqlite3_file *file) {
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(
	sqlite3_file *file, int region, int size, int extend, void volatile **ret_memory) {
	return real(file)->pMethods->xShmMap(real(file), region, size, extend, ret_memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
	return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
	real(file)->pMethods->xShmBarrier(real(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove) {
	return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int vfs_open(
	sqlite3_vfs *self, const char *name, sqlite3_file *to, int flags, int *ret_flags) {
	struct file *file = (struct file *)(void *)to;

	(void)self;
	file->real = (sqlite3_file *)(void *)(file + 1);
	int result = real_vfs->xOpen(real_vfs, name, file->real, flags, ret_flags);
	to->pMethods = file->real->pMethods ? &methods : NULL;
	return result;
}

void failing_vfs_register(void) {
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = FAILING_VFS;
	vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
	vfs.xOpen = vfs_open;
	sqlite3_vfs_register(&vfs, 0);
}
