/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include "engine.h"

#include <errno.h>
#include <stdlib.h>

int batch_create(struct batch **ret_batch, size_t capacity) {
	struct batch *batch = calloc(1, sizeof(*batch) + capacity * sizeof(batch->items[0]));
	if (!batch)
		return -ENOMEM;

	batch->capacity = capacity;
	batch->workspace = calloc(1, sizeof(*batch->workspace));
	if (!batch->workspace) {
		batch_destroy(batch);
		return -ENOMEM;
	}

	*ret_batch = batch;
	return 0;
}

void batch_destroy(struct batch *batch) {
	if (!batch)
		return;
	free(batch->numbers);
	free(batch->workspace);
	free(batch);
}

static size_t numbers_of(const struct forecaster *forecaster) {
	return (size_t)forecaster->channels * forecaster->layout->horizon * (1 + QUANTILES);
}

int batch_reserve(struct batch *batch, const struct forecaster *forecaster) {
	size_t need = batch->numbers_used + numbers_of(forecaster);
	if (need <= batch->numbers_room)
		return 0;
	size_t room = need + need / 2;
	float *numbers = realloc(batch->numbers, room * sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	batch->numbers = numbers;
	batch->numbers_room = room;
	return 0;
}

void batch_add(struct batch *batch, struct detector *detector, const struct forecaster *forecaster,
	const struct tick *tick) {
	struct batch_item *item = &batch->items[batch->count++];
	item->detector = detector;
	item->forecaster = *forecaster;
	item->tick = *tick;
	batch->numbers_used += numbers_of(forecaster);
}

/* Points the outlooks of an item to their numbers; returns where the next item's begin. */
static float *place(struct batch_item *item, float *numbers) {
	size_t horizon = item->forecaster.layout->horizon;
	for (uint32_t c = 0; c < item->forecaster.channels; c++) {
		item->outlooks[c].mean = numbers;
		item->outlooks[c].quantiles = numbers + horizon;
		numbers += horizon * (1 + QUANTILES);
	}
	return numbers;
}

void batch_run(struct batch *batch) {
	float *numbers = batch->numbers;
	for (size_t i = 0; i < batch->count; i++) {
		struct batch_item *item = &batch->items[i];
		numbers = place(item, numbers);
		forecaster_step(&item->forecaster, &item->tick, batch->workspace, item->outlooks);
	}
}
