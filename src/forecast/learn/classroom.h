/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_CLASSROOM_H
#define FORECAST_CLASSROOM_H

#include "lesson.h"
#include "xlstm/train.h"

/*
 * Room for a few lessons that are walked through side by side: the network starts from each lesson's
 * state, takes all of its steps, and is marked at its scored ticks, every second one, with the pinball
 * loss of docs/network.md in units of the anchors. Belongs to one thread at a time.
 */
#define CLASSROOM_SEATS 7

struct classroom {
	size_t seats, state_bytes;
	struct xlstm_tape *tape;
	float *inputs; /* [seats, steps, inputs], steps those of the longest lesson */
	float *outputs, *slopes; /* [seats, steps, outputs] */
	unsigned char *states; /* [seats] */
	void **rows; /* [seats] into states */
	double *labels; /* [HORIZON_MAX] */
	struct lesson_walk walk;
};

/* For models of one shape. 0 or -ENOMEM. */
int classroom_create(struct classroom **ret_classroom, const struct xlstm_model *model);
void classroom_destroy(struct classroom *classroom);

/* Loss of a model in each of count lessons, at most CLASSROOM_SEATS; NAN where nothing is left to be
 * marked. 0 or -ENOMEM. */
int classroom_examine(struct classroom *classroom, const struct xlstm_model *model,
	const struct lesson *const *lessons, size_t count, double *losses);

/* The same, and adds `share` times the gradient of each lesson's loss. */
int classroom_teach(struct classroom *classroom, const struct xlstm_model *model,
	const struct lesson *const *lessons, size_t count, double share,
	struct xlstm_weights *gradient, double *losses);

#endif
