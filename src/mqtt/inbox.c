/* SPDX-License-Identifier: Apache-2.0 */
#include "inbox.h"

#include "error.h"
#include "monitor.h"
#include "now.h"
#include "recovery.h"
#include "ring.h"

#include <errno.h>
#include <stdlib.h>

/* Room that only news of the connection may use: a dozen of it, each with a phrase. */
#define NEWS_ROOM 4096

struct inbox {
	struct inbox_options options; /* but for the path, which is borrowed */
	struct monitor monitor; /* its news: there is more room */
	struct ring ring;
	uint64_t head; /* locked: where the next mail goes */
	uint64_t taken; /* written by the taker, locked */
	uint64_t released; /* as taken; released <= taken <= head <= released + capacity */
	bool asleep; /* locked: the taker has seen that nothing is here */
	bool closed; /* locked */
	struct inbox_counters counters; /* locked */
};

static int open_ring(struct inbox *inbox) {
	const struct inbox_options *options = &inbox->options;
	size_t bytes = options->bytes > 4 * NEWS_ROOM ? options->bytes : 4 * NEWS_ROOM;
	struct recovery recovery = { .path = options->path, .committed = options->committed };

	if (!options->path)
		return ring_create_memory(&inbox->ring, bytes);

	int r = recovery_run(&recovery, &inbox->ring, bytes, NEWS_ROOM);
	if (r < 0)
		return r;
	inbox->released = inbox->taken = recovery.start;
	inbox->head = recovery.end;
	inbox->counters.recovered = recovery.messages;
	return 0;
}

int inbox_create(struct inbox **ret_inbox, const struct inbox_options *options) {
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	if (!inbox)
		return -ENOMEM;

	inbox->options = *options;
	inbox->asleep = true;
	int r = open_ring(inbox);
	if (r < 0)
		goto fail;
	r = monitor_init(&inbox->monitor);
	if (r < 0)
		goto fail;
	if (inbox->counters.recovered > 0 && options->wake)
		options->wake(options->context);
	*ret_inbox = inbox;
	return 0;

fail:
	ring_close(&inbox->ring);
	free(inbox);
	return r;
}

void inbox_destroy(struct inbox *inbox) {
	if (!inbox)
		return;
	monitor_finish(&inbox->monitor);
	ring_close(&inbox->ring);
	free(inbox);
}

/* Locked. */
static size_t held(const struct inbox *inbox) {
	return (size_t)(inbox->head - inbox->released);
}

/* Locked. Waits until at most `limit` bytes are held. */
static bool await_room(struct inbox *inbox, size_t limit) {
	if (held(inbox) <= limit)
		return true;

	inbox->counters.waits++;
	int64_t deadline = monotonic_ms() + inbox->options.wait_ms;
	while (held(inbox) > limit) {
		if (inbox->closed)
			return false;
		if (!monitor_wait(&inbox->monitor, deadline))
			return held(inbox) <= limit;
	}
	return true;
}

/* Locked. */
static void append(struct inbox *inbox, const struct mail *mail, size_t size) {
	char *at = ring_at(&inbox->ring, inbox->head);

	mail_pack(at, mail);
	if (inbox->options.path)
		mail_seal(at, inbox->head);
	inbox->head += size;
	if (mail->kind != MAIL_MESSAGE)
		return;
	inbox->counters.messages++;
	inbox->counters.bytes += mail->topic.length + mail->payload.length;
}

/* Locked. */
static int put(struct inbox *inbox, const struct mail *mail) {
	size_t size = mail_packed_size(mail);
	bool message = mail->kind == MAIL_MESSAGE;
	size_t capacity = inbox->ring.capacity - (message ? NEWS_ROOM : 0);

	if (size > capacity) {
		inbox->counters.too_large++;
		return E_TOO_LARGE;
	}
	if (message && !await_room(inbox, capacity - size)) {
		inbox->counters.shed++;
		return E_OVERFLOW;
	}
	if (held(inbox) > capacity - size)
		return E_OVERFLOW;
	append(inbox, mail, size);
	return 0;
}

static void sync_message(struct inbox *inbox) {
	if (ring_sync(&inbox->ring) == 0)
		return;
	monitor_lock(&inbox->monitor);
	inbox->counters.unsynced++;
	monitor_unlock(&inbox->monitor);
}

int inbox_push(struct inbox *inbox, const struct mail *mail) {
	monitor_lock(&inbox->monitor);
	int r = put(inbox, mail);
	bool wake = r == 0 && inbox->asleep;
	if (wake)
		inbox->asleep = false;
	monitor_unlock(&inbox->monitor);

	if (wake && inbox->options.wake)
		inbox->options.wake(inbox->options.context);
	if (r == 0 && inbox->options.sync && mail->qos > 0)
		sync_message(inbox);
	return r;
}

/* Locked. */
static void release(struct inbox *inbox, uint64_t position) {
	inbox->released = position;
	ring_set_released(&inbox->ring, position);
	monitor_notify(&inbox->monitor);
}

/* Locked. In memory nothing is needed once the taker asks for more, and a quiet inbox begins anew,
 * so that it touches few pages. */
static void release_taken(struct inbox *inbox) {
	if (inbox->taken == inbox->head)
		inbox->taken = inbox->head = 0;
	release(inbox, inbox->taken);
}

struct span inbox_take(struct inbox *inbox) {
	monitor_lock(&inbox->monitor);
	if (!inbox->options.path)
		release_taken(inbox);
	uint64_t before = inbox->taken;
	size_t length = (size_t)(inbox->head - before);

	inbox->taken = inbox->head;
	inbox->asleep = length == 0;
	monitor_unlock(&inbox->monitor);
	return span_of(ring_at(&inbox->ring, before), length);
}

uint64_t inbox_position(const struct inbox *inbox, struct span rest) {
	return inbox->taken - rest.length;
}

void inbox_release(struct inbox *inbox, uint64_t position) {
	monitor_lock(&inbox->monitor);
	if (position > inbox->released && position <= inbox->taken)
		release(inbox, position);
	monitor_unlock(&inbox->monitor);
}

bool inbox_is_crowded(const struct inbox *inbox, uint64_t position) {
	return position - inbox->released > inbox->ring.capacity / 2;
}

void inbox_close(struct inbox *inbox) {
	monitor_lock(&inbox->monitor);
	inbox->closed = true;
	monitor_notify(&inbox->monitor);
	monitor_unlock(&inbox->monitor);
}

struct inbox_counters inbox_counters(struct inbox *inbox) {
	monitor_lock(&inbox->monitor);
	struct inbox_counters counters = inbox->counters;
	counters.pending_bytes = (size_t)(inbox->head - inbox->taken);
	monitor_unlock(&inbox->monitor);
	return counters;
}
