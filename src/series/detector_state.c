/* SPDX-License-Identifier: Apache-2.0 */
#include "detector.h"
#include "detector_private.h"
#include "error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/*
 * A detector's clock as bytes: every field a little-endian word of eight bytes, in the order in
 * which the visit_ functions below name them, behind a header with version and length. One
 * description serves both directions.
 */

#define STATE_MAGIC   UINT64_C(0x4b434f4c43544544) /* "DETCLOCK" */
#define STATE_VERSION 1

struct visitor {
	struct text *to; /* writing, if not NULL */
	struct span from; /* reading: what is left */
	bool corrupt;
};

static void visit_word(struct visitor *visitor, uint64_t *word) {
	uint8_t bytes[8];

	if (visitor->to) {
		for (int i = 0; i < 8; i++)
			bytes[i] = (uint8_t)(*word >> (8 * i));
		text_add(visitor->to, span_of(bytes, sizeof(bytes)));
		return;
	}
	if (visitor->from.length < sizeof(bytes)) {
		visitor->corrupt = true;
		return;
	}
	memcpy(bytes, visitor->from.data, sizeof(bytes));
	*word = 0;
	for (int i = 0; i < 8; i++)
		*word |= (uint64_t)bytes[i] << (8 * i);
	visitor->from.data += sizeof(bytes);
	visitor->from.length -= sizeof(bytes);
}

static void visit_int(struct visitor *visitor, int64_t *value) {
	uint64_t word = (uint64_t)*value;

	visit_word(visitor, &word);
	*value = (int64_t)word;
}

/* A time or a signed duration that arithmetic may not overflow with. */
static void visit_time(struct visitor *visitor, int64_t *time_ms) {
	visit_int(visitor, time_ms);
	if (*time_ms != TIME_NONE && (*time_ms > 2 * TIME_MAX_MS || *time_ms < -2 * TIME_MAX_MS))
		visitor->corrupt = true;
}

static void visit_count(struct visitor *visitor, uint32_t *count, uint32_t max) {
	uint64_t word = *count;

	visit_word(visitor, &word);
	if (word > max) {
		visitor->corrupt = true;
		word = 0;
	}
	*count = (uint32_t)word;
}

static void visit_bool(struct visitor *visitor, bool *value) {
	uint32_t number = *value;

	visit_count(visitor, &number, 1);
	*value = number;
}

/* Numbers of periods, which times are computed from. */
static void visit_number(struct visitor *visitor, uint64_t *number) {
	visit_word(visitor, number);
	if (*number != PERIOD_NONE && *number > 2 * (uint64_t)TIME_MAX_MS)
		visitor->corrupt = true;
}

/* A value: a finite number or NAN. */
static void visit_value(struct visitor *visitor, double *value) {
	uint64_t word;

	memcpy(&word, value, sizeof(word));
	visit_word(visitor, &word);
	memcpy(value, &word, sizeof(word));
	if (isinf(*value))
		visitor->corrupt = true;
}

/* A sum, which may have grown beyond all numbers. */
static void visit_sum(struct visitor *visitor, double *value) {
	uint64_t word;

	memcpy(&word, value, sizeof(word));
	visit_word(visitor, &word);
	memcpy(value, &word, sizeof(word));
}

static void visit_cadence(struct visitor *visitor, struct cadence *cadence) {
	visit_count(visitor, &cadence->count, CADENCE_INTERVALS);
	for (uint32_t i = 0; i < cadence->count; i++) {
		visit_time(visitor, &cadence->intervals_ms[i]);
		visitor->corrupt |= cadence->intervals_ms[i] <= 0;
	}
}

static void visit_channel(struct visitor *visitor, struct grid_channel *channel) {
	visit_time(visitor, &channel->time_ms);
	visit_number(visitor, &channel->first);
	visit_number(visitor, &channel->number);
	visit_count(visitor, &channel->readings, UINT32_MAX);
	visit_count(visitor, &channel->count, UINT32_MAX);
	visit_value(visitor, &channel->newest);
	visit_sum(visitor, &channel->sum);
	visit_value(visitor, &channel->max);
	visit_value(visitor, &channel->last);
}

