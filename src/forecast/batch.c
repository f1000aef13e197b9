/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include "detector.h"
#include "engine.h"
#include "network_inputs.h"
#include "network_outputs.h"

#include <errno.h>
#include <stdlib.h>

int batch_create(struct batch **ret_batch, size_t capacity) {
	struct batch *batch = calloc(1, sizeof(*batch) + capacity * sizeof(batch->items[0]));
	if (!batch)
		return -ENOMEM;

	batch->capacity = capacity;
	batch->workspace = calloc(1, sizeof(*batch->workspace));
	batch->places = calloc(capacity, sizeof(*batch->places));
	if (!batch->workspace || !batch->places) {
		batch_destroy(batch);
		return -ENOMEM;
	}

	*ret_batch = batch;
	return 0;
}

static void network_finish(struct network_batch *network) {
	xlstm_workspace_destroy(network->workspace);
	xlstm_model_unref(network->model);
	free(network->inputs);
	free(network->features);
	free(network->outputs);
	free(network->states);
	free(network->voices);
	company_finish(&network->company);
	*network = (struct network_batch){ 0 };
}

void batch_destroy(struct batch *batch) {
	if (!batch)
		return;
	batch_clear(batch);
	network_finish(&batch->network);
	free(batch->numbers);
	free(batch->kept);
	free(batch->places);
	free(batch->workspace);
	free(batch);
}

int batch_set_model(struct batch *batch, struct xlstm_model *model) {
	struct network_batch *network = &batch->network;
	if (network->model && model &&
		xlstm_state_layout(network->model) == xlstm_state_layout(model))
		return 0;
	network_finish(network);
	if (!model)
		return 0;
	int r = xlstm_workspace_create(&network->workspace, model, XLSTM_BEST);
	if (r < 0)
		return -ENOMEM;
	network->model = xlstm_model_ref(model);
	return 0;
}

void batch_set_states(struct batch *batch, const void *const *states, size_t room) {
	batch->network.company.states = states;
	batch->network.company.states_room = room;
}

static bool pools(const struct network_batch *network) {
	return network->model && xlstm_model_shape(network->model)->pool != XLSTM_NO_POOL;
}

/* Grows an array; what it holds is not kept. */
static bool renew(void *array, size_t count, size_t size) {
	void *fresh = calloc(count, size), **slot = array;
	if (!fresh)
		return false;
	free(*slot);
	*slot = fresh;
	return true;
}

static int network_reserve(struct network_batch *network, size_t channels) {
	size_t need = network->reserved + channels;
	if (!network->model || need <= network->room)
		return 0;
	size_t room = need + need / 2, width = xlstm_model_shape(network->model)->width;
	network->room = 0;
	if (!renew(&network->inputs, room * NETWORK_INPUTS, sizeof(float)) ||
		!renew(&network->features, room * width, sizeof(float)) ||
		!renew(&network->outputs, room * NETWORK_OUTPUTS, sizeof(float)) ||
		!renew(&network->states, room, sizeof(void *)) ||
		!renew(&network->voices, room, sizeof(*network->voices)) ||
		(pools(network) && company_reserve(&network->company, room) < 0))
		return -ENOMEM;
	network->room = room;
	return 0;
}

static size_t numbers_of(const struct forecaster *forecaster) {
	return (size_t)forecaster->channels * forecaster->layout->horizon * (1 + QUANTILES);
}

static int reserve_kept(struct batch *batch, const struct forecaster *forecaster) {
	size_t need = batch->kept_used + forecaster_kept_size(forecaster);
	if (need <= batch->kept_room)
		return 0;
	batch->kept_room = 0;
	if (!renew(&batch->kept, need + need / 2, 1))
		return -ENOMEM;
	batch->kept_room = need + need / 2;
	return 0;
}

int batch_reserve(struct batch *batch, const struct forecaster *forecaster) {
	size_t need = batch->numbers_used + numbers_of(forecaster);
	if (network_reserve(&batch->network, forecaster->channels) < 0 ||
		reserve_kept(batch, forecaster) < 0)
		return -ENOMEM;
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
	struct xlstm_model *model, const struct tick *tick) {
	struct batch_item *item = &batch->items[batch->count++];
	item->detector = detector;
	item->forecaster = *forecaster;
	item->model = model ? xlstm_model_ref(model) : NULL;
	item->tick = *tick;
	batch->numbers_used += numbers_of(forecaster);
	batch->kept_used += forecaster_kept_size(forecaster);
	batch->network.reserved += forecaster->channels;
}

static int compare_places(const void *a, const void *b) {
	const struct batch_place *x = a, *y = b;
	return (x->detector > y->detector) - (x->detector < y->detector);
}

