/* SPDX-License-Identifier: Apache-2.0 */
#include "inbox.h"

#include "error.h"
#include "monitor.h"
#include "now.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Room in each half that only news of the connection may use: a dozen of it, each with a phrase. */
#define NEWS_ROOM 4096

#define HALVES 2

struct inbox {
	struct inbox_options options;
	struct monitor monitor; /* its news: a half has been emptied */
	char *memory; /* both halves */
	size_t half_bytes;
	size_t used[HALVES]; /* locked */
	int filling; /* locked: the half that is written; the other is being read */
	bool asleep; /* locked: the taker has seen that nothing is here */
	bool closed; /* locked */
	struct inbox_counters counters; /* locked */
};

int inbox_create(struct inbox **ret_inbox, const struct inbox_options *options) {
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	if (!inbox)
		return -ENOMEM;

	inbox->options = *options;
	inbox->asleep = true;
	inbox->half_bytes = options->bytes / HALVES & ~(size_t)7;
	if (inbox->half_bytes < 2 * NEWS_ROOM)
		inbox->half_bytes = 2 * NEWS_ROOM;
	inbox->memory = mmap(NULL, HALVES * inbox->half_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (inbox->memory == MAP_FAILED) {
		free(inbox);
		return -ENOMEM;
	}

	int r = monitor_init(&inbox->monitor);
	if (r < 0) {
		munmap(inbox->memory, HALVES * inbox->half_bytes);
		free(inbox);
		return r;
	}
	*ret_inbox = inbox;
	return 0;
}

void inbox_destroy(struct inbox *inbox) {
	if (!inbox)
		return;
	monitor_finish(&inbox->monitor);
	munmap(inbox->memory, HALVES * inbox->half_bytes);
	free(inbox);
}

static char *half(struct inbox *inbox, int which) {
	return inbox->memory + (size_t)which * inbox->half_bytes;
}

/* Locked. Waits until the half being filled holds at most `limit` bytes. */
static bool await_room(struct inbox *inbox, size_t limit) {
	if (inbox->used[inbox->filling] <= limit)
		return true;

	inbox->counters.waits++;
	int64_t deadline = monotonic_ms() + inbox->options.wait_ms;
	while (inbox->used[inbox->filling] > limit) {
		if (inbox->closed)
			return false;
		if (!monitor_wait(&inbox->monitor, deadline))
			return inbox->used[inbox->filling] <= limit;
	}
	return true;
}

/* Locked. */
static void append(struct inbox *inbox, const struct mail *mail, size_t size) {
	mail_pack(half(inbox, inbox->filling) + inbox->used[inbox->filling], mail);
	inbox->used[inbox->filling] += size;
	if (mail->kind != MAIL_MESSAGE)
		return;
	inbox->counters.messages++;
	inbox->counters.bytes += mail->topic.length + mail->payload.length;
}

/* Locked. */
static int put(struct inbox *inbox, const struct mail *mail) {
	size_t size = mail_packed_size(mail);
	bool message = mail->kind == MAIL_MESSAGE;
	size_t capacity = inbox->half_bytes - (message ? NEWS_ROOM : 0);

	if (size > capacity) {
		inbox->counters.too_large++;
		return E_TOO_LARGE;
	}
	if (message && !await_room(inbox, capacity - size)) {
		inbox->counters.shed++;
		return E_OVERFLOW;
	}
	if (inbox->used[inbox->filling] > capacity - size)
		return E_OVERFLOW;

	append(inbox, mail, size);
	return 0;
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
	return r;
}

struct span inbox_take(struct inbox *inbox) {
	monitor_lock(&inbox->monitor);
	int taken = inbox->filling;
	size_t length = inbox->used[taken];

	inbox->filling = !taken;
	inbox->used[inbox->filling] = 0;
	inbox->asleep = length == 0;
	monitor_notify(&inbox->monitor);
	monitor_unlock(&inbox->monitor);
	return span_of(half(inbox, taken), length);
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
	counters.pending_bytes = inbox->used[inbox->filling];
	monitor_unlock(&inbox->monitor);
	return counters;
}
