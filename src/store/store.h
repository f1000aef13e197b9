/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "journal.h"

#include <sys/types.h>

/*
 * The database, seen from its one writer. One connection writes and checkpoints; everybody else
 * opens it read-only (query.h, or plain `sqlite3 -readonly`) and is never in the way: write-ahead
 * log, kept on a clean stop so that readers who may not write into the directory get in, too.
 *
 * A store belongs to one thread at a time: during start-up to the loop, then to the write lane.
 *
 * Errors, for whoever must decide: -ENOSPC (disk or quota full), -EIO (read, write or sync failed),
 * -EBUSY (locked by a stranger), -EROFS, -EACCES, -ENOMEM: nothing of the transaction was kept, and
 * the same journal may be committed later. E_CORRUPT: the file is damaged. E_STORE: anything else.
 * store_message says more, for the log.
 */
struct store;

enum store_durability {
	STORE_NORMAL, /* survives the death of the process; power loss may cost the last seconds */
	STORE_FULL, /* each commit is on the disk when store_commit returns */
};

struct store_options {
	const char *path;
	bool create; /* make the database if there is none; else -ENOENT */
	bool check; /* read the whole file and look for damage; takes as long as that */
	enum store_durability durability;
	unsigned mode; /* of new files; 0: 0640, so that a group may read */
	size_t cache_bytes; /* 0: STORE_CACHE_BYTES */
	size_t checkpoint_bytes; /* write-ahead log after which a commit checkpoints; 0: default */
	int busy_ms; /* wait for a stranger's lock at the most; 0: STORE_BUSY_MS */
	const char *vfs; /* SQLite file system to use; NULL: the default one */
};

/* Pages that are hot when a thousand series are written: one leaf each, and the inner pages. */
#define STORE_CACHE_BYTES (16u << 20)

/* A checkpoint costs per distinct page, so later is cheaper, but readers search the log. */
#define STORE_CHECKPOINT_BYTES (16u << 20)

#define STORE_BUSY_MS 200

/* Why store_open failed, for people. */
struct store_refusal {
	pid_t holder; /* E_IN_USE: the process that has it, 0 if out of sight */
	int version; /* E_VERSION: what the database says */
	char message[256];
};

/* Version of the schema that this code reads and writes. */
#define STORE_SCHEMA_VERSION 6

/*
 * 0, and a database of an earlier version of the schema has become one of this; E_IN_USE if another
 * process has it open as a store; E_VERSION if it was written by a later version or is not ours; E_CORRUPT if it is damaged; -ENOENT; -EACCES; other errors
 * as above. Nothing of a refused database is changed. ret_refusal may be NULL; unlike other
 * results it is written on failure.
 */
int store_open(struct store **ret_store, const struct store_options *options,
	struct store_refusal *ret_refusal);

/* Closing will not checkpoint: the log stays, and the next to open the database reads it. */
void store_leave_log(struct store *store);

/* Checkpoints, closes and lets go of the lock. NULL is fine. */
void store_close(struct store *store);

/* Moves a damaged database and its companions out of the way, to `path` + ".damaged-" + now, so
 * that a fresh one can be started. Nothing is deleted. Not while anybody has it open. 0, and the new
 * name is appended to `name`, or -errno; E_IN_USE. */
int store_set_aside(const char *path, int64_t now_ms, struct text *name);

/* Writes all of the journal in one transaction, or nothing. Afterwards checkpoints if the log has
 * grown enough; a checkpoint that fails shows in the statistics, not here: the data are safe. */
int store_commit(struct store *store, const struct journal *journal);

/* Copies the log into the database as far as readers allow; an idle daemon does so now and then. */
int store_checkpoint(struct store *store);

/* How long rows are kept, in milliseconds; 0: for ever. */
struct store_retention {
	int64_t readings;
	int64_t forecasts;
	int64_t anomalies;
	int64_t learning;
};

