/* SPDX-License-Identifier: Apache-2.0 */
#include "recovery.h"

#include "file.h"
#include "mail.h"
#include "random.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Where to begin is for the database to say: what it has committed is done. Its word counts if it is
 * about this stream of mail, and not about that of a file which has been removed meanwhile; then, and
 * with a fresh database, the file's own mark counts. Streams begin at random positions, so far
 * from each other that they can be told apart.
 *
 * From there on mail follows mail without a gap. It ends where the bytes are not sealed for their
 * position: where the last writer was interrupted, or where it had not come yet.
 *
 * All is written anew into a file of its own, so that nothing of an earlier round can ever be taken
 * for mail, the size may change, and news of a connection that is no more stays behind.
 */

#define STREAM_BITS 40

static uint64_t fresh_stream(void) {
	return (random_seed() >> (STREAM_BITS + 1)) << STREAM_BITS;
}

static bool is_same_stream(uint64_t a, uint64_t b) {
	uint64_t apart = a > b ? a - b : b - a;

	return apart < UINT64_C(1) << STREAM_BITS;
}

static size_t size_at(const struct ring *ring, uint64_t position) {
	return mail_sealed_size(span_of(ring_at(ring, position), ring->capacity), position);
}

/* A database that lost its latest commits in a power cut is behind the file's mark; what it lacks
 * may still be there. */
static uint64_t find_start(const struct ring *old, uint64_t committed) {
	uint64_t released = ring_released(old);

	if (!is_same_stream(committed, released))
		return released;
	return committed > released || size_at(old, committed) > 0 ? committed : released;
}

static uint64_t find_end(const struct ring *old, uint64_t start) {
	uint64_t end = start;

	for (size_t size; (size = size_at(old, end)) > 0; end += size) {
		if (end - start + size > old->capacity)
			break;
	}
	return end;
}

/* Copies the messages; what they answer to is gone, so news is left out. */
static void copy(struct recovery *recovery, const struct ring *old, uint64_t from, uint64_t to,
	const struct ring *ring) {
	struct span rest = span_of(ring_at(old, from), (size_t)(to - from));
	struct mail mail;

	while (mail_unpack(&rest, &mail)) {
		if (mail.kind != MAIL_MESSAGE)
			continue;
		mail_pack(ring_at(ring, recovery->end), &mail);
		mail_seal(ring_at(ring, recovery->end), recovery->end);
		recovery->end += mail_packed_size(&mail);
		recovery->messages++;
	}
}

/* Beside the old file, and over it once it is complete. */
static int replace(struct recovery *recovery, const struct ring *old, struct ring *ret_ring,
	size_t bytes, size_t reserve) {
	uint64_t from = 0, to = 0;
	struct text beside = { 0 };

	recovery->start = fresh_stream();
	if (old->data) {
		from = find_start(old, recovery->committed);
		to = find_end(old, from);
		recovery->start = to;
	}
	recovery->end = recovery->start;
	if (bytes < to - from + reserve)
		bytes = (size_t)(to - from) + reserve;

	text_add_format(&beside, "%s.new", recovery->path);
	text_add_char(&beside, '\0');
	if (text_failed(&beside))
		return -ENOMEM;

	int r = ring_create_file(ret_ring, beside.data, bytes, recovery->start);
	if (r < 0)
		goto out;
	if (to > from)
		copy(recovery, old, from, to, ret_ring);
	r = ring_sync(ret_ring);
	if (r == 0)
		r = file_move(beside.data, recovery->path);
	if (r < 0) {
		ring_close(ret_ring);
		unlink(beside.data);
	}
out:
	text_finish(&beside);
	return r;
}

int recovery_run(struct recovery *recovery, struct ring *ret_ring, size_t bytes, size_t reserve) {
	struct ring old = { 0 };

	int r = ring_open_file(&old, recovery->path);
	if (r < 0 && r != -ENOENT)
		return r;

	r = replace(recovery, &old, ret_ring, bytes, reserve);
	ring_close(&old);
	return r;
}
