/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "span.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The database, seen by its readers: read-only, at any time, whether the daemon runs or not. Values
 * are bound, never pasted into the text of a query.
 */
struct query;

/* Opens read-only. 0; -ENOENT; -EACCES; E_VERSION; E_CORRUPT; else as in store.h. */
int query_open(struct query **ret_query, const char *path);
void query_close(struct query *query);

/* The last error's text. Valid until the next call. */
const char *query_message(const struct query *query);

/* The process that writes this database: 1 and its id (0 if it can't be seen from here), 0 if none
 * does, or -errno. */
int query_writer(const char *path, pid_t *ret_pid);

/* The rows of one query. */
struct rows;

/* Prepares `sql` with `count` texts bound to ?1, ?2 ... in order, those that it does not mention
 * left out. A span without data is bound as NULL. */
int query_rows(struct query *query, const char *sql, const struct span *texts, int count,
	struct rows **ret_rows);
void rows_close(struct rows *rows);

/* Advances to the first or next row: 1, 0 at the end, or an error. */
int rows_next(struct rows *rows);

int rows_columns(const struct rows *rows);
const char *rows_column_name(const struct rows *rows, int column);

enum value_type {
	VALUE_NULL,
	VALUE_INTEGER,
	VALUE_REAL,
	VALUE_TEXT,
	VALUE_BLOB,
};

/* One value of the current row; bytes are valid until the next call of rows_next. */
enum value_type rows_type(const struct rows *rows, int column);
int64_t rows_integer(const struct rows *rows, int column);
double rows_real(const struct rows *rows, int column); /* NAN for NULL */
struct span rows_text(const struct rows *rows, int column);

#endif
