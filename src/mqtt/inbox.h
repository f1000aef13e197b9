/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_INBOX_H
#define MQTT_INBOX_H

#include "mail.h"

/*
 * From Paho's threads to the loop: a circle of mail under one lock. Writers append at its head; the
 * loop takes what has come since it took last and reads it in peace. The lock is held for a copy
 * or a few numbers, never while somebody else's code runs.
 *
 * Paho acknowledges a message once its callback has returned, whatever that answers. So a full
 * inbox lets the callback wait (the socket then pushes back on the broker), but only for a bounded
 * time, well under the keep-alive; then the message is shed and counted.
 *
 * For the same reason mail can be kept in a file: what was taken in stays there, past the death of
 * the process, until it is released. Each mail has a position in the stream of all mail, which goes
 * on from one process to the next; the reader notes, in the transaction that holds what came of
 * the mail, up to where it has read, and releases that much once it is committed. The next process
 * is given that position and finds the later messages before anything new.
 */
struct inbox;

struct inbox_options {
	size_t bytes; /* memory is touched only as it is needed */
	unsigned wait_ms; /* that a message may wait for room */
	void (*wake)(void *context); /* mail has come for who saw nothing; uv_async_send */
	void *context;
	const char *path; /* of the file; NULL: memory, and what was taken is released by taking
	                   * more */
	uint64_t committed; /* position up to where mail in the file is done; 0: nobody knows */
	bool sync; /* QoS 1 and 2 are on the device before they are acknowledged */
};

struct inbox_counters {
	uint64_t messages; /* taken in */
	uint64_t bytes; /* of topics and payloads taken in */
	uint64_t waits; /* messages that had to wait for room */
	uint64_t shed; /* messages dropped: no room within wait_ms */
	uint64_t too_large; /* messages dropped: larger than the inbox */
	uint64_t recovered; /* messages of an earlier process, found in the file */
	uint64_t unsynced; /* messages that may not have reached the device: it failed */
	size_t pending_bytes; /* not taken yet */
};

/* 0, -ENOMEM or another -errno. With a file: -ENOSPC; E_VERSION, E_CORRUPT for one that another
 * version made or that is none of ours, which is left as it is. */
int inbox_create(struct inbox **ret_inbox, const struct inbox_options *options);
void inbox_destroy(struct inbox *inbox);

/* Copies the mail in; any thread. News of the connection never waits and has room set aside.
 * 0, E_OVERFLOW or E_TOO_LARGE (counted). */
int inbox_push(struct inbox *inbox, const struct mail *mail);

/* All mail that has arrived since the last call, to be read with mail_unpack(). The bytes are the
 * caller's until it calls again, so it may stop half-way and go on in a later turn. Empty if
 * nothing arrived; only then does the next mail wake the taker, who else has to look again by
 * itself: so in a stream of mail nobody pays for waking it at each. Only one thread takes. */
struct span inbox_take(struct inbox *inbox);

/* The taker's: the position up to where it has read, if `rest` is left of what it took last. */
uint64_t inbox_position(const struct inbox *inbox, struct span rest);

/* The taker's, with a file: mail up to this position is committed, or given up. */
void inbox_release(struct inbox *inbox, uint64_t position);

/* The taker's, with a file: whether what was read, up to this position, and not released takes so
 * much room that it is time to. */
bool inbox_is_crowded(const struct inbox *inbox, uint64_t position);

/* Lets no message wait from now on, so that Paho's threads can be stopped: a full inbox sheds at
 * once. */
void inbox_close(struct inbox *inbox);

/* Any thread. */
struct inbox_counters inbox_counters(struct inbox *inbox);

#endif