/* Deletes rows older than their table's retention, going round the series, `rows_max` rows at the
 * most per call and in one transaction. 1 if there may be more to do, 0 when a round is
 * complete. */
int store_prune(
	struct store *store, const struct store_retention *retention, int64_t now_ms, int rows_max);

struct store_stats {
	uint64_t commits;
	uint64_t failures; /* of commits */
	uint64_t readings, forecasts, rows; /* written; rows: of any table */
	uint64_t pruned;
	uint64_t checkpoints;
	uint64_t checkpoint_failures;
	uint64_t database_bytes;
	uint64_t wal_bytes; /* of the write-ahead log's file */
	uint64_t wal_held_bytes; /* of it, not in the database yet: grows while a reader stays
	                          * open */
};

/* Cheap, but asks the file system for sizes. */
void store_stats(struct store *store, struct store_stats *ret_stats);

/* The last error's text. Valid until the next call for this store. */
const char *store_message(const struct store *store);

/*
 * Recovery. Each calls `visit` for every row; a visit that returns anything but 0 ends it, and that
 * is the result. Spans are valid during the call. The visit must not call the store.
 */
int store_each_detector(struct store *store,
	int (*visit)(void *user, const struct detector_row *row), void *user); /* ascending id */
int store_each_series(struct store *store, int (*visit)(void *user, const struct series_row *row),
	void *user); /* ascending id */

/* States, ascending by detector; a damaged one (its checksum differs) comes with empty bytes. */
int store_each_state(
	struct store *store, int (*visit)(void *user, const struct state_row *row), void *user);

/* Neighbourhoods, ascending by id; a damaged one comes with empty bytes. */
int store_each_neighbourhood(struct store *store,
	int (*visit)(void *user, const struct neighbourhood_row *row), void *user);

/* Readings that waited for a state to contain them, replaced ones included, and batches, those with a
 * sequence above `after`, in the order of their sequence; batch may be NULL. A detector needs those
 * above its state's. */
int store_each_waiting(struct store *store, uint64_t after,
	int (*reading)(void *user, const struct reading_row *row),
	int (*batch)(void *user, const struct batch_row *row), void *user);

/* Detectors all of whose readings still wait: their history has nothing that is older. */
int store_each_waiting_whole(
	struct store *store, int (*visit)(void *user, uint32_t detector), void *user);

/* The latest readings of one detector, `latest` of each of its series at the most, in the order of
 * their time; sequence is 0. For a state that is lost or was made with other options. */
int store_each_past_reading(struct store *store, uint32_t detector, uint32_t latest,
	int (*visit)(void *user, const struct reading_row *row), void *user);

/* The latest forecast of each series that has one; series and json of the row alone are filled. */
int store_each_latest_forecast(
	struct store *store, int (*visit)(void *user, const struct forecast_row *row), void *user);

/* What journal_floor said last; 0 if never. */
int store_floor(struct store *store, uint64_t *ret_sequence);

/* What journal_input said last; 0 if never. */
int store_input(struct store *store, uint64_t *ret_position);

/* The highest sequence of a batch; 0 if none waits. */
int store_last_batch(struct store *store, uint64_t *ret_sequence);

/* The highest sequence in use; 0 if none. */
int store_last_sequence(struct store *store, uint64_t *ret_sequence);

/* Models in the order in which they were made; their weights are left out. */
int store_each_model(
	struct store *store, int (*visit)(void *user, const struct model_row *row), void *user);

/* Weights of a model, appended to `weights`, or E_NOT_FOUND. */
int store_model(struct store *store, struct span name, struct text *weights);

/* Keys of `meta` that begin with these bytes, and their values. */
int store_each_meta(struct store *store, struct span prefix,
	int (*visit)(void *user, const struct meta_row *row), void *user);

/* A value of `meta`, appended to `value`, or E_NOT_FOUND. */
int store_meta(struct store *store, struct span key, struct text *value);

#endif
