/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_SERIES_H
#define TRAIN_SERIES_H

#include <stdint.h>

/* Values after a series that only serve as what was to be forecast. */
#define SERIES_FUTURE 512

/* Longest seasons and longest stretch of one series. */
#define SERIES_SEASON_MAX 2016
#define SERIES_TICKS_MAX  2048

/* One series to walk over, and what the daemon would know besides its values. */
struct train_series {
	double values[SERIES_TICKS_MAX + SERIES_FUTURE]; /* NAN: missing; the first is there */
	uint32_t ticks; /* to walk over; SERIES_FUTURE more follow */
	uint32_t m1, m2; /* seasons, 0: none */
	uint32_t awake; /* tick from which they are known */
	uint32_t per_day; /* ticks of a day */
	int64_t start; /* tick of the running week, Monday 00:00, that the first one is; -1: no clock */
};

#endif