static void visit_grid(struct visitor *visitor, struct grid *grid) {
	visit_time(visitor, &grid->step_ms);
	visit_cadence(visitor, &grid->cadence);
	visit_count(visitor, &grid->sparse, UINT32_MAX);
	visit_number(visitor, &grid->origin);
	visit_time(visitor, &grid->origin_ms);
	visit_time(visitor, &grid->phase_ms);
	visit_count(visitor, &grid->phase_readings, UINT32_MAX);
	visit_bool(visitor, &grid->started);
	visit_bool(visitor, &grid->aligned);
	visit_bool(visitor, &grid->held);
	visit_bool(visitor, &grid->closed);
	visit_number(visitor, &grid->number);
	visit_time(visitor, &grid->time_ms);
	visit_time(visitor, &grid->begins_ms);
	visit_word(visitor, &grid->message);
	visit_count(visitor, &grid->most_readings, UINT32_MAX);
	visit_count(visitor, &grid->crowding, UINT32_MAX);
	visit_word(visitor, &grid->unused);
	for (uint32_t i = 0; i < grid->channel_count; i++)
		visit_channel(visitor, &grid->channels[i]);
}

static void visit_cursor(struct visitor *visitor, struct cursor *cursor) {
	visit_bool(visitor, &cursor->started);
	visit_number(visitor, &cursor->number);
	visit_time(visitor, &cursor->time_ms);
	visit_word(visitor, &cursor->stepped);
	visit_count(visitor, &cursor->gap, UINT32_MAX);
}

static void visit_queued(struct visitor *visitor, struct queued *item, uint32_t channels) {
	visit_number(visitor, &item->number);
	visit_time(visitor, &item->time_ms);
	visit_value(visitor, &item->value);
	visit_count(visitor, &item->channel, channels - 1);
	visit_bool(visitor, &item->first);
	visit_bool(visitor, &item->whole);
}

static void visit_ordered(struct visitor *visitor, struct ordered *item, uint32_t channels) {
	visit_time(visitor, &item->time_ms);
	visit_value(visitor, &item->value);
	visit_count(visitor, &item->channel, channels - 1);
}

/* All that has a fixed length for a number of channels. */
static void visit_clock(struct visitor *visitor, struct detector *detector) {
	visit_grid(visitor, &detector->grid);
	visit_cursor(visitor, &detector->cursor);
	visit_time(visitor, &detector->newest_ms);
	visit_time(visitor, &detector->order.horizon_ms);
}

static void visit_header(struct visitor *visitor, uint64_t *magic, uint64_t *version,
	uint32_t *channels, uint32_t *waiting, uint32_t *held) {
	visit_word(visitor, magic);
	visit_word(visitor, version);
	visit_count(visitor, channels, CHANNELS_MAX);
	visit_count(visitor, waiting, UINT32_MAX / 2);
	visit_count(visitor, held, UINT32_MAX / 2);
}

void detector_save(const struct detector *detector, struct text *to) {
	struct visitor visitor = { .to = to };
	uint64_t magic = STATE_MAGIC, version = STATE_VERSION;
	/* Writing changes nothing; the visitors want to be able to. */
	struct detector copy = *detector;

	visit_header(&visitor, &magic, &version, &copy.grid.channel_count, &copy.queue.count,
		&copy.order.count);
	visit_clock(&visitor, &copy);
	for (uint32_t i = 0; i < copy.queue.count; i++)
		visit_queued(&visitor, tick_queue_at(&copy.queue, i), copy.grid.channel_count);
	for (uint32_t i = 0; i < copy.order.count; i++)
		visit_ordered(&visitor, &copy.order.items[i], copy.grid.channel_count);
}

/* What the fields must have in common for the clock to run on from them. */
static bool fits_together(const struct detector *detector) {
	const struct grid *grid = &detector->grid;
	const struct cursor *cursor = &detector->cursor;

	if (grid->step_ms < 0 || grid->step_ms > TIME_MAX_MS || grid->number == PERIOD_NONE)
		return false;
	if (grid->started && (grid->time_ms == TIME_NONE || detector->newest_ms == TIME_NONE))
		return false;
	if (grid->origin_ms == TIME_NONE || grid->phase_ms == TIME_NONE)
		return false;
	if ((grid->held || grid->aligned) && grid->step_ms == 0)
		return false;
	if (cursor->started && (cursor->number > grid->number || cursor->time_ms == TIME_NONE))
		return false;
	/* Labels lie where times may. */
	if (grid->origin > grid->number)
		return false;
	if (grid->step_ms > 0 &&
		grid->number - grid->origin > (uint64_t)(2 * TIME_MAX_MS / grid->step_ms) + 2)
		return false;
	for (uint32_t i = 0; i < grid->channel_count; i++) {
		const struct grid_channel *channel = &grid->channels[i];
		/* Times are forgotten where the clock begins again. */
		if (channel->number == PERIOD_NONE && channel->time_ms != TIME_NONE)
			return false;
		if (channel->number != PERIOD_NONE && channel->number > grid->number)
			return false;
	}
	return true;
}

