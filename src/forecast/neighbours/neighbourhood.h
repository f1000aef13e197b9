/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NEIGHBOURHOOD_H
#define FORECAST_NEIGHBOURHOOD_H

#include "board.h"
#include "picture.h"
#include "pool.h"
#include "replay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Series of one quantity that see each other: the board with their newest values, who moves with
 * whom, a low-rank picture of all of them, and what they learn together: linear weights, and a
 * perceptron with the examples that it learns from.
 *
 * The order of a batch:
 *   neighbourhood_post      for every tick: its value goes to the board
 *   neighbourhood_advance   for every tick: slots that are over are learned from
 *   neighbourhood_tell      for every tick: what it forecasts by itself goes to the board
 *   neighbourhood_look, neighbourhood_teach_*   for every tick: what its neighbours say, and what it
 *                           teaches; takes effect at the next advance
 * so nothing depends on the order of the ticks within a batch as long as teaching has one order.
 *
 * The bytes hold no pointers and are saved as they are. Room is for a number of members that is fixed when
 * they are laid out; neighbourhood_copy takes a neighbourhood over into more room.
 */
#define NEIGHBOURHOOD_MAX 256

/* Slots ago that neighbours are looked at. */
#define NEAR_LAGS 4

/* Of these inputs: level of the own series and its last differences, phase, neighbours: at each lag the
 * nearest and the picture, and what the nearest forecast. */
#define NEAR_OWN_LAGS 6
#define NEAR_FOURIER  6
#define NEAR_SEEN     (2 * NEAR_LAGS + BOARD_LEADS)
#define NEAR_INPUTS   (2 + NEAR_OWN_LAGS + NEAR_FOURIER + NEAR_SEEN)

struct neighbourhood_head {
	uint32_t room; /* seats */
	uint32_t count; /* seats up to the last one taken */
	uint32_t horizon;
	uint32_t reserved;
	int64_t step_ms; /* width of a slot; 0: nobody has posted */
	int64_t slot; /* the newest, SLOT_NONE */
	uint64_t counted; /* slots learned from */
	uint64_t chosen; /* of these when neighbours were chosen last; 0: never */
};

struct neighbourhood {
	struct neighbourhood_head *head;
	struct board_seat *seats; /* [room] */
	float *levels, *changes; /* moments, [room][room] */
	float *loadings; /* [room][PICTURE_RANK] */
	void *pool;
	struct perceptron *perceptron;
	struct replay *replay;
	/* Not saved: who may be whose nearest, NULL: anybody (choice.h); the picture's scores as last looked
	 * at. */
	const struct candidates *candidates;
	int64_t scored_slot;
	double scores[NEAR_LAGS][PICTURE_RANK];
	double told_scores[BOARD_TOLD][PICTURE_RANK];
	float work[NEIGHBOURHOOD_MAX * PICTURE_RANK];
};

size_t neighbourhood_size(uint32_t room, uint32_t horizon);

/* Makes sense of bytes that are zero, for that room and horizon, or that hold a neighbourhood. */
/* Leads of the pool: first those of what `alone` leaves over, then of what the network's median does. */
static inline uint32_t neighbourhood_pool_leads(uint32_t horizon) {
	return 2 * horizon;
}

void neighbourhood_init(void *bytes, uint32_t room, uint32_t horizon);
void neighbourhood_open(struct neighbourhood *hood, void *bytes);

/* Whether bytes that came from outside hold a neighbourhood, each number within its bounds. */
bool neighbourhood_is_sound(void *bytes, size_t size);

/* Everything of `from` goes to fresh bytes with more room. */
void neighbourhood_copy(struct neighbourhood *to, const struct neighbourhood *from);

/* The seat of a series, taking a free one if it has none; there must be one. */
uint32_t neighbourhood_sit(struct neighbourhood *hood, uint32_t series);
bool neighbourhood_is_full(const struct neighbourhood *hood);
void neighbourhood_leave(struct neighbourhood *hood, uint32_t seat);

/* A period of a member's, as the neighbourhood counts. */
struct moment {
	int64_t step_ms, time_ms;
};

/* False: the member keeps another step than the others and stays alone. */
bool neighbourhood_post(struct neighbourhood *hood, uint32_t seat, const struct moment *at,
	double value, double mean, double scale);
void neighbourhood_advance(struct neighbourhood *hood, const struct moment *at);

/* What a member tells of itself at the period's end (struct board_told). */
void neighbourhood_tell(struct neighbourhood *hood, uint32_t seat, const struct moment *at,
	const float numbers[BOARD_TOLD]);

/* What the neighbours say of a member: for each lag the mean of the nearest ones, and what the picture
 * rebuilds, both against the member's own deviations; and what the nearest ones forecast, against what the
 * member does. False: not yet anything. */
bool neighbourhood_look(struct neighbourhood *hood, uint32_t seat, const struct moment *at,
	const double own[NEAR_LAGS], float seen[NEAR_SEEN]);
extern const uint32_t near_lags[NEAR_LAGS];

/* The same of all that the others told, after neighbourhood_look: the mean of the nearest ones, then the
 * picture, 0 where nothing is known. Who has told nothing yet in this period counts with what it told in
 * the one before. */
void neighbourhood_look_told(const struct neighbourhood *hood, uint32_t seat,
	const struct moment *at, float nearest[BOARD_TOLD], float picture[BOARD_TOLD]);

/* One that a member sees through the network. */
struct companion {
	uint32_t series;
	double distance; /* 1 - correlation of changes */
	double age; /* slots for which it has brought nothing, beyond the one before this moment */
};

/* The nearest of a member that are seen at a moment, the closest first, to `to` [NEAREST]; returns how
 * many. */
uint32_t neighbourhood_companions(const struct neighbourhood *hood, uint32_t seat,
	const struct moment *at, struct companion *to);

/* The nearest one's series, 0 beyond the last. */
uint32_t neighbourhood_nearest(
	const struct neighbourhood *hood, uint32_t seat, uint32_t rank, double *ret_correlation);

#endif
