/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_CHOICE_H
#define FORECAST_CHOICE_H

#include "board.h"
#include "moments.h"

/* Which seats may be chosen by each, a bit for each; only a neighbourhood in which somebody has said who is
 * next to whom has them. */
#define CANDIDATE_WORDS 4
struct candidates {
	uint64_t bits[CANDIDATE_WORDS];
};

/* Gives every seat the members whose changes are the most correlated with its own, positively, of those
 * that are seen at a slot: one that is silent or stuck gives its place to another. candidates [count];
 * NULL: anybody. */
void choose_nearest(struct board_seat *seats, const struct candidates *candidates,
	const float *changes, uint32_t room, uint32_t count, int64_t slot);

#endif
