/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_error.h"

#include "error.h"

#include <errno.h>
#include <stddef.h>

/* SQLite reports a full disk as SQLITE_FULL only where a write to a database or log returned
 * ENOSPC; growing the shared memory, quotas and file size limits arrive as I/O errors. For those of
 * a COMMIT it keeps no system error (3.40), but errno still has it: store_begin clears it, and
 * whatever else may be in it is none of these three. */
static int io_error(sqlite3 *db) {
	int system = sqlite3_system_errno(db);

	if (sqlite3_extended_errcode(db) == SQLITE_IOERR_NOMEM)
		return -ENOMEM;
	switch (system ? system : errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return -ENOSPC;
	default: return -EIO;
	}
}

int sqlite_error(sqlite3 *db, int result) {
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_IOERR: return io_error(db);
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EACCES;
	case SQLITE_CANTOPEN: {
		int system = sqlite3_system_errno(db);
		return system > 0 ? -system : -EACCES;
	}
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return E_CORRUPT;
	default: return E_STORE;
	}
}

int sqlite_run(sqlite3 *db, const char *sql) {
	return sqlite_error(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int sqlite_integer(sqlite3 *db, const char *sql, sqlite3_int64 *ret_value) {
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (result != SQLITE_OK)
		return sqlite_error(db, result);

	result = sqlite3_step(statement);
	int r = result == SQLITE_DONE ? E_STORE : sqlite_error(db, result);
	if (r == 0)
		*ret_value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return r;
}
