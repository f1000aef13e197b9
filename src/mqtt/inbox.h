/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_INBOX_H
#define MQTT_INBOX_H

#include "mail.h"

/*
 * From Paho's threads to the loop: a bounded double buffer under one lock. Writers append to one
 * half; the loop swaps the halves and reads the other in peace. The lock is held for a copy or a
 * swap, never while somebody else's code runs.
 *
 * Paho acknowledges a message once its callback has returned, whatever that answers. So a full
 * inbox lets the callback wait (the socket then pushes back on the broker), but only for a bounded
 * time, well under the keep-alive; then the message is shed and counted.
 */
struct inbox;

struct inbox_options {
	size_t bytes; /* both halves together; memory is touched only as it is needed */
	unsigned wait_ms; /* that a message may wait for room */
	void (*wake)(void *context); /* mail has come for who saw nothing; uv_async_send */
	void *context;
};

struct inbox_counters {
	uint64_t messages; /* taken in */
	uint64_t bytes; /* of topics and payloads taken in */
	uint64_t waits; /* messages that had to wait for room */
	uint64_t shed; /* messages dropped: no room within wait_ms */
	uint64_t too_large; /* messages dropped: larger than a half */
	size_t pending_bytes; /* in the half that is being filled */
};

/* 0, -ENOMEM or another -errno. */
int inbox_create(struct inbox **ret_inbox, const struct inbox_options *options);
void inbox_destroy(struct inbox *inbox);

/* Copies the mail in; any thread. News of the connection never waits and has room set aside.
 * 0, E_OVERFLOW or E_TOO_LARGE (counted). */
int inbox_push(struct inbox *inbox, const struct mail *mail);

/* Swaps the halves: all mail that has arrived since the last call, to be read with mail_unpack().
 * The bytes are the caller's until it calls again, so it may stop half-way and go on in a later
 * turn. Empty if nothing arrived; only then does the next mail wake the taker, who else has to look
 * again by itself: so in a stream of mail nobody pays for waking it at each. Only one thread takes.
 */
struct span inbox_take(struct inbox *inbox);

/* Lets no message wait from now on, so that Paho's threads can be stopped: a full inbox sheds at
 * once. */
void inbox_close(struct inbox *inbox);

/* Any thread. */
struct inbox_counters inbox_counters(struct inbox *inbox);

#endif
