/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_TRAINER_PRIVATE_H
#define TRAIN_TRAINER_PRIVATE_H

#include "relatives.h"
#include "trainer.h"
#include "xlstm/train.h"

struct slice {
	struct lane *lanes[TRAINER_SLICE];
	struct lane_window *windows; /* [TRAINER_SLICE] */
	unsigned char *states; /* [TRAINER_SLICE][state] */
	void *rows[TRAINER_SLICE]; /* into states */
	float *inputs; /* [TRAINER_SLICE, LANE_WINDOW, NETWORK_INPUTS] */
	float *outputs, *slopes; /* [TRAINER_SLICE, LANE_WINDOW, NETWORK_OUTPUTS] */
	struct lane_lists lists; /* who sees whom */
	struct xlstm_tape *tape;
	struct xlstm_weights *gradient;
	struct synthetic_room *room;
	double loss, weight; /* sums */
};

struct trainer {
	struct trainer_options options;
	uint64_t step;
	size_t state_size, floats; /* bytes of a lane's state; numbers in the weights */
	struct slice *slices;
	uint32_t slice_count;
	struct xlstm_weights *weights, *gradient;
	struct xlstm_weights *mean, *square; /* room for the moments */
	struct xlstm_adamw *adamw;
	struct xlstm_model *model; /* of the step in progress */
	float *average, *sum; /* [floats] */
	struct work *work;
};

/* All values of weights one after the other, out and in. */
void weights_gather(const struct xlstm_weights *weights, float *to);
void weights_scatter(struct xlstm_weights *weights, const float *from);

#endif
