/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_CHOICE_H
#define FORECAST_CHOICE_H

#include "board.h"
#include "moments.h"

/* Gives every seat the members whose changes are the most correlated with its own, positively, of those
 * that are seen at a slot: one that is silent or stuck gives its place to another. */
void choose_nearest(struct board_seat *seats, const float *changes, uint32_t room, uint32_t count,
	int64_t slot);

#endif
