/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_COMPANY_H
#define FORECAST_COMPANY_H

#include "forecaster.h"
#include "xlstm/pool.h"

/*
 * Whom the series of a batch see through the network, for models that pool: the nearest of their
 * neighbourhoods, by the hidden vectors that these committed with an earlier batch.
 */
struct company {
	size_t count, room; /* series */
	uint32_t *offsets; /* [room + 1] */
	uint32_t *indices; /* [room * NEAREST]: numbers of series */
	float *distances, *ages;
	/* Of all series in groups: where the network's states lie, NULL: no such series. */
	const void *const *states;
	size_t states_room;
};

/* Room for so many series; what it holds is not kept. 0 or -ENOMEM. */
int company_reserve(struct company *company, size_t room);
void company_finish(struct company *company);

/* The next series in the order of forecaster_accept: those of a detector that step. After all ticks of
 * the batch have told their neighbours. */
void company_add(
	struct company *company, const struct forecaster *forecaster, const struct tick *tick);

/* Of the series from `first` on. */
struct xlstm_neighbours company_of(const struct company *company, size_t first);

#endif
