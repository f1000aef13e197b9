/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_STUDENT_H
#define FORECAST_STUDENT_H

#include "classroom.h"

/* Weights that learn: a private copy of a model's, with what AdamW remembers of its steps. */
struct student {
	struct xlstm_weights *weights; /* NULL: not begun */
	struct xlstm_weights *gradient;
	struct xlstm_adamw *adamw;
};

/* Starts over from a model. 0 or -ENOMEM. */
int student_begin(struct student *student, const struct xlstm_model *model);
void student_finish(struct student *student);

/* One step of AdamW on the mean loss of the lessons, which is returned in *ret_loss; where it is not
 * finite nothing moves. 0 or -ENOMEM. */
int student_step(struct student *student, struct classroom *classroom,
	const struct lesson *const *lessons, size_t count, double rate, double *ret_loss);

#endif
