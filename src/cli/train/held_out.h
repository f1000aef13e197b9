/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_HELD_OUT_H
#define TRAIN_HELD_OUT_H

#include "lane.h"
#include "xlstm/weights.h"

/*
 * How good weights are on series that no training sees: the same ones at every call. Losses are
 * those of training; beside them those of a silent network, the closed form.
 */

/* Where a series is young, and where not. */
enum held_out_part { HELD_OUT_YOUNG, HELD_OUT_LATER, HELD_OUT_PARTS };

struct held_out_loss {
	double network, closed; /* sums */
	double count;
};

struct held_out {
	struct held_out_loss leads[HELD_OUT_PARTS][NETWORK_LEADS];
};

/* Lanes that a report looks at: 49152 ticks. */
#define HELD_OUT_LANES 32

/* Series from where training takes its own. -ENOMEM, or an XLSTM_E_ code. */
int held_out_measure(const struct xlstm_weights *weights, const struct lane_source *training,
	uint32_t lanes, struct held_out *held_out);

/* Over all leads of a part. */
struct held_out_loss held_out_sum(const struct held_out *held_out, enum held_out_part part);

#endif
