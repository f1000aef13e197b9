/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_POOL_H
#define FORECAST_POOL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Linear weights that many series learn together: weighted ridge regression in its information form,
 *
 *   A = sum w phi phi'     b_h = sum w phi y_h     W_h = (A + ridge I)^-1 b_h
 *
 * with forgetting. Sums do not depend on who came first as long as they are added in the same order.
 * The inputs of a tick join A at once and its label of lead h joins b_h when it arrives; what A is
 * ahead by is made up for by the ratio of their weights.
 */
#define POOL_INPUTS 64

struct pool_head {
	double inputs_weight; /* of what A holds */
};

/* Bytes of a pool for leads 1..horizon. Zeros are a fresh one. */
size_t pool_size(uint32_t horizon);

void pool_add_inputs(void *pool, const float phi[POOL_INPUTS], double weight);
void pool_add_label(void *pool, uint32_t horizon, uint32_t h, const float phi[POOL_INPUTS],
	double weight, double label);

/* One period has passed. */
void pool_forget(void *pool, uint32_t horizon);

/* Weights from the sums. */
void pool_solve(void *pool, uint32_t horizon);

/* What the weights of lead h say. */
double pool_forecast(const void *pool, uint32_t horizon, uint32_t h, const float phi[POOL_INPUTS]);

#endif
