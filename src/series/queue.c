/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CAPACITY 2

/* An empty queue keeps this much room; a backlog's is given back. */
#define KEPT_CAPACITY 128

void tick_queue_finish(struct tick_queue *queue) {
	queue->budget->used -= queue->count;
	free(queue->items);
	queue->items = NULL;
	queue->head = queue->count = queue->capacity = 0;
}

struct queued *tick_queue_at(const struct tick_queue *queue, uint32_t index) {
	return &queue->items[(queue->head + index) & (queue->capacity - 1)];
}

static int grow(struct tick_queue *queue, size_t needed) {
	size_t capacity = queue->capacity ? queue->capacity : FIRST_CAPACITY;
	while (capacity < needed)
		capacity *= 2;

	struct queued *items = malloc(capacity * sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < queue->count; i++)
		items[i] = *tick_queue_at(queue, i);
	free(queue->items);
	queue->items = items;
	queue->head = 0;
	queue->capacity = (uint32_t)capacity;
	return 0;
}

int tick_queue_reserve(struct tick_queue *queue, size_t count) {
	size_t needed = queue->count + count;

	if (count > queue->budget->max || queue->budget->used > queue->budget->max - count)
		return E_OVERFLOW;
	if (needed > UINT32_MAX / 2)
		return E_OVERFLOW;
	return needed <= queue->capacity ? 0 : grow(queue, needed);
}

void tick_queue_push(struct tick_queue *queue, struct queued item) {
	queue->count++;
	queue->budget->used++;
	*tick_queue_at(queue, queue->count - 1) = item;
}

struct queued *tick_queue_find_newest(struct tick_queue *queue, uint32_t channel) {
	for (uint32_t i = queue->count; i > 0; i--) {
		struct queued *item = tick_queue_at(queue, i - 1);
		if (item->channel == channel)
			return item;
		if (item->first)
			break;
	}
	return NULL;
}

struct queued tick_queue_pop(struct tick_queue *queue) {
	struct queued item = *tick_queue_at(queue, 0);

	queue->head = (queue->head + 1) & (queue->capacity - 1);
	queue->count--;
	queue->budget->used--;
	if (queue->count == 0 && queue->capacity > KEPT_CAPACITY) {
		free(queue->items);
		queue->items = NULL;
		queue->head = queue->capacity = 0;
	}
	return item;
}
