/* SPDX-License-Identifier: Apache-2.0 */
#include "cadence.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Intervals that suffice if they agree. */
#define AGREEING_INTERVALS 3

/* How near a usual step must lie, in thousandths of it: at least, and however much they scatter. */
#define NEAR_PER_MILLE     10
#define NEAR_PER_MILLE_MAX 50

/* Intervals that differ by more than this part of their median say nothing about their scatter. */
#define OUTLIER_PART 5

/* Divisors of 1000, of 60, of 24: what divides the next larger unit. */
static const int64_t usual_steps[] = {
	1,
	2,
	4,
	5,
	8,
	10,
	20,
	25,
	40,
	50,
	100,
	125,
	200,
	250,
	500,
	1 * SECOND,
	2 * SECOND,
	3 * SECOND,
	4 * SECOND,
	5 * SECOND,
	6 * SECOND,
	10 * SECOND,
	12 * SECOND,
	15 * SECOND,
	20 * SECOND,
	30 * SECOND,
	1 * MINUTE,
	2 * MINUTE,
	3 * MINUTE,
	4 * MINUTE,
	5 * MINUTE,
	6 * MINUTE,
	10 * MINUTE,
	12 * MINUTE,
	15 * MINUTE,
	20 * MINUTE,
	30 * MINUTE,
	1 * HOUR,
	2 * HOUR,
	3 * HOUR,
	4 * HOUR,
	6 * HOUR,
	8 * HOUR,
	12 * HOUR,
	1 * DAY,
	7 * DAY,
};

void cadence_add(struct cadence *cadence, int64_t interval_ms) {
	if (!cadence_is_settled(cadence))
		cadence->intervals_ms[cadence->count++] = interval_ms;
}

static int compare(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The lower median: a lost reading doubles an interval, nothing halves one. */
static int64_t median(const int64_t *values, size_t count) {
	int64_t sorted[CADENCE_INTERVALS];

	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	return sorted[(count - 1) / 2];
}

/* How far the intervals lie from their median, but for those that a lost reading or a burst made. */
static int64_t scatter(const struct cadence *cadence, int64_t centre) {
	int64_t widest = 0;

	for (size_t i = 0; i < cadence->count; i++) {
		int64_t distance = llabs(cadence->intervals_ms[i] - centre);
		if (distance > widest && distance <= centre / OUTLIER_PART)
			widest = distance;
	}
	return widest;
}

bool cadence_is_settled(const struct cadence *cadence) {
	if (cadence->count < AGREEING_INTERVALS)
		return false;
	if (cadence->count >= CADENCE_INTERVALS)
		return true;

	int64_t centre = median(cadence->intervals_ms, cadence->count);
	for (size_t i = 0; i < cadence->count; i++) {
		if (llabs(cadence->intervals_ms[i] - centre) > centre / 10)
			return false;
	}
	return true;
}

static int64_t nearest_usual_step(int64_t step) {
	int64_t nearest = usual_steps[0];

	for (size_t i = 1; i < sizeof(usual_steps) / sizeof(usual_steps[0]); i++) {
		if (llabs(usual_steps[i] - step) < llabs(nearest - step))
			nearest = usual_steps[i];
	}
	return nearest;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
	return value < low ? low : value > high ? high : value;
}

int64_t cadence_step_ms(const struct cadence *cadence) {
	if (cadence->count == 0)
		return CADENCE_STEP_UNKNOWN_MS;

	int64_t step = median(cadence->intervals_ms, cadence->count);
	int64_t usual = nearest_usual_step(step);
	int64_t near = clamp(2 * scatter(cadence, step), usual * NEAR_PER_MILLE / 1000,
		usual * NEAR_PER_MILLE_MAX / 1000);
	return llabs(usual - step) <= near ? usual : step;
}
