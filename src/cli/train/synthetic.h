/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_SYNTHETIC_H
#define TRAIN_SYNTHETIC_H

#include "random.h"
#include "train_series.h"

/*
 * Series made up on the fly: sums and products of rhythm, drift and noise, coupled to others, and
 * what sensors make of them: censoring, counting, quantising, spikes, level shifts, stuck and
 * missing runs. The same random numbers give the same series.
 */

/* Room to work in, of one thread. */
struct synthetic_room;

/* -ENOMEM. */
int synthetic_room_create(struct synthetic_room **ret_room);
void synthetic_room_destroy(struct synthetic_room *room);

/* Makes a series of `ticks`, at most SERIES_TICKS_MAX. */
void synthetic_make(struct synthetic_room *room, struct random *random, uint32_t ticks,
	struct train_series *series);

#endif
