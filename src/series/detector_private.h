/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_DETECTOR_PRIVATE_H
#define SERIES_DETECTOR_PRIVATE_H

#include "cursor.h"
#include "detector.h"
#include "grid.h"
#include "order.h"
#include "queue.h"

struct channel {
	char *name;
	char *unit; /* NULL: none */
	uint32_t series;
	uint8_t name_length;
	uint8_t unit_length;
};

struct detector {
	uint32_t id;
	uint32_t channel_hint; /* the channel that the next look-up tries first */
	char *name;
	size_t name_length;
	struct clock_options options;
	struct channel *channels; /* beside grid.channels, as many */

	struct order order;
	struct grid grid;
	struct tick_queue queue;
	struct cursor cursor;
	int64_t newest_ms; /* TIME_NONE before the first reading */
	int64_t arrived_ms; /* when the newest did; TIME_NONE: nobody said */
};

/* For the registry, which checks names and limits. */
int detector_create(struct detector **ret_detector, uint32_t id, struct span name,
	const struct clock_options *options, struct queue_budget *budget);
void detector_destroy(struct detector *detector);

/* The index of the channel, -1 if there is none. */
int detector_find_channel(struct detector *detector, struct span name);
int detector_add_channel(
	struct detector *detector, struct span name, struct span unit, uint32_t series);

/* Gives the channel a unit if it has none yet; one that is too long or not text is left out. */
int detector_set_unit(struct detector *detector, uint32_t channel, struct span unit);

#endif
