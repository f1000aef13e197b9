/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_QUEUE_H
#define SERIES_QUEUE_H

#include "record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(CHANNELS_MAX == 64, "sets of channels are one word");

/* Ticks that wait to be pulled, as the readings that make them up. Readings of one tick lie
 * together; the first of them is marked. What is missing between two ticks takes no room: it is
 * made up while pulling. */

struct queued {
	uint64_t number; /* of the period */
	int64_t time_ms; /* of the period */
	double value;
	uint32_t channel;
	bool first; /* of its tick */
	bool whole; /* channels without a reading step as missing in this very tick */
};

/* How many readings wait over all detectors. */
struct queue_budget {
	size_t used;
	size_t max;
};

struct tick_queue {
	struct queued *items; /* a ring */
	uint32_t head;
	uint32_t count;
	uint32_t capacity; /* a power of two, or 0 */
	struct queue_budget *budget;
};

void tick_queue_finish(struct tick_queue *queue);

/* Room for `count` more readings, so that pushing them can't fail. 0, E_OVERFLOW or -ENOMEM. */
int tick_queue_reserve(struct tick_queue *queue, size_t count);

/* Needs reserved room. */
void tick_queue_push(struct tick_queue *queue, struct queued item);

/* The waiting reading of the channel in the newest tick, NULL if there is none. */
struct queued *tick_queue_find_newest(struct tick_queue *queue, uint32_t channel);

/* The i-th waiting reading from the oldest on. */
struct queued *tick_queue_at(const struct tick_queue *queue, uint32_t index);

/* Takes the oldest reading out. */
struct queued tick_queue_pop(struct tick_queue *queue);

#endif
