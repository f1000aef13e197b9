/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_BATCH_H
#define FORECAST_BATCH_H

#include "company.h"

struct detector;

/* One tick of one detector. The forecaster is copied, so that channels may join the detector while
 * the batch runs. */
struct batch_item {
	struct detector *detector;
	struct forecaster forecaster;
	struct xlstm_model *model; /* counted; NULL: no network */
	struct tick tick;
	struct outlook outlooks[CHANNELS_MAX];
	uint32_t voices_count; /* channels for which the network steps */
};

/* Items are worked on in the order of detectors' ids, so that what they learn together does not depend on
 * who came first. */
struct batch_place {
	uint32_t detector, item;
};

/* What the network reads and says, for all channels of all items together. */
struct network_batch {
	struct xlstm_model
		*model; /* counted, for the shape that all models have; NULL: no network */
	struct xlstm_workspace *workspace;
	size_t room, reserved; /* channels */
	float *inputs, *features, *outputs;
	void **states;
	struct network_voice *voices;
	struct company company; /* of models that pool */
};

struct batch {
	size_t count;
	size_t capacity;
	size_t numbers_used, numbers_room;
	float *numbers; /* means and quantiles of all items */
	size_t kept_used, kept_room;
	unsigned char *kept; /* what the items in groups know by themselves */
	struct workspace *workspace;
	struct network_batch network;
	struct batch_place *places; /* [count] */
	struct batch_item items[];
};

/* The network that the batch is to step with, NULL: none; for an empty batch. 0 or -ENOMEM. */
int batch_set_model(struct batch *batch, struct xlstm_model *model);

/* Where the network's states of all series in groups lie, by their numbers, for the time that the
 * batch runs. */
void batch_set_states(struct batch *batch, const void *const *states, size_t room);

/* Room for the forecasts of one more item. 0 or -ENOMEM. */
int batch_reserve(struct batch *batch, const struct forecaster *forecaster);

/* Adds an item whose forecasts have been reserved, with the weights that it steps with, of the
 * shape of the batch's. */
void batch_add(struct batch *batch, struct detector *detector, const struct forecaster *forecaster,
	struct xlstm_model *model, const struct tick *tick);

/* Sets the order of work of a batch that is complete. */
void batch_sort(struct batch *batch);

/* Makes it empty. */
void batch_clear(struct batch *batch);

#endif
