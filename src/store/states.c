/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the states back, which at ten thousand detectors are gigabytes: threads with connections of their own read and
 * check the next states, taking turns, while the caller puts an earlier one to use. Each state is read
 * straight into the memory that is handed over.
 *
 * The database is not mapped into memory instead: an error of the disk would then be a signal that ends the
 * process, no error with a name.
 */
#include "crc32c.h"
#include "error.h"
#include "sqlite_error.h"
#include "store_private.h"
#include "thread.h"

#include <errno.h>
#include <stdlib.h>

/* To read a state takes longer than to use it. State number n comes from reader n % READERS. */
#define READERS 2

/* States of a reader that are ready or being made ready. */
#define SLOTS 2

struct slot {
	struct state_row row;
	char *bytes;
	size_t capacity;
	int result; /* 1: a state; 0: there are no more; or an error */
};

struct reader {
	int turn; /* 0 to READERS - 1 */
	sqlite3 *db;
	sqlite3_stmt *statement;
	sqlite3_blob *blob;
	struct slot slots[SLOTS]; /* the reader's n-th state lies in n % SLOTS */
	int error; /* that the connection knows the text of */
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex;
	pthread_cond_t moved; /* something below has changed */
	uint64_t filled, used; /* slots so far */
	bool stop; /* what is filled from now on is not used */
};

static int fail(struct reader *reader, int result) {
	reader->error = sqlite_error(reader->db, result);
	return reader->error;
}

static int open_blob(struct reader *reader, sqlite3_int64 id) {
	if (reader->blob)
		return sqlite3_blob_reopen(reader->blob, id);
	return sqlite3_blob_open(reader->db, "main", "state", "bytes", id, 0, &reader->blob);
}

static int make_room(struct slot *slot, size_t length) {
	if (length <= slot->capacity)
		return 0;
	free(slot->bytes);
	slot->bytes = malloc(length);
	slot->capacity = slot->bytes ? length : 0;
	return slot->bytes ? 0 : -ENOMEM;
}

static int read_bytes(struct reader *reader, struct slot *slot) {
	int result = open_blob(reader, slot->row.detector);
	if (result != SQLITE_OK)
		return fail(reader, result);

	int length = sqlite3_blob_bytes(reader->blob);
	int r = make_room(slot, (size_t)length);
	if (r < 0)
		return r;
	result = sqlite3_blob_read(reader->blob, slot->bytes, length, 0);
	slot->row.bytes = span_of(slot->bytes, (size_t)length);
	return fail(reader, result);
}

/* To the next state, or behind the last. */
static int step(struct reader *reader, int states) {
	int result = SQLITE_ROW;

	for (int i = 0; i < states && result == SQLITE_ROW; i++)
		result = sqlite3_step(reader->statement);
	return result;
}

static int fill(struct reader *reader, struct slot *slot) {
	sqlite3_stmt *s = reader->statement;
	int result = step(reader, reader->filled == 0 ? reader->turn + 1 : READERS);
	if (result != SQLITE_ROW)
		return fail(reader, result);

	slot->row = (struct state_row){
		.detector = (uint32_t)sqlite3_column_int64(s, 0),
		.layout = (uint64_t)sqlite3_column_int64(s, 1),
		.sequence = (uint64_t)sqlite3_column_int64(s, 2),
		.saved_ms = sqlite3_column_int64(s, 3),
	};
	int r = read_bytes(reader, slot);
	if (r < 0)
		return r;
	if (crc32c(0, slot->bytes, slot->row.bytes.length) != (uint32_t)sqlite3_column_int64(s, 4))
		slot->row.bytes = SPAN_EMPTY;
	return 1;
}

