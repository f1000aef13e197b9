/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_SHIFT_H
#define FORECAST_SHIFT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Recognises that the level of a series has moved abruptly and to stay: a sensor was calibrated, a
 * plant runs otherwise. What lies before it then misleads every expert that looks back, for as long as
 * it looks back; moved by the same amount it fits again.
 *
 * Watched is how far each value lies from those of a season ago. A cumulative sum (Page 1954) of what
 * exceeds the usual finds runs to one side. Such a run is a new level if it began with a jump, has
 * lasted for a quarter of a day (or SHIFT_LEAST ticks) and not for more than a whole one (or SHIFT_MOST), is
 * about as even as values usually are, and stands out from every run that there was before.
 *
 * A new level that goes back to the old one within two of those seasons was none: as soon as that has
 * lasted for a quarter of a day the past moves back.
 */
#define SHIFT_LEAST 6
#define SHIFT_MOST  24

/* Values of one sign in a row. Floats will do, and lean rows have little room. */
struct shift_run {
	uint32_t lasted; /* ticks */
	uint32_t values;
	float evidence; /* the cumulative sum, in usual deviations */
	float most; /* of it so far */
	float side; /* 1: above, -1: below */
	float rise; /* of the first value over the one before */
	float sum, squares; /* of deviations */
};

/* Plain bytes; zeros are a fresh one. */
struct shift_watch {
	uint32_t season; /* what it looks back by, ticks */
	uint32_t seen; /* values, up to UINT32_MAX */
	float usual; /* fading mean of absolute deviations */
	float last; /* deviation */
	float known; /* evidence of runs that came to nothing, the most of it, fading */
	/* The newest level, as long as it may go back. */
	float jump; /* 0: none */
	float evidence;
	uint32_t since; /* values seen by then */
	struct shift_run run;
};

/* A new level. */
struct shift {
	uint64_t ticks; /* since its first value, that included */
	double jump;
};

/* A value lies `deviation` above those of a season ago, however that is told; season: how far back that looks.
 * `passed` ticks after the value before (1: the next).
 * day: the short season. Whether the level has moved; the watch then takes the past for moved. */
bool shift_look(struct shift_watch *watch, uint32_t season, uint32_t day, uint64_t passed,
	double deviation, struct shift *ret_shift);

#endif
