/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include "error.h"
#include "lock.h"
#include "schema.h"
#include "sqlite_error.h"
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0640

/* Of a new database. A forecast of 24 steps is 2 kB: pages of 4096 hold one and waste the rest, and
 * take half as long again; pages of 16384 double the cost of small transactions that touch a
 * thousand series (bench/bench_store.c). */
#define PAGE_BYTES "8192"

/* Header of a page in the write-ahead log (SQLite file format, section 4.1). */
#define WAL_PAGE_HEADER 24

static const char *const statement_texts[STATEMENTS] = {
	[PUT_DETECTOR] = "INSERT OR REPLACE INTO detector VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
	[PUT_SERIES] = "INSERT OR REPLACE INTO series VALUES(?1,?2,?3,?4,?5,?6)",
	[PUT_READING] = "INSERT INTO reading VALUES(?1,?2,?3)"
			" ON CONFLICT DO UPDATE SET value=excluded.value",
	[PUT_PENDING] = "INSERT OR REPLACE INTO pending VALUES(?1,?2,?3,?4)",
	/* Some at a time, so that a floor that rises far does not hold up one commit. */
	[DROP_PENDING] = "DELETE FROM pending WHERE sequence<="
			 "min(?1,?2+(SELECT sequence FROM pending ORDER BY sequence LIMIT 1))",
	[PUT_FORECAST] = "INSERT INTO forecast(series,issued_ms,json) VALUES(?1,?2,?3)"
			 " ON CONFLICT(series,issued_ms) DO UPDATE SET json=excluded.json",
	[DROP_OTHER_FORECASTS] = "DELETE FROM forecast WHERE series=?1 AND issued_ms<>?2",
	[PUT_ANOMALY] = "INSERT OR REPLACE INTO anomaly VALUES(?1,?2,?3,?4,?5,?6)",
	[PUT_SCORE] = "INSERT OR REPLACE INTO score VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,"
		      "?12)",
	[PUT_STATE] = "INSERT OR REPLACE INTO state VALUES(?1,?2,?3,?4,?5,?6)",
	[PUT_NEIGHBOURHOOD] = "INSERT OR REPLACE INTO neighbourhood VALUES(?1,?2,?3,?4)",
	[PUT_NEIGHBOUR] = "INSERT OR REPLACE INTO neighbour VALUES(?1,?2,?3,?4,?5)",
	[DROP_NEIGHBOUR] = "DELETE FROM neighbour WHERE series=?1 AND rank=?2",
	[DROP_NEIGHBOUR_GAINS] = "DELETE FROM neighbour_gain WHERE series=?1",
	[PUT_NEIGHBOUR_GAIN] = "INSERT OR REPLACE INTO neighbour_gain VALUES(?1,?2,?3,?4)",
	[PUT_BATCH] = "INSERT OR REPLACE INTO batch VALUES(?1,?2,?3)",
	[DROP_BATCHES] = "DELETE FROM batch WHERE sequence<="
			 "min(?1,?2+(SELECT sequence FROM batch ORDER BY sequence LIMIT 1))",
	[PUT_MODEL] = "INSERT INTO model(name,parent,note,created_ms,layout,weights)"
		      " VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(name) DO UPDATE SET"
		      " parent=excluded.parent, note=excluded.note,"
		      " created_ms=excluded.created_ms, layout=excluded.layout,"
		      " weights=excluded.weights",
	[DROP_MODEL] = "DELETE FROM model WHERE name=?1",
	[PUT_LEARNING] =
		"INSERT INTO learning(time_ms,model,candidate,subject,loss_before,"
		"loss_after,adopted,reason,duration_ms) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[PUT_META] = "INSERT OR REPLACE INTO meta VALUES(?1,?2)",
	[NEXT_SERIES] = "SELECT id FROM series WHERE id>?1 ORDER BY id LIMIT 1",
	[PRUNE_READING] = "DELETE FROM reading WHERE series=?1 AND time_ms IN"
			  " (SELECT time_ms FROM reading WHERE series=?1 AND time_ms<?2"
			  "  ORDER BY time_ms LIMIT ?3)",
	[PRUNE_FORECAST] = "DELETE FROM forecast WHERE id IN"
			   " (SELECT id FROM forecast WHERE series=?1 AND issued_ms<?2"
			   "  ORDER BY issued_ms LIMIT ?3)",
	[PRUNE_ANOMALY] = "DELETE FROM anomaly WHERE series=?1 AND time_ms IN"
			  " (SELECT time_ms FROM anomaly WHERE series=?1 AND time_ms<?2"
			  "  ORDER BY time_ms LIMIT ?3)",
	[PRUNE_LEARNING] = "DELETE FROM learning WHERE id IN"
			   " (SELECT id FROM learning WHERE time_ms<?2 ORDER BY time_ms LIMIT ?3)",
};

