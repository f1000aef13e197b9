/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_LANE_H
#define TRAIN_LANE_H

#include "network_inputs.h"
#include "network_outputs.h"
#include "recorded.h"
#include "synthetic.h"

/*
 * A lane walks through series after series from their first readings, window after window. What a
 * lane shows at a step follows from seed, lane and step alone, so training can go on where it ended.
 */
#define LANE_WINDOW 128 /* ticks */
#define LANE_POINTS 32 /* of a window that are scored */

/* A tick that is scored: what outputs are applied to, and what came. */
struct lane_point {
	uint32_t tick; /* of the window */
	bool early; /* within the first two periods, or 64 ticks where there is no season */
	struct network_lead leads[NETWORK_LEADS];
	double targets[NETWORK_LEADS]; /* less the last reading; NAN: not observed */
};

struct lane_window {
	int64_t series; /* number among the recorded ones, where it has relatives; -1: none */
	bool fresh; /* a series begins: the network's state is to be emptied */
	float inputs[LANE_WINDOW * NETWORK_INPUTS];
	struct lane_point points[LANE_POINTS];
	double scales[NETWORK_LEADS]; /* that losses are divided by */
};

/* Where lanes take their series from. */
struct lane_source {
	uint64_t seed;
	const struct recorded *recorded; /* NULL: synthetic series alone */
	double recorded_share; /* of the series */
	const struct relatives *relatives; /* of the recorded ones; NULL: each is by itself */
	bool held_out; /* from the parts of recorded series that training never sees */
};

/* With relatives so many lanes, from a multiple of it on, show relatives at the same time. */
#define LANE_COMPANY 16

struct lane;

/* The source is borrowed. -ENOMEM. */
int lane_create(struct lane **ret_lane, const struct lane_source *source, uint32_t index);
void lane_destroy(struct lane *lane);

/* Goes to where the lane is after that many windows; from the start only. */
void lane_seek(struct lane *lane, uint64_t windows, struct synthetic_room *room);

/* Takes the next window. */
void lane_next(struct lane *lane, struct synthetic_room *room, struct lane_window *window);

#endif
