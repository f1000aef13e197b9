/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_RELATIVES_H
#define TRAIN_RELATIVES_H

#include "lane.h"
#include "xlstm/pool.h"

/*
 * Which recorded series of a file move together, as the daemon's neighbourhoods see it: by the correlation of
 * their changes over six ticks, over what training sees. Lanes that are worked on together show a
 * series and its closest relatives at the same time, so that each has neighbours among the others.
 */
struct relatives;

/* Relatives of each series that are known. */
#define RELATIVES_MAX (LANE_COMPANY - 1)

/* Neighbours of each lane, as many as the daemon's series have. */
#define LANE_NEIGHBOURS 4

/* -ENOMEM. */
int relatives_create(struct relatives **ret_relatives, const struct recorded *recorded);
void relatives_destroy(struct relatives *relatives);

/* The closest of a series, by rank; false beyond the last. */
bool relatives_nearest(
	const struct relatives *relatives, size_t series, size_t rank, size_t *ret_relative);

/* Correlation of two. */
float relatives_closeness(const struct relatives *relatives, size_t one, size_t other);

/* Who sees whom among lanes that show windows side by side. */
struct lane_lists {
	uint32_t offsets[LANE_COMPANY + 1], indices[LANE_COMPANY * LANE_NEIGHBOURS];
	float distances[LANE_COMPANY * LANE_NEIGHBOURS];
	float ages[LANE_COMPANY * LANE_NEIGHBOURS * LANE_WINDOW];
	struct xlstm_neighbours neighbours; /* for xlstm_sequence_among() */
};

void lane_lists_fill(struct lane_lists *lists, const struct relatives *relatives,
	const struct lane_window *windows, size_t count);

#endif
