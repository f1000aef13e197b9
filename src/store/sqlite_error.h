/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_ERROR_H
#define STORE_SQLITE_ERROR_H

#include <sqlite3.h>

/* Our code for the result of a call for `db`; 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. What the
 * caller can do decides: see store.h. */
int sqlite_error(sqlite3 *db, int result);

/* Runs statements without parameters or rows. */
int sqlite_run(sqlite3 *db, const char *sql);

/* The first column of the first row, an integer; E_STORE if there is none. */
int sqlite_integer(sqlite3 *db, const char *sql, sqlite3_int64 *ret_value);

#endif
