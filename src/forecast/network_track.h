/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NETWORK_TRACK_H
#define FORECAST_NETWORK_TRACK_H

#include "history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the network needs to know of the past of one series: docs/network.md, "Tracking". The names
 * are those of that page. Plain bytes; all zero before the first reading.
 */

/* The grid of leads. */
#define NETWORK_LEADS 18
extern const uint16_t network_leads[NETWORK_LEADS];

/* Index of a lead of the grid: 1, 4, 8, 16, 64. */
enum { GRID_1 = 0, GRID_4 = 3, GRID_8 = 5, GRID_16 = 7, GRID_64 = 11 };

/* Anchors whose errors are tracked with one pair for all leads. */
enum track_anchor { TRACK_LEVEL, TRACK_SEASON1, TRACK_PROFILE, TRACK_SEASON2, TRACK_ANCHORS };

/* S and N: a fading sum of absolute errors, and their fading number. */
struct track_error {
	double sum, mass;
};

struct track {
	uint64_t ticks; /* taken in, the first with a reading; t is one less */
	uint64_t awake; /* tick at which the seasons were known */
	uint32_t m1, m2; /* 0: none */
	bool seen;
	uint8_t reserved[7];
	double number, age;
	double last, step;
	double d1, dp, d2, residual;
	double level, fast, middle, size;
	double fast_change, flat;
	double low, high;
	struct track_error leads[NETWORK_LEADS];
	struct track_error anchors[TRACK_ANCHORS];
	/* Errors in use. */
	double e[NETWORK_LEADS];
	double v, es1, ep, es2, floor;
};

/* The track with its arrays. */
struct track_view {
	struct track *track;
	double *filled; /* ring, [length] */
	uint32_t length; /* a power of two, above both seasons and the largest lead in use */
	uint32_t leads; /* of the grid, in use */
	double *profile; /* [m1] */
	uint8_t *visits; /* [m1] */
	uint32_t profile_room; /* longest m1 that has a profile; 0: any */
	/* Instead of `filled` and `profile`: a history that has taken in the tick before the track does,
	 * and a profile relative to its base. */
	const struct history *history;
	const float *past; /* [length] */
	float *profile_brief;
};

/* Leads of the grid to be tracked for forecasts up to the horizon, and the past they reach back. */
uint32_t track_leads(uint32_t horizon);

/* Takes seasons over; what was tracked for one that changes starts afresh. */
void track_set_seasons(const struct track_view *view, uint32_t m1, uint32_t m2);

/* The profile and its visits, m1 of each; of a season without one zeros. */
void track_copy_profile(const struct track_view *view, double *profile, uint8_t *visits);

/* The history's base was another one before. */
void track_rebase(const struct track_view *view, double before);

/* The level has moved by `jump` since `ticks` ticks ago, the newest included: what is remembered of before
 * moves with it. A history that the track shares is moved already. */
void track_move(const struct track_view *view, uint64_t ticks, double jump);

/* One tick; value is NAN where there is no reading. Ticks before the first reading are not ticks. */
void track_step(const struct track_view *view, double value);

/* The newest filled value, or profile, at the phase of t + lead for a season of m ticks. False
 * where there is none. */
bool track_filled(const struct track_view *view, uint32_t m, uint32_t lead, double *ret_value);
bool track_profile(const struct track_view *view, uint32_t lead, double *ret_value);

/* filled[t - k]; k must lie in the past. */
static inline double track_back(const struct track_view *view, uint64_t k) {
	if (view->history)
		return history_back(view->history, view->past, view->length, k);
	return view->filled[(view->track->ticks - 1 - k) & (view->length - 1)];
}

/* Whether there are seasons by now: m above 0 and t at or past `awake`. */
static inline bool track_knows(const struct track *track, uint32_t m) {
	return m > 0 && track->ticks > track->awake;
}

#endif
