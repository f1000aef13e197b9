/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <math.h>
#include <string.h>

/* Inputs are limited to this many scales. */
#define INPUT_MAX 30.0

static uint32_t lags_of(const struct row_layout *layout, enum linear kind) {
	if (row_layout_is_lean(layout))
		return LAGS_LEAN;
	return kind == LINEAR_LONG ? LAGS_LONG : LAGS_SHORT;
}

uint32_t inputs_count(const struct row_layout *layout, enum linear kind) {
	uint32_t count = 2 + lags_of(layout, kind);
	if (kind == LINEAR_SEASON)
		return count;
	count += FOURIER + 2 * layout->taps_count;
	if (kind == LINEAR_CROSS)
		count += layout->options.cross_channels * CROSS_INPUTS;
	return count;
}

void inputs_choose_taps(struct row_layout *layout) {
	static const int32_t wanted[] = { -1, 0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 36,
		40, 48, 64, 96 };
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (wanted[i] <= (int32_t)layout->horizon)
			layout->taps[layout->taps_count++] = wanted[i];
}

static float input(double value) {
	return (float)fmax(fmin(value, INPUT_MAX), -INPUT_MAX);
}

static float *write_lags(const struct row *row, uint32_t lags, float *to) {
	for (uint32_t k = 1; k <= lags; k++)
		*to++ = input((row_back(row, k) - row->anchor) / row->scale);
	return to;
}

/* The last value at the phase that lies `tap` ticks ahead. */
static double season_ago(const struct row *row, uint32_t period, int32_t tap) {
	int64_t ago = (int64_t)period - tap;
	while (ago <= 0)
		ago += period;
	return row_back(row, (uint64_t)ago);
}

static float *write_taps(const struct row *row, enum seasonal_slot slot, float *to) {
	const struct seasonal *seasonal = &row->head->seasonal[slot];
	const struct row_layout *layout = row->layout;
	if (seasonal_is_awake(seasonal))
		for (uint32_t i = 0; i < layout->taps_count; i++)
			to[i] = input(
				(season_ago(row, seasonal->period, layout->taps[i]) - row->anchor) /
				row->scale);
	return to + layout->taps_count;
}

static float *write_fourier(const struct row *row, float *to) {
	const struct seasonal *seasonal = &row->head->seasonal[SLOT_SLOW];
	for (int i = 0; i < FOURIER / 2 && seasonal->period; i++) {
		double angle = 2 * M_PI * (i + 1) * seasonal->phase / seasonal->period;
		to[2 * i] = (float)sin(angle);
		to[2 * i + 1] = (float)cos(angle);
	}
	return to + FOURIER;
}

static void write_sibling(const struct row *row, float *to) {
	to[0] = input((row->anchor - row->head->history.mean) / row->scale);
	for (uint64_t k = 1; k < CROSS_INPUTS; k++)
		to[k] = input((row->anchor - row_back(row, k)) / row->scale);
}

double inputs_profile(const struct row *row, int64_t ahead) {
	enum seasonal_slot slot = row_season(row);
	const struct seasonal *seasonal = &row->head->seasonal[slot];
	if (!seasonal_is_awake(seasonal))
		return row->head->history.mean;
	int64_t h = ahead % (int64_t)seasonal->period;
	return seasonal_profile(
		seasonal, row->profiles[slot], (uint32_t)(h < 0 ? h + seasonal->period : h));
}

void inputs_write_deviations(const struct row *row, uint32_t ago, double scale, float *to) {
	uint32_t lags = lags_of(row->layout, LINEAR_SEASON);
	double deviations[LAGS_SHORT + 1];
	memset(to, 0, rls_stride(&row->layout->linear[LINEAR_SEASON]) * sizeof(*to));
	to[0] = 1;
	for (uint32_t k = 0; k <= lags; k++) {
		int64_t back = (int64_t)ago + k;
		deviations[k] =
			(row_back(row, (uint64_t)back) - inputs_profile(row, -back)) / scale;
	}
	to[1] = input(deviations[0]);
	for (uint32_t k = 1; k <= lags; k++)
		to[k + 1] = input(deviations[k] - deviations[0]);
}

void inputs_write_own(const struct row *row, uint32_t lags, float *to) {
	*to++ = 1;
	*to++ = input((row->anchor - row->head->history.mean) / row->scale);
	to = write_fourier(row, to);
	write_lags(row, lags, to);
}

void inputs_write(
	const struct row *row, const struct siblings *siblings, enum linear kind, float *to) {
	memset(to, 0, rls_stride(&row->layout->linear[kind]) * sizeof(*to));
	if (kind == LINEAR_SEASON) {
		inputs_write_deviations(row, 0, row->scale, to);
		return;
	}
	*to++ = 1;
	*to++ = input((row->anchor - row->head->history.mean) / row->scale);
	to = write_fourier(row, to);
	to = write_taps(row, SLOT_SLOW, to);
	to = write_taps(row, SLOT_LONG, to);
	to = write_lags(row, lags_of(row->layout, kind), to);
	for (uint32_t i = 0; kind == LINEAR_CROSS && i < siblings->count; i++)
		if (siblings->rows[i])
			write_sibling(siblings->rows[i], to + i * CROSS_INPUTS);
}
