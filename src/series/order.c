/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4

/* An empty buffer keeps this much room; a backlog's is given back. */
#define KEPT_CAPACITY 64

void order_finish(struct order *order, struct queue_budget *budget) {
	budget->used -= order->count;
	free(order->items);
	order->items = NULL;
	order->count = order->capacity = 0;
}

static int make_room(struct order *order, const struct queue_budget *budget) {
	if (budget->used >= budget->max || order->count >= UINT32_MAX / 2)
		return E_OVERFLOW;
	if (order->count < order->capacity)
		return 0;

	uint32_t capacity = order->capacity ? order->capacity * 2 : FIRST_CAPACITY;
	struct ordered *items = realloc(order->items, capacity * sizeof(*items));
	if (!items)
		return -ENOMEM;
	order->items = items;
	order->capacity = capacity;
	return 0;
}

/* How many readings are not later than `time_ms`. */
static uint32_t count_until(const struct order *order, int64_t time_ms) {
	uint32_t low = 0, high = order->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (order->items[middle].time_ms <= time_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int order_put(struct order *order, struct queue_budget *budget, struct ordered reading) {
	if (reading.time_ms <= order->horizon_ms)
		return E_LATE;

	uint32_t at = count_until(order, reading.time_ms);
	for (uint32_t i = at; i > 0 && order->items[i - 1].time_ms == reading.time_ms; i--) {
		if (order->items[i - 1].channel == reading.channel) {
			order->items[i - 1].value = reading.value;
			return 0;
		}
	}

	int r = make_room(order, budget);
	if (r < 0)
		return r;
	memmove(&order->items[at + 1], &order->items[at],
		(order->count - at) * sizeof(*order->items));
	order->items[at] = reading;
	order->count++;
	budget->used++;
	return 0;
}

uint32_t order_ready(const struct order *order, int64_t until_ms) {
	return count_until(order, until_ms);
}

void order_release(
	struct order *order, struct queue_budget *budget, uint32_t count, int64_t horizon_ms) {
	order->count -= count;
	budget->used -= count;
	if (horizon_ms > order->horizon_ms)
		order->horizon_ms = horizon_ms;
	if (order->count > 0) {
		memmove(order->items, order->items + count, order->count * sizeof(*order->items));
	} else if (order->capacity > KEPT_CAPACITY) {
		free(order->items);
		order->items = NULL;
		order->capacity = 0;
	}
}
