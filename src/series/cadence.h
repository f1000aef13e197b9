/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_CADENCE_H
#define SERIES_CADENCE_H

#include <stdbool.h>
#include <stdint.h>

/* The period of a clock that nobody configured, from the intervals between the first readings. */

/* Intervals looked at, at the most. */
#define CADENCE_INTERVALS 8

/* What is assumed before there is an interval. */
#define CADENCE_STEP_UNKNOWN_MS 60000

struct cadence {
	int64_t intervals_ms[CADENCE_INTERVALS];
	uint32_t count;
};

/* Takes in the positive time between two readings of one channel. Nothing happens once settled. */
void cadence_add(struct cadence *cadence, int64_t interval_ms);

/* Whether the intervals say enough: three that agree within a tenth, or CADENCE_INTERVALS of any
 * kind. */
bool cadence_is_settled(const struct cadence *cadence);

/* The median interval, moved to a length that people choose (1 s, 15 min, 1 h) if one lies as near
 * as the intervals' scatter allows. Always positive. */
int64_t cadence_step_ms(const struct cadence *cadence);

#endif
