/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_BOARD_H
#define FORECAST_BOARD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The board of a neighbourhood: each member's newest values, for the others to see. Time is counted
 * in slots, periods of the members' common step since 1970. Plain bytes.
 *
 * Values are told in deviations from the member's own causal mean. A member whose value for a slot is
 * not there yet is seen with an older one, at half the weight for each slot of age, up to
 * BOARD_AGE_MAX; one that repeats the same value for BOARD_STUCK slots is not seen at all.
 */
#define BOARD_DEPTH   16
#define BOARD_AGE_MAX 3
#define BOARD_STUCK   6

/* Deviations beyond this are limited: a spike must not reach everybody. */
#define BOARD_LIMIT 6.0

/* Before any slot. */
#define SLOT_NONE INT64_MIN

/* Neighbours that a member looks at by themselves. */
#define NEAREST 4

/* Leads of which a member tells what it forecasts and how wrong it was: a quarter and half of the horizon, and
 * all of it. */
#define BOARD_LEADS 3
#define BOARD_TOLD  (2 * BOARD_LEADS)

/* What a member told at a slot: at each lead the deviation that it forecasts by itself, then at each the
 * error, in scales, of its forecast for that slot. */
struct board_told {
	int64_t slot; /* SLOT_NONE: nothing */
	float numbers[BOARD_TOLD];
};

/* A seat of the board. */
struct board_seat {
	uint32_t series; /* 0: free */
	uint32_t still; /* slots in a row with the same value */
	int64_t slot; /* of the newest value, SLOT_NONE: none yet */
	double mean, scale; /* of the series as of then */
	double values[BOARD_DEPTH]; /* by slot; NAN: missing */
	struct board_told told[2]; /* by slot */
	double x, y, z; /* position, NAN: unknown */
	uint32_t nearest[NEAREST]; /* seats, the most correlated first */
	float closeness[NEAREST]; /* correlation of changes; 0: no such neighbour */
};

void board_seat_take(struct board_seat *seat, uint32_t series);

/* A member's value at a slot; one older than its newest is passed over. */
void board_post(struct board_seat *seat, int64_t slot, double value, double mean, double scale);

void board_tell(struct board_seat *seat, int64_t slot, const float numbers[BOARD_TOLD]);

/* What it told at this very slot, one of the last two; NULL if there is nothing, or the member is
 * stuck. */
const float *board_told(const struct board_seat *seat, int64_t slot);

static inline bool board_is_stuck(const struct board_seat *seat) {
	return seat->still >= BOARD_STUCK;
}

/* The deviation at this very slot; false if there is none, or the member is stuck. */
bool board_exact(const struct board_seat *seat, int64_t slot, double *ret_deviation);

/* The deviation as it is known for a slot, and its weight, 0: not seen. */
double board_seen(const struct board_seat *seat, int64_t slot, double *ret_deviation);

#endif
