/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "golden.h"
#include "instructions.h"
#include "model.h"

#include <stdbool.h>

/* All sets of instructions that this processor has; kernels_for() gives NULL for others. */
#define EACH_KERNELS(kernels)                                                                      \
	for (enum xlstm_instructions set_ = XLSTM_PORTABLE; set_ <= XLSTM_AVX512; set_++)          \
		for (const struct kernels *kernels = kernels_for(set_); kernels; kernels = NULL)

/* The weights of a recorded block or stack; the caller destroys them. */
struct xlstm_weights *golden_weights(struct golden *golden);

/* The row against the recorded final state of series number `series`. */
void golden_assert_states(
	struct golden *golden, const struct xlstm_model *model, size_t series, const void *row);

/* Repeatable values, normal enough: sums of uniform ones, variance 1. */
struct noise {
	unsigned long long state;
};
float noise_next(struct noise *noise);
void noise_fill(struct noise *noise, float *values, size_t count, float scale);

/* values * e^(from - to): a part of a state brought to another stabiliser. */
void rescale(float *values, const float *from, const float *to, size_t count, size_t each);

/* A recorded recurrent kernel [head, gate, output, input] as [head, input, gate, output], and a
 * recorded bias [gate, head, unit] as [head, gate, unit]. */
void arrange_for_cuda(float *to, const struct golden_tensor *from, bool kernel);

#endif
