/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

/* Networks once more, in double precision and straight from the equations, step by step: the witness
 * for arrangements that no recorded vectors exist for. */
#include "xlstm/weights.h"

struct reference {
	const struct xlstm_weights *weights; /* names and places; borrowed */
	const struct xlstm_shape *shape;
	double *values; /* of all tensors, where the weights have them */
};

struct reference reference_open(const struct xlstm_weights *weights);
void reference_close(struct reference *reference);

/* Outputs [steps, outputs] of a network without an embedding for one series from the empty state,
 * inputs [steps, width]. */
void reference_run(
	const struct reference *reference, const double *inputs, size_t steps, double *outputs);

#endif
