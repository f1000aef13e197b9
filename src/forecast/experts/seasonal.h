/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_SEASONAL_H
#define FORECAST_SEASONAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Additive exponential smoothing of a level and a seasonal profile (Winters 1960, without trend):
 *
 *   d = x_t - profile[t mod S]
 *   level += alpha (d - level)
 *   profile[t mod S] += max(gamma, 1 / seasons seen) (d - level)
 *   forecast of t + h: profile[(t + h) mod S] + level
 *
 * The first season is the first profile; the expert sleeps until it is complete. Then the profile
 * is a plain mean over seasons until that would be slower than gamma.
 */
struct seasonal {
	double level;
	double base; /* what the profile holds is relative to it */
	uint32_t period; /* S; 0: none known, the expert sleeps */
	uint32_t filled; /* phases seen */
	uint32_t phase; /* t mod S of the last tick */
	uint32_t seasons; /* completed */
	double before; /* the profile at this phase before x_t moved it */
};

struct seasonal_speed {
	double level; /* alpha */
	double profile; /* gamma */
};

/* Starts over with another period. */
void seasonal_start(struct seasonal *seasonal, uint32_t period);

/* Moves on by one tick; profile holds `period` numbers (NULL: the expert only keeps time). A value that was only assumed (not
 * `present`) completes the first season, but teaches nothing later. */
void seasonal_observe(struct seasonal *seasonal, float *profile, const struct seasonal_speed *speed,
	double x, bool present);

/* Makes another value the base of the profile. */
void seasonal_rebase(struct seasonal *seasonal, float *profile, double base);

/* The level has moved by `jump` since `ticks` ticks ago: the profile moves with it, and the smoothed level gives
 * back what it has taken up of that. */
void seasonal_move(
	struct seasonal *seasonal, const struct seasonal_speed *speed, uint64_t ticks, double jump);

/* Moves on by ticks of which nothing is known. */
void seasonal_skip(struct seasonal *seasonal, uint64_t ticks);

static inline bool seasonal_is_awake(const struct seasonal *seasonal) {
	return seasonal->period && seasonal->filled == seasonal->period;
}

/* The profile h ticks from now (h may be 0). Must be awake, h at most HORIZON_MAX. */
static inline double seasonal_profile(
	const struct seasonal *seasonal, const float *profile, uint32_t h) {
	return seasonal->base + (double)profile[(seasonal->phase + h) % seasonal->period];
}

#endif
