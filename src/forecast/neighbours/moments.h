/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_MOMENTS_H
#define FORECAST_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Who moves with whom: fading sums of products of the members' deviations, once of the deviations
 * themselves and once of their changes over CHANGE_SPAN slots. What was missing adds nothing, so a
 * member that is often silent counts as little correlated. matrix [room][room], symmetric.
 */
#define CHANGE_SPAN 6

/* Part of the sums that stays from slot to slot. */
#define MOMENTS_FORGETTING 0.9995f

/* Adds the products of one slot, values [count], 0 where missing. */
void moments_add(float *matrix, uint32_t room, uint32_t count, const float *values);

/* The correlation of two members, 0 where nothing is known. */
float moments_correlation(const float *matrix, uint32_t room, uint32_t i, uint32_t j);

/* Nothing is known of this member any more. */
void moments_forget(float *matrix, uint32_t room, uint32_t i);

#endif
