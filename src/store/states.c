/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the states back, which at ten thousand detectors are gigabytes: a thread reads and checks the
 * next states while the caller puts an earlier one to use, so that two processors share the work. Each state is read
 * straight into the memory that is handed over.
 *
 * The database is not mapped into memory instead: an error of the disk would then be a signal that ends the
 * process, no error with a name.
 */
#include "crc32c.h"
#include "error.h"
#include "store_private.h"
#include "thread.h"

#include <errno.h>
#include <stdlib.h>

/* States that are ready or being made ready. */
#define SLOTS 2

struct slot {
	struct state_row row;
	char *bytes;
	size_t capacity;
	int result; /* 1: a state; 0: there are no more; or an error */
};

struct reader {
	struct store *store;
	sqlite3_stmt *statement;
	sqlite3_blob *blob;
	struct slot slots[SLOTS]; /* number n lies in n % SLOTS */
	pthread_mutex_t mutex;
	pthread_cond_t moved; /* something below has changed */
	uint64_t filled, used; /* slots so far */
	bool stop; /* what is filled from now on is not used */
};

static int open_blob(struct reader *reader, sqlite3_int64 id) {
	if (reader->blob)
		return sqlite3_blob_reopen(reader->blob, id);
	return sqlite3_blob_open(reader->store->db, "main", "state", "bytes", id, 0, &reader->blob);
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
		return store_fail(reader->store, result);

	int length = sqlite3_blob_bytes(reader->blob);
	int r = make_room(slot, (size_t)length);
	if (r < 0)
		return r;
	result = sqlite3_blob_read(reader->blob, slot->bytes, length, 0);
	slot->row.bytes = span_of(slot->bytes, (size_t)length);
	return store_fail(reader->store, result);
}

static int fill(struct reader *reader, struct slot *slot) {
	sqlite3_stmt *s = reader->statement;
	int result = sqlite3_step(s);
	if (result != SQLITE_ROW)
		return store_fail(reader->store, result);

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

static void move_on(struct reader *reader, uint64_t *count, bool stop) {
	pthread_mutex_lock(&reader->mutex);
	++*count;
	reader->stop |= stop;
	pthread_cond_signal(&reader->moved);
	pthread_mutex_unlock(&reader->mutex);
}

/* On the thread. */
static void *read_all(void *context) {
	struct reader *reader = context;
	struct slot *slot;
	bool more = true;

	while (more && (slot = await_room(reader))) {
		slot->result = fill(reader, slot);
		more = slot->result > 0;
		move_on(reader, &reader->filled, false);
	}
	return NULL;
}

static int visit_all(
	struct reader *reader, int (*visit)(void *user, const struct state_row *row), void *user) {
	int r = 0;

	while (r == 0) {
		const struct slot *slot = await_state(reader);
		if (slot->result <= 0)
			return slot->result;
		r = visit(user, &slot->row);
		move_on(reader, &reader->used, r != 0);
	}
	return r;
}

int store_each_state(
	struct store *store, int (*visit)(void *user, const struct state_row *row), void *user) {
	struct reader reader = { .store = store };
	pthread_t thread;
	int result = sqlite3_prepare_v2(store->db,
		"SELECT detector,layout,sequence,saved_ms,checksum FROM state ORDER BY detector",
		-1, &reader.statement, NULL);
	if (result != SQLITE_OK)
		return store_fail(store, result);

	pthread_mutex_init(&reader.mutex, NULL);
	pthread_cond_init(&reader.moved, NULL);
	int r = thread_start(&thread, read_all, &reader);
	if (r == 0) {
		r = visit_all(&reader, visit, user);
		pthread_join(thread, NULL);
	}
	pthread_cond_destroy(&reader.moved);
	pthread_mutex_destroy(&reader.mutex);
	sqlite3_blob_close(reader.blob);
	sqlite3_finalize(reader.statement);
	for (int i = 0; i < SLOTS; i++)
		free(reader.slots[i].bytes);
	return r;
}
