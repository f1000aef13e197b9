/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "store.h"

#include <sqlite3.h>

/* Statements that are prepared once, when the database is opened. */
enum statement {
	PUT_DETECTOR,
	PUT_SERIES,
	PUT_READING,
	PUT_PENDING,
	DROP_PENDING,
	PUT_FORECAST,
	DROP_OTHER_FORECASTS,
	PUT_ANOMALY,
	PUT_SCORE,
	PUT_STATE,
	PUT_NEIGHBOURHOOD,
	PUT_NEIGHBOUR,
	DROP_NEIGHBOUR,
	PUT_NEIGHBOUR_GAIN,
	DROP_NEIGHBOUR_GAINS,
	PUT_BATCH,
	DROP_BATCHES,
	PUT_MODEL,
	DROP_MODEL,
	PUT_LEARNING,
	PUT_META,
	NEXT_SERIES,
	PRUNE_READING,
	PRUNE_FORECAST,
	PRUNE_ANOMALY,
	PRUNE_LEARNING,
	STATEMENTS
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int lock;
	char *path;
	char *vfs; /* NULL: the default one */
	int busy_ms;
	struct store_stats stats;
	uint64_t page_bytes; /* of a page in the log, with its header */
	uint64_t wal_pages; /* in the log after the last commit */
	uint64_t wal_copied; /* of them, in the database by the last checkpoint */
	uint64_t checkpoint_pages;
	uint64_t checkpoint_next; /* pages held at which the next checkpoint is due */
	uint64_t floor; /* the highest that has been committed */
	int64_t prune_after; /* series at which the round of pruning stands; -1: before all */
	struct reading_row *sorted; /* room to bring a journal's readings in order */
	size_t sorted_capacity;
	char message[256];
};

/* A connection to the store's database, SQLITE_OPEN_READWRITE or _READONLY. Given to the caller on failure, too, for
 * the text of its error; it may be NULL then. */
int store_connect(const struct store *store, int mode, sqlite3 **ret_db);

/* Keeps what a connection says about the error r, if it is one, and returns r. */
int store_keep_message(struct store *store, sqlite3 *db, int r);

/* Keeps the text of the database's last error and returns our code for it. */
int store_fail(struct store *store, int result);

/* Runs a statement that has been bound and returns no rows, and makes it ready for the next. */
int store_run(struct store *store, enum statement which);

int store_begin(struct store *store);

/* Commits if r is 0, else rolls back; returns the first error. */
int store_end(struct store *store, int r);

/* Checkpoints if the log has grown enough since it was tried last. */
void store_keep_log_short(struct store *store);

/* For statements in the order of their parameters. A NAN is bound as NULL. */
void bind_text(sqlite3_stmt *statement, int at, struct span text);
void bind_blob(sqlite3_stmt *statement, int at, struct span bytes);

#endif
