/* SPDX-License-Identifier: Apache-2.0 */
#include "query.h"

#include "error.h"
#include "lock.h"
#include "schema.h"
#include "sqlite_error.h"
#include "store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A reader meets a lock only while the log is recovered or begins anew. */
#define BUSY_MS 2000

struct query {
	sqlite3 *db;
	char message[256];
};

struct rows {
	struct query *query;
	sqlite3_stmt *statement;
};

static int fail(struct query *query, int result) {
	int r = sqlite_error(query->db, result);

	if (r < 0)
		snprintf(query->message, sizeof(query->message), "%s", sqlite3_errmsg(query->db));
	return r;
}

static int check_schema(const struct query *query) {
	int version;
	int r = schema_identify(query->db, &version);
	if (r < 0)
		return r;
	return version == STORE_SCHEMA_VERSION ? 0 : E_VERSION;
}

int query_open(struct query **ret_query, const char *path) {
	int r = -ENOMEM;

	if (access(path, F_OK) < 0)
		return -errno;

	struct query *query = calloc(1, sizeof(*query));
	if (!query)
		return r;

	int result = sqlite3_open_v2(path, &query->db,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (result != SQLITE_OK) {
		r = query->db ? sqlite_error(query->db, result) : -ENOMEM;
		goto fail;
	}
	sqlite3_busy_timeout(query->db, BUSY_MS);

	r = check_schema(query);
	if (r < 0)
		goto fail;

	*ret_query = query;
	return 0;

fail:
	query_close(query);
	return r;
}

void query_close(struct query *query) {
	if (!query)
		return;
	sqlite3_close(query->db);
	free(query);
}

const char *query_message(const struct query *query) {
	return query->message;
}

int query_writer(const char *path, pid_t *ret_pid) {
	return lock_holder(path, ret_pid);
}

int query_rows(struct query *query, const char *sql, const struct span *texts, int count,
	struct rows **ret_rows) {
	struct rows *rows = calloc(1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;

	rows->query = query;
	int result = sqlite3_prepare_v2(query->db, sql, -1, &rows->statement, NULL);
	int parameters = sqlite3_bind_parameter_count(rows->statement);
	for (int i = 0; result == SQLITE_OK && i < count && i < parameters; i++)
		result = sqlite3_bind_text(rows->statement, i + 1, texts[i].data,
			(int)texts[i].length, SQLITE_TRANSIENT);
	if (result != SQLITE_OK) {
		int r = fail(query, result);
		rows_close(rows);
		return r;
	}
	*ret_rows = rows;
	return 0;
}

void rows_close(struct rows *rows) {
	if (!rows)
		return;
	sqlite3_finalize(rows->statement);
	free(rows);
}

int rows_next(struct rows *rows) {
	int result = sqlite3_step(rows->statement);
	int r = fail(rows->query, result);

	return r < 0 ? r : result == SQLITE_ROW;
}

int rows_columns(const struct rows *rows) {
	return sqlite3_column_count(rows->statement);
}

const char *rows_column_name(const struct rows *rows, int column) {
	return sqlite3_column_name(rows->statement, column);
}

enum value_type rows_type(const struct rows *rows, int column) {
	switch (sqlite3_column_type(rows->statement, column)) {
	case SQLITE_INTEGER: return VALUE_INTEGER;
	case SQLITE_FLOAT: return VALUE_REAL;
	case SQLITE_TEXT: return VALUE_TEXT;
	case SQLITE_BLOB: return VALUE_BLOB;
	default: return VALUE_NULL;
	}
}

int64_t rows_integer(const struct rows *rows, int column) {
	return sqlite3_column_int64(rows->statement, column);
}

double rows_real(const struct rows *rows, int column) {
	if (rows_type(rows, column) == VALUE_NULL)
		return NAN;
	return sqlite3_column_double(rows->statement, column);
}

struct span rows_text(const struct rows *rows, int column) {
	const void *data = sqlite3_column_text(rows->statement, column);

	return span_of(data, (size_t)sqlite3_column_bytes(rows->statement, column));
}
