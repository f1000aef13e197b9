/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SMALL_NETWORK_H
#define TESTS_SMALL_NETWORK_H

#include "network_inputs.h"
#include "network_outputs.h"
#include "xlstm/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Weights of a network that says what the closed form says, until it has learned. */
static inline struct xlstm_weights *small_network(void) {
	struct xlstm_shape shape = { .inputs = NETWORK_INPUTS,
		.width = 16,
		.outputs = NETWORK_OUTPUTS,
		.block_count = 1,
		.blocks = { xlstm_block_published(XLSTM_SLSTM, 16, 4) } };
	struct xlstm_weights *weights;
	assert_int_equal(xlstm_weights_create(&weights, &shape), 0);
	assert_int_equal(xlstm_weights_initialise(weights, 3), 0);
	return weights;
}

#endif
