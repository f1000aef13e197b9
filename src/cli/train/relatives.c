/* SPDX-License-Identifier: Apache-2.0 */
#include "relatives.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Changes are taken over so many ticks, and so many of the newest count at the most. */
#define CHANGE_SPAN 6
#define TICKS_MAX   4096

struct relatives {
	size_t count;
	float *closeness; /* [count, count] */
	size_t *nearest; /* [count, RELATIVES_MAX], the closest first; count: none */
};

void relatives_destroy(struct relatives *relatives) {
	if (!relatives)
		return;
	free(relatives->closeness);
	free(relatives->nearest);
	free(relatives);
}

/* Changes of a series at the newest ticks before `end`, less their mean and scaled so that their squares
 * add up to one; 0 where there is none. */
static void write_changes(float *to, const struct recorded *recorded, size_t series, int64_t end_ms,
	int64_t step_ms) {
	double sum = 0, squares = 0, count = 0;
	for (int t = 0; t < TICKS_MAX; t++) {
		int64_t at = end_ms - (t + 1) * step_ms;
		double change = recorded_value(recorded, series, at) -
				recorded_value(recorded, series, at - CHANGE_SPAN * step_ms);
		to[t] = (float)change;
		if (isnan(change))
			continue;
		sum += change;
		squares += change * change;
		count++;
	}
	double mean = count > 0 ? sum / count : 0, spread = squares - mean * sum;
	for (int t = 0; t < TICKS_MAX; t++)
		to[t] = isnan(to[t]) || spread <= 0
				? 0
				: (float)(((double)to[t] - mean) / sqrt(spread));
}

static void correlate(
	struct relatives *relatives, const struct recorded *recorded, const float *changes) {
	for (size_t i = 0; i < relatives->count; i++)
		for (size_t j = 0; j < relatives->count; j++) {
			const float *a = changes + i * TICKS_MAX, *b = changes + j * TICKS_MAX;
			float sum = 0;
			if (recorded_file(recorded, i) != recorded_file(recorded, j))
				continue;
			for (int t = 0; t < TICKS_MAX; t++)
				sum += a[t] * b[t];
			relatives->closeness[i * relatives->count + j] = sum;
		}
}

/* Puts a candidate among the closest so far. */
static void offer(size_t *best, const float *closeness, size_t count, size_t candidate) {
	size_t k = RELATIVES_MAX;
	while (k > 0 && (best[k - 1] == count || closeness[candidate] > closeness[best[k - 1]]))
		k--;
	if (k == RELATIVES_MAX)
		return;
	memmove(best + k + 1, best + k, (RELATIVES_MAX - 1 - k) * sizeof(*best));
	best[k] = candidate;
}

static void choose(struct relatives *relatives) {
	size_t count = relatives->count;
	for (size_t i = 0; i < count; i++) {
		size_t *best = relatives->nearest + i * RELATIVES_MAX;
		const float *closeness = relatives->closeness + i * count;
		for (size_t k = 0; k < RELATIVES_MAX; k++)
			best[k] = count;
		for (size_t j = 0; j < count; j++)
			if (j != i && closeness[j] > 0)
				offer(best, closeness, count, j);
	}
}

int relatives_create(struct relatives **ret_relatives, const struct recorded *recorded) {
	struct relatives *relatives = calloc(1, sizeof(*relatives));
	size_t count = recorded_series(recorded);
	float *changes = calloc(count * TICKS_MAX, sizeof(*changes));
	if (relatives) {
		relatives->count = count;
		relatives->closeness = calloc(count * count, sizeof(*relatives->closeness));
		relatives->nearest = calloc(count * RELATIVES_MAX, sizeof(*relatives->nearest));
	}
	if (!relatives || !changes || !relatives->closeness || !relatives->nearest) {
		free(changes);
		relatives_destroy(relatives);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		write_changes(changes + i * TICKS_MAX, recorded, i, recorded_border(recorded),
			recorded_step(recorded));
	correlate(relatives, recorded, changes);
	choose(relatives);
	free(changes);
	*ret_relatives = relatives;
	return 0;
}

bool relatives_nearest(
	const struct relatives *relatives, size_t series, size_t rank, size_t *ret_relative) {
	size_t found = relatives->nearest[series * RELATIVES_MAX + rank];
	*ret_relative = found;
	return found < relatives->count;
}

float relatives_closeness(const struct relatives *relatives, size_t one, size_t other) {
	return relatives->closeness[one * relatives->count + other];
}

/* How much two lanes' series move together; 0: they are not recorded ones. */
static float closeness_of(const struct relatives *relatives, const struct lane_window *one,
	const struct lane_window *other) {
	if (!relatives || one->series < 0 || other->series < 0)
		return 0;
	return relatives_closeness(relatives, (size_t)one->series, (size_t)other->series);
}

/* Ticks for which the lane has brought nothing before each tick at which it still does not. */
static void write_ages(float *ages, const struct lane_window *window) {
	for (int t = 0; t < LANE_WINDOW; t++) {
		const float *inputs = window->inputs + (size_t)t * NETWORK_INPUTS;
		ages[t] = inputs[INPUT_SEEN] > 0 ? 0 : roundf(expm1f(4 * inputs[INPUT_AGE])) - 1;
	}
}

/* The lane's closest among the others, the closest first. Returns how many. */
static uint32_t choose_lanes(const struct relatives *relatives, const struct lane_window *windows,
	size_t count, size_t lane, uint32_t chosen[LANE_NEIGHBOURS],
	float closeness[LANE_NEIGHBOURS]) {
	uint32_t found = 0;
	for (uint32_t j = 0; j < count; j++) {
		float close = closeness_of(relatives, &windows[lane], &windows[j]);
		if (j == lane || close <= 0)
			continue;
		uint32_t k = found < LANE_NEIGHBOURS ? found++ : LANE_NEIGHBOURS;
		for (; k > 0 && close > closeness[k - 1]; k--)
			if (k < LANE_NEIGHBOURS) {
				chosen[k] = chosen[k - 1];
				closeness[k] = closeness[k - 1];
			}
		if (k < LANE_NEIGHBOURS) {
			chosen[k] = j;
			closeness[k] = close;
		}
	}
	return found;
}

void lane_lists_fill(struct lane_lists *lists, const struct relatives *relatives,
	const struct lane_window *windows, size_t count) {
	uint32_t entry = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t chosen[LANE_NEIGHBOURS];
		float closeness[LANE_NEIGHBOURS];
		uint32_t found = choose_lanes(relatives, windows, count, i, chosen, closeness);
		lists->offsets[i] = entry;
		for (uint32_t k = 0; k < found; k++, entry++) {
			lists->indices[entry] = chosen[k];
			lists->distances[entry] = fmaxf(0, 1 - closeness[k]);
			write_ages(lists->ages + (size_t)entry * LANE_WINDOW, &windows[chosen[k]]);
		}
	}
	lists->offsets[count] = entry;
	lists->neighbours = (struct xlstm_neighbours){ .offsets = lists->offsets,
		.indices = lists->indices,
		.distances = lists->distances,
		.ages = lists->ages };
}