void batch_sort(struct batch *batch) {
	for (size_t i = 0; i < batch->count; i++)
		batch->places[i] =
			(struct batch_place){ detector_id(batch->items[i].detector), (uint32_t)i };
	qsort(batch->places, batch->count, sizeof(*batch->places), compare_places);
}

bool batch_is_apart(const struct batch *batch, const struct batch *other) {
	size_t i = 0, j = 0;
	bool shared = batch->kept_used > 0 || other->kept_used > 0;
	while (!shared && i < batch->count && j < other->count) {
		uint32_t here = batch->places[i].detector, there = other->places[j].detector;
		shared = here == there;
		i += here < there;
		j += there < here;
	}
	return !shared;
}

void batch_clear(struct batch *batch) {
	for (size_t i = 0; i < batch->count; i++)
		xlstm_model_unref(batch->items[i].model);
	batch->count = 0;
	batch->numbers_used = 0;
	batch->kept_used = 0;
	batch->network.reserved = 0;
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

/* Channels first to end - 1, of items with the same weights, take one step of the network together. */
static void network_step(const struct network_batch *network, const struct xlstm_model *model,
	size_t first, size_t end) {
	size_t width = xlstm_model_shape(model)->width;
	if (first == end)
		return;
	struct xlstm_neighbours neighbours;
	if (pools(network))
		neighbours = company_of(&network->company, first);
	xlstm_step_among(model, network->workspace, end - first, network->states + first,
		network->inputs + first * NETWORK_INPUTS, pools(network) ? &neighbours : NULL,
		network->features + first * width, network->outputs + first * NETWORK_OUTPUTS);
	for (size_t i = first; i < end; i++)
		network->voices[i] = (struct network_voice){
			.features = network->features + i * width,
			.outputs = network->outputs + i * NETWORK_OUTPUTS,
			.width = (uint32_t)width,
		};
}

/* The i-th to be worked on. */
static struct batch_item *item_at(struct batch *batch, size_t i) {
	return &batch->items[batch->places[i].item];
}

/* Whom the series of all items see. */
static void look_around(struct batch *batch) {
	struct company *company = &batch->network.company;
	company->count = 0;
	for (size_t i = 0; i < batch->count && pools(&batch->network); i++) {
		const struct batch_item *item = item_at(batch, i);
		company_add(company, &item->forecaster, &item->tick);
	}
}

/* All channels of all items: items with the same weights that follow each other step together. */
static void network_run(struct batch *batch) {
	size_t first = 0, end = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct batch_item *item = item_at(batch, i);
		end += item->voices_count;
		bool goes_on = i + 1 < batch->count && item_at(batch, i + 1)->model == item->model;
		if (goes_on || !item->model)
			continue;
		network_step(&batch->network, item->model, first, end);
		first = end;
	}
}

/* All items forecast: first each for itself, then those in groups with what the others told. */
static void step_items(struct batch *batch) {
	const struct network_voice *voices = batch->network.voices;
	float *numbers = batch->numbers;
	unsigned char *kept = batch->kept;
	for (size_t i = 0; i < batch->count; i++) {
		struct batch_item *item = item_at(batch, i);
		numbers = place(item, numbers);
		forecaster_step(&item->forecaster, &item->tick, batch->workspace, voices, kept,
			item->outlooks);
		if (item->voices_count)
			voices += item->voices_count;
		if (kept)
			kept += forecaster_kept_size(&item->forecaster);
	}
	kept = batch->kept;
	for (size_t i = 0; i < batch->count && kept; i++) {
		struct batch_item *item = item_at(batch, i);
		forecaster_step_near(
			&item->forecaster, &item->tick, batch->workspace, kept, item->outlooks);
		kept += forecaster_kept_size(&item->forecaster);
	}
}

void batch_run(struct batch *batch) {
	struct network_batch *network = &batch->network;
	size_t stepping = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct batch_item *item = item_at(batch, i);
		float *inputs =
			network->inputs ? network->inputs + stepping * NETWORK_INPUTS : NULL;
		void **states = network->states ? network->states + stepping : NULL;
		item->voices_count = forecaster_accept(
			&item->forecaster, &item->tick, batch->workspace, inputs, states);
		stepping += item->voices_count;
	}
	look_around(batch);
	network_run(batch);
	if (network->model)
		xlstm_commit(network->model, stepping, network->states);

	for (size_t i = 0; i < batch->count; i++)
		forecaster_advance(&batch->items[i].forecaster, &batch->items[i].tick);

	step_items(batch);
}
