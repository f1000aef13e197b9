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

/* One step of AdamW with what the gradient holds, which is zero afterwards; where it is not finite
 * nothing moves. */
void student_step(struct student *student, double rate);

#endif
