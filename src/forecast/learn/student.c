/* SPDX-License-Identifier: Apache-2.0 */
#include "student.h"

#include <errno.h>

/* As in the network's pretraining, but for the decay: it would pull away from what was learned
 * there. Gradients are clipped at a norm of 1. */
static const struct xlstm_adamw_options recipe = {
	.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .decay = 0, .clip = 1
};

int student_begin(struct student *student, const struct xlstm_model *model) {
	const struct xlstm_weights *weights = xlstm_model_weights(model);
	student_finish(student);
	if (xlstm_weights_clone(&student->weights, weights) < 0 ||
		xlstm_weights_create(&student->gradient, xlstm_weights_shape(weights)) < 0 ||
		xlstm_adamw_create(&student->adamw, xlstm_weights_shape(weights), &recipe) < 0) {
		student_finish(student);
		return -ENOMEM;
	}
	return 0;
}

void student_finish(struct student *student) {
	xlstm_weights_destroy(student->weights);
	xlstm_weights_destroy(student->gradient);
	xlstm_adamw_destroy(student->adamw);
	*student = (struct student){ 0 };
}

void student_step(struct student *student, double rate) {
	xlstm_adamw_step(student->adamw, student->weights, student->gradient, rate);
}