/* Waits for a slot that has been used, or never was; NULL if no more are wanted. */
static struct slot *await_room(struct reader *reader) {
	pthread_mutex_lock(&reader->mutex);
	while (reader->filled - reader->used == SLOTS && !reader->stop)
		pthread_cond_wait(&reader->moved, &reader->mutex);
	struct slot *slot = reader->stop ? NULL : &reader->slots[reader->filled % SLOTS];
	pthread_mutex_unlock(&reader->mutex);
	return slot;
}

static struct slot *await_state(struct reader *reader) {
	pthread_mutex_lock(&reader->mutex);
	while (reader->filled == reader->used)
		pthread_cond_wait(&reader->moved, &reader->mutex);
	struct slot *slot = &reader->slots[reader->used % SLOTS];
	pthread_mutex_unlock(&reader->mutex);
	return slot;
}

static void move_on(struct reader *reader, uint64_t *count) {
	pthread_mutex_lock(&reader->mutex);
	++*count;
	pthread_cond_signal(&reader->moved);
	pthread_mutex_unlock(&reader->mutex);
}

/* On its thread. */
static void *read_all(void *context) {
	struct reader *reader = context;
	struct slot *slot;
	bool more = true;

	while (more && (slot = await_room(reader))) {
		slot->result = fill(reader, slot);
		more = slot->result > 0;
		move_on(reader, &reader->filled);
	}
	return NULL;
}

static void init(struct reader *reader, int turn) {
	*reader = (struct reader){ .turn = turn };
	pthread_mutex_init(&reader->mutex, NULL);
	pthread_cond_init(&reader->moved, NULL);
}

static int start(struct reader *reader, const struct store *store) {
	reader->error = store_connect(store, SQLITE_OPEN_READONLY, &reader->db);
	if (reader->error < 0)
		return reader->error;

	int result = sqlite3_prepare_v2(reader->db,
		"SELECT detector,layout,sequence,saved_ms,checksum FROM state ORDER BY detector",
		-1, &reader->statement, NULL);
	if (result != SQLITE_OK)
		return fail(reader, result);

	int r = thread_start(&reader->thread, read_all, reader);
	reader->started = r == 0;
	return r;
}

/* Waits for the end of its thread. */
static void stop(struct reader *reader) {
	if (!reader->started)
		return;
	pthread_mutex_lock(&reader->mutex);
	reader->stop = true;
	pthread_cond_signal(&reader->moved);
	pthread_mutex_unlock(&reader->mutex);
	pthread_join(reader->thread, NULL);
}

static void finish(struct reader *reader) {
	sqlite3_blob_close(reader->blob);
	sqlite3_finalize(reader->statement);
	sqlite3_close(reader->db);
	for (int i = 0; i < SLOTS; i++)
		free(reader->slots[i].bytes);
	pthread_cond_destroy(&reader->moved);
	pthread_mutex_destroy(&reader->mutex);
}

/* *ret_more: there may be another one. */
static int visit_next(struct reader *reader, int (*visit)(void *user, const struct state_row *row),
	void *user, bool *ret_more) {
	const struct slot *slot = await_state(reader);
	*ret_more = slot->result > 0;
	if (!*ret_more)
		return slot->result;

	int r = visit(user, &slot->row);
	move_on(reader, &reader->used);
	return r;
}

int store_each_state(
	struct store *store, int (*visit)(void *user, const struct state_row *row), void *user) {
	struct reader readers[READERS], *reader = readers;
	bool more = true;
	int r = 0;

	for (int i = 0; i < READERS; i++)
		init(&readers[i], i);
	for (int i = 0; i < READERS && r == 0; i++) {
		reader = &readers[i];
		r = start(reader, store);
	}
	for (uint64_t n = 0; r == 0 && more; n++) {
		reader = &readers[n % READERS];
		r = visit_next(reader, visit, user, &more);
	}
	for (int i = 0; i < READERS; i++)
		stop(&readers[i]);
	if (r < 0)
		store_keep_message(store, reader->db, reader->error);
	for (int i = 0; i < READERS; i++)
		finish(&readers[i]);
	return r;
}