int store_keep_message(struct store *store, sqlite3 *db, int r) {
	if (r < 0)
		snprintf(store->message, sizeof(store->message), "%s (SQLite %d)",
			sqlite3_errmsg(db), sqlite3_extended_errcode(db));
	return r;
}

/* Of the store's own connection. */
static int keep_message(struct store *store, int r) {
	return store_keep_message(store, store->db, r);
}

int store_fail(struct store *store, int result) {
	return keep_message(store, sqlite_error(store->db, result));
}

int store_run(struct store *store, enum statement which) {
	int result = sqlite3_step(store->statements[which]);
	int r = store_fail(store, result);

	sqlite3_reset(store->statements[which]);
	return r;
}

int store_begin(struct store *store) {
	errno = 0;
	return store_fail(store, sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
}

int store_end(struct store *store, int r) {
	if (r == 0)
		r = store_fail(store, sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL));
	/* Some errors have rolled back already. */
	if (r < 0 && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

void bind_text(sqlite3_stmt *statement, int at, struct span text) {
	sqlite3_bind_text(
		statement, at, text.data ? text.data : "", (int)text.length, SQLITE_STATIC);
}

void bind_blob(sqlite3_stmt *statement, int at, struct span bytes) {
	sqlite3_bind_blob(
		statement, at, bytes.data ? bytes.data : "", (int)bytes.length, SQLITE_STATIC);
}

static int sync_directory(const char *path) {
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;

	int descriptor = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = descriptor < 0 || fsync(descriptor) < 0 ? -errno : 0;
	if (descriptor >= 0)
		close(descriptor);
	free(copy);
	return r;
}

/* Makes an empty file with the right mode, since SQLite would make it for everybody; the log and
 * the shared memory inherit the mode. */
static int make_file(const char *path, unsigned mode) {
	int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (descriptor < 0)
		return errno == EEXIST ? 0 : -errno;

	int r = fchmod(descriptor, mode) < 0 ? -errno : 0;
	close(descriptor);
	return r < 0 ? r : sync_directory(path);
}

static int on_commit(void *user, sqlite3 *db, const char *name, int pages) {
	struct store *store = user;

	(void)db;
	(void)name;
	/* Fewer than were there: the log began anew. */
	if ((uint64_t)pages < store->wal_pages)
		store->wal_copied = 0;
	store->wal_pages = (uint64_t)pages;
	return SQLITE_OK;
}

int store_connect(const struct store *store, int mode, sqlite3 **ret_db) {
	int result = sqlite3_open_v2(store->path, ret_db,
		mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, store->vfs);
	if (result != SQLITE_OK)
		return *ret_db ? sqlite_error(*ret_db, result) : -ENOMEM;

	sqlite3_busy_timeout(*ret_db, store->busy_ms);
	return 0;
}

/* A new file becomes a database of ours; any other must be one already, and one of an earlier version
 * becomes one of this. */
static int ensure_schema(struct store *store, struct store_refusal *refusal) {
	int r = schema_identify(store->db, &refusal->version);
	if (r < 0)
		return keep_message(store, r);
	if (refusal->version == STORE_SCHEMA_VERSION)
		return 0;
	if (refusal->version > STORE_SCHEMA_VERSION || refusal->version < 0)
		return E_VERSION;
	if (refusal->version != 0)
		return keep_message(store, schema_upgrade(store->db, refusal->version));

	r = sqlite_run(store->db, "PRAGMA page_size=" PAGE_BYTES "; PRAGMA journal_mode=WAL");
	if (r == 0)
		r = schema_create(store->db);
	return keep_message(store, r);
}

static int set_up(struct store *store, const struct store_options *options) {
	size_t cache = options->cache_bytes ? options->cache_bytes : STORE_CACHE_BYTES;
	size_t checkpoint =
		options->checkpoint_bytes ? options->checkpoint_bytes : STORE_CHECKPOINT_BYTES;
	char pragmas[320];
	int keep_log = 1;
	sqlite3_int64 page;

	/* The log is checkpointed after transactions, and cut back to the limit when it begins anew.
	 * What is deleted is overwritten only where its page is written anyway: Debian's default
	 * writes whole pages of zeros. */
	snprintf(pragmas, sizeof(pragmas),
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA cache_size=-%zu;"
		"PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0;"
		"PRAGMA journal_size_limit=%zu; PRAGMA secure_delete=FAST",
		options->durability == STORE_FULL ? "FULL" : "NORMAL", cache / 1024, checkpoint);
	int result = sqlite3_exec(store->db, pragmas, NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_file_control(
			store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep_log);
	if (result != SQLITE_OK)
		return store_fail(store, result);

	int r = sqlite_integer(store->db, "PRAGMA page_size", &page);
	if (r < 0)
		return r;
	store->page_bytes = (uint64_t)page + WAL_PAGE_HEADER;
	store->checkpoint_pages = checkpoint / store->page_bytes;
	store->checkpoint_next = store->checkpoint_pages;
	sqlite3_wal_hook(store->db, on_commit, store);
	return 0;
}

static int check_whole(struct store *store) {
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
	if (result != SQLITE_OK)
		return store_fail(store, result);

	result = sqlite3_step(statement);
	int r = store_fail(store, result);
	if (r == 0 && strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
		snprintf(store->message, sizeof(store->message), "%s",
			(const char *)sqlite3_column_text(statement, 0));
		r = E_CORRUPT;
	}
	sqlite3_finalize(statement);
	return r;
}

static int prepare_statements(struct store *store) {
	for (int i = 0; i < STATEMENTS; i++) {
		int result = sqlite3_prepare_v3(store->db, statement_texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
		if (result != SQLITE_OK)
			return store_fail(store, result);
	}
	return 0;
}

static int open_database(
	struct store *store, const struct store_options *options, struct store_refusal *refusal) {
	int r = keep_message(store, store_connect(store, SQLITE_OPEN_READWRITE, &store->db));
	if (r < 0)
		return r;

	r = ensure_schema(store, refusal);
	if (r < 0)
		return r;

	r = set_up(store, options);
	if (r < 0)
		return r;

	if (options->check) {
		r = check_whole(store);
		if (r < 0)
			return r;
	}
	r = prepare_statements(store);
	return r < 0 ? r : store_floor(store, &store->floor);
}

static void describe_refusal(struct store_refusal *refusal, const struct store *store, int r) {
	size_t size = sizeof(refusal->message);

	if (r == E_IN_USE && refusal->holder > 0)
		snprintf(refusal->message, size, "process %d has it open", (int)refusal->holder);
	else if (r == E_VERSION && refusal->version == 0)
		snprintf(refusal->message, size, "it is a database of another program");
	else if (r == E_VERSION)
		snprintf(refusal->message, size, "its schema has version %d, this program knows %d",
			refusal->version, STORE_SCHEMA_VERSION);
	else
		snprintf(refusal->message, size, "%s",
			store && store->message[0] ? store->message : error_text(r));
}

int store_open(struct store **ret_store, const struct store_options *options,
	struct store_refusal *ret_refusal) {
	unsigned mode = options->mode ? options->mode : MODE;
	struct store_refusal refusal = { 0 };
	int r = -ENOMEM;

	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		goto fail;
	store->lock = -1;
	store->prune_after = -1;
	store->busy_ms = options->busy_ms ? options->busy_ms : STORE_BUSY_MS;
	store->path = strdup(options->path);
	store->vfs = options->vfs ? strdup(options->vfs) : NULL;
	if (!store->path || (options->vfs && !store->vfs))
		goto fail;

	if (!options->create && access(options->path, F_OK) < 0) {
		r = -errno;
		goto fail;
	}

	r = lock_take(options->path, mode, &store->lock, &refusal.holder);
	if (r < 0)
		goto fail;

	r = make_file(options->path, mode);
	if (r < 0)
		goto fail;

	r = open_database(store, options, &refusal);
	if (r < 0)
		goto fail;

	*ret_store = store;
	return 0;

fail:
	describe_refusal(&refusal, store, r);
	if (ret_refusal)
		*ret_refusal = refusal;
	store_close(store);
	return r;
}

void store_leave_log(struct store *store) {
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void store_close(struct store *store) {
	if (!store)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	if (store->lock >= 0)
		lock_drop(store->lock);
	free(store->path);
	free(store->vfs);
	free(store->sorted);
	free(store);
}

const char *store_message(const struct store *store) {
	return store->message;
}

int store_checkpoint(struct store *store) {
	int pages, copied;
	int result = sqlite3_wal_checkpoint_v2(
		store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
	int r = store_fail(store, result);

	if (r < 0) {
		store->stats.checkpoint_failures++;
		return r;
	}
	store->stats.checkpoints++;
	store->wal_pages = pages < 0 ? 0 : (uint64_t)pages;
	store->wal_copied = copied < 0 ? 0 : (uint64_t)copied;
	/* What a reader holds back is not tried again at every commit. */
	store->checkpoint_next = store->wal_pages - store->wal_copied + store->checkpoint_pages;
	return 0;
}

void store_keep_log_short(struct store *store) {
	if (store->wal_pages - store->wal_copied >= store->checkpoint_next)
		(void)store_checkpoint(store);
}

static uint64_t file_bytes(const char *path, const char *suffix) {
	struct text name = { 0 };
	struct stat status;
	uint64_t bytes = 0;

	text_add_format(&name, "%s%s", path, suffix);
	text_add_char(&name, '\0');
	if (!text_failed(&name) && stat(name.data, &status) == 0)
		bytes = (uint64_t)status.st_size;
	text_finish(&name);
	return bytes;
}

void store_stats(struct store *store, struct store_stats *ret_stats) {
	*ret_stats = store->stats;
	ret_stats->database_bytes = file_bytes(store->path, "");
	ret_stats->wal_bytes = file_bytes(store->path, "-wal");
	ret_stats->wal_held_bytes = (store->wal_pages - store->wal_copied) * store->page_bytes;
}

static int rename_companion(const char *path, const char *aside, const char *suffix) {
	struct text from = { 0 }, to = { 0 };
	int r = 0;

	text_add_format(&from, "%s%s", path, suffix);
	text_add_char(&from, '\0');
	text_add_format(&to, "%s%s", aside, suffix);
	text_add_char(&to, '\0');
	if (text_failed(&from) || text_failed(&to))
		r = -ENOMEM;
	else if (renameat2(AT_FDCWD, from.data, AT_FDCWD, to.data, RENAME_NOREPLACE) < 0)
		r = -errno;
	text_finish(&from);
	text_finish(&to);
	return r;
}

static int move_aside(const char *path, const char *aside) {
	static const char *const companions[] = { "-wal", "-shm" };

	int r = rename_companion(path, aside, "");
	for (size_t i = 0; r == 0 && i < sizeof(companions) / sizeof(companions[0]); i++) {
		r = rename_companion(path, aside, companions[i]);
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? r : sync_directory(path);
}

int store_set_aside(const char *path, int64_t now_ms, struct text *name) {
	struct text aside = { 0 };
	pid_t holder;
	int lock;

	if (access(path, F_OK) < 0)
		return -errno;
	int r = lock_take(path, MODE, &lock, &holder);
	if (r < 0)
		return r;

	text_add_format(&aside, "%s.damaged-%lld", path, (long long)now_ms);
	text_add_char(&aside, '\0');
	r = text_failed(&aside) ? -ENOMEM : move_aside(path, aside.data);
	if (r == 0)
		text_add(name, span_text(aside.data));
	text_finish(&aside);
	lock_drop(lock);
	return r;
}
