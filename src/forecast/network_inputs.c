/* SPDX-License-Identifier: Apache-2.0 */
#include "network_inputs.h"

#include <math.h>

#define INPUT_LIMIT 8.0

#define DAY_MS  INT64_C(86400000)
#define YEAR_MS (365 * DAY_MS)

/* 1970 began on a Thursday. */
#define THURSDAY 3

struct network_clock network_clock_at(int64_t time_ms) {
	if (time_ms < YEAR_MS)
		return (struct network_clock){ .day = NAN, .week = NAN };
	double day = (double)(time_ms % DAY_MS) / (double)DAY_MS;
	int64_t weekday = (time_ms / DAY_MS + THURSDAY) % 7;
	return (struct network_clock){ .day = day, .week = ((double)weekday + day) / 7 };
}

/* Collects inputs in the order of the page. */
struct writer {
	float *to;
};

static void add(struct writer *writer, double value) {
	*writer->to++ = (float)fmax(fmin(value, INPUT_LIMIT), -INPUT_LIMIT);
}

static void add_if(struct writer *writer, bool there, double value) {
	add(writer, there ? value : 0);
}

/* 0 and 3 to 4 of the page lie around 1 and 2. */
static void add_counts(struct writer *writer, const struct track *track, bool ok1, bool ok2) {
	add(writer, track->seen);
	add(writer, log1p(track->age) / 4);
	add(writer, log1p(track->number) / 7);
	add(writer, ok1);
	add(writer, ok2);
}

static void add_recent(struct writer *writer, const struct track_view *view) {
	static const uint8_t lags[] = { 2, 4, 8, 16, 32, 64 };
	static const uint8_t grid[] = { 1, 3, 5, 7, 9, 11 };
	const struct track *track = view->track;
	const double *e = track->e;
	add(writer, asinh(track->step / e[GRID_1]));
	for (int i = 0; i < 6; i++)
		add_if(writer, track->ticks > lags[i],
			asinh((track->last - track_back(view, lags[i])) / e[grid[i]]));
	add(writer, asinh((track->last - track->fast) / e[GRID_1]));
	add(writer, asinh((track->last - track->middle) / e[GRID_8]));
	add(writer, asinh((track->last - track->level) / track->v));
	add(writer, asinh((track->middle - track->level) / track->v));
	add(writer, log(track->v / e[GRID_1]) / 3);
	add(writer, log(e[GRID_4] / e[GRID_1]));
	add(writer, log(e[GRID_16] / e[GRID_4]));
	add(writer, log(e[GRID_64] / e[GRID_16]));
}

static void add_season_errors(
	struct writer *writer, const struct track *track, bool ok1, bool ok2) {
	add_if(writer, ok1, log(track->es1 / track->e[GRID_1]) / 3);
	add_if(writer, ok1, log(track->es1 / track->v));
	add_if(writer, ok1, log(track->ep / track->es1));
	add_if(writer, ok2, log(track->es2 / track->es1));
	add_if(writer, ok1, asinh(track->d1 / track->es1));
	add_if(writer, ok1, asinh(track->dp / track->ep));
	add_if(writer, ok2, asinh(track->d2 / track->es2));
	add_if(writer, ok1, asinh(track->residual / track->ep));
}

static uint32_t at_least_one(uint32_t ticks) {
	return ticks ? ticks : 1;
}

/* How the season goes on from here: against its value one season ago. */
static void add_season_course(struct writer *writer, const struct track_view *view, uint32_t m,
	const uint32_t *leads, size_t count) {
	double now = 0, then = 0;
	bool ok = track_knows(view->track, m) && view->track->ticks > m;
	if (ok)
		now = track_back(view, m);
	for (size_t i = 0; i < count; i++) {
		bool there = ok && track_filled(view, m, leads[i], &then);
		add_if(writer, there, asinh((then - now) / view->track->v));
	}
}

static void add_profile_course(
	struct writer *writer, const struct track_view *view, const uint32_t *leads, size_t count) {
	uint32_t m1 = view->track->m1;
	double now = 0, then = 0;
	bool ok = track_knows(view->track, m1) && track_profile(view, m1, &now);
	for (size_t i = 0; i < count; i++) {
		bool there = ok && track_profile(view, leads[i], &then);
		add_if(writer, there, asinh((then - now) / view->track->v));
	}
}

static void add_course(struct writer *writer, const struct track_view *view) {
	uint32_t quarter = at_least_one(view->track->m1 / 4);
	uint32_t half = at_least_one(view->track->m1 / 2);
	const uint32_t season1[] = { 1, 2, 4, 8, 16, quarter, half };
	const uint32_t profile[] = { 1, 4, 16, half };
	const uint32_t season2[] = { 1, 4, 16 };
	add_season_course(writer, view, view->track->m1, season1, 7);
	add_profile_course(writer, view, profile, 4);
	add_season_course(writer, view, view->track->m2, season2, 3);
}

static void add_shape(struct writer *writer, const struct track *track) {
	double e1 = track->e[GRID_1];
	add(writer, log((track->fast_change + 0.001 * e1) / e1));
	add(writer, track->flat);
	add(writer, asinh((track->last - track->low) / track->v));
	add(writer, asinh((track->high - track->last) / track->v));
	add(writer, asinh(track->last / track->v) / 3);
}

static void add_clock(struct writer *writer, const struct network_clock *clock) {
	bool known = !isnan(clock->day);
	const double angles[] = { clock->day, 2 * clock->day, clock->week };
	add(writer, known);
	for (int i = 0; i < 3; i++) {
		add_if(writer, known, sin(2 * M_PI * angles[i]));
		add_if(writer, known, cos(2 * M_PI * angles[i]));
	}
}

void network_inputs(const struct track_view *view, const struct network_clock *clock,
	float to[NETWORK_INPUTS]) {
	const struct track *track = view->track;
	struct writer writer = { to };
	bool awake = track->ticks > track->awake;
	bool ok1 = track_knows(track, track->m1) && track->ticks > track->m1;
	bool ok2 = track_knows(track, track->m2) && track->ticks > track->m2;
	add_counts(&writer, track, ok1, ok2);
	add_recent(&writer, view);
	add_season_errors(&writer, track, ok1, ok2);
	add_course(&writer, view);
	add_shape(&writer, track);
	add(&writer, awake ? log(at_least_one(track->m1)) / 7 : 0);
	add_clock(&writer, clock);
	add(&writer, awake && track->m2 > 0);
}