static bool queue_fits(const struct detector *detector) {
	const struct tick_queue *queue = &detector->queue;
	uint64_t number = detector->cursor.started ? detector->cursor.number : 0;

	for (uint32_t i = 0; i < queue->count; i++) {
		const struct queued *item = tick_queue_at(queue, i);
		if (item->number < number || item->number > detector->grid.number ||
			item->time_ms == TIME_NONE || (i == 0 && !item->first) ||
			(!item->first && item->number != number))
			return false;
		number = item->number;
	}
	return true;
}

static bool order_fits(const struct detector *detector) {
	const struct order *order = &detector->order;
	int64_t before = order->horizon_ms;

	for (uint32_t i = 0; i < order->count; i++) {
		int64_t time_ms = order->items[i].time_ms;
		if (time_ms < before || time_ms <= order->horizon_ms ||
			time_ms > detector->newest_ms)
			return false;
		before = time_ms;
	}
	return true;
}

/* Reads the variable parts into `detector`, whose clock has been read. */
static int load_waiting(
	struct visitor *visitor, struct detector *detector, uint32_t waiting, uint32_t held) {
	uint32_t channels = detector->grid.channel_count;

	if ((size_t)waiting * 48 + (size_t)held * 24 != visitor->from.length)
		return E_CORRUPT;
	if ((waiting || held) && channels == 0)
		return E_CORRUPT;

	int r = waiting ? tick_queue_reserve(&detector->queue, waiting) : 0;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < waiting; i++) {
		struct queued item = { 0 };
		visit_queued(visitor, &item, channels);
		tick_queue_push(&detector->queue, item);
	}

	if (held == 0)
		return 0;
	if (detector->queue.budget->used + held > detector->queue.budget->max)
		return E_OVERFLOW;
	detector->order.items = calloc(held, sizeof(*detector->order.items));
	if (!detector->order.items)
		return -ENOMEM;
	detector->order.capacity = held;
	for (uint32_t i = 0; i < held; i++) {
		visit_ordered(visitor, &detector->order.items[i], channels);
		detector->order.count++;
		detector->queue.budget->used++;
	}
	return 0;
}

static int load(struct visitor *visitor, struct detector *into, const struct detector *detector) {
	uint64_t magic = 0, version = 0;
	uint32_t channels = 0, waiting = 0, held = 0;

	if (visitor->from.length < sizeof(magic) + sizeof(version))
		return E_CORRUPT;
	visit_header(visitor, &magic, &version, &channels, &waiting, &held);
	if (magic != STATE_MAGIC)
		return E_CORRUPT;
	if (version != STATE_VERSION)
		return E_VERSION;
	if (visitor->corrupt)
		return E_CORRUPT;
	if (channels > detector->grid.channel_count)
		return E_MISMATCH;
	while (into->grid.channel_count < channels) {
		int r = grid_add_channel(&into->grid);
		if (r < 0)
			return r;
	}

	visit_clock(visitor, into);
	if (visitor->corrupt || !fits_together(into))
		return E_CORRUPT;
	if (detector->options.step_ms > 0 && into->grid.step_ms != detector->options.step_ms)
		return E_MISMATCH;
	int r = load_waiting(visitor, into, waiting, held);
	if (r < 0)
		return r;
	if (visitor->corrupt || !queue_fits(into) || !order_fits(into))
		return E_CORRUPT;

	/* Channels that are younger than the state. */
	while (into->grid.channel_count < detector->grid.channel_count) {
		r = grid_add_channel(&into->grid);
		if (r < 0)
			return r;
	}
	return 0;
}

int detector_load(struct detector *detector, struct span bytes) {
	struct visitor visitor = { .from = bytes };
	struct detector into = { .queue.budget = detector->queue.budget };

	grid_init(&into.grid, &detector->options);
	int r = load(&visitor, &into, detector);
	struct detector old = *detector;
	if (r == 0) {
		detector->grid = into.grid;
		detector->queue = into.queue;
		detector->order = into.order;
		detector->cursor = into.cursor;
		detector->newest_ms = into.newest_ms;
		detector->arrived_ms = TIME_NONE;
		into = old;
	}
	order_finish(&into.order, detector->queue.budget);
	tick_queue_finish(&into.queue);
	grid_finish(&into.grid);
	return r;
}
