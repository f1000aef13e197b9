/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_INPUTS_H
#define FORECAST_INPUTS_H

#include "row.h"

/*
 * Inputs of the linear experts, in units of the series' scale and relative to its last value, so
 * that weights mean the same at any level:
 *
 *   1; the level x_t itself against the causal mean (without it, differences to other series
 *   smuggle the level in); sine and cosine of the phase, three harmonics; the values around the
 *   same phase one season ago, of the short and of the long season; lags; for rls_cross, level and
 *   differences of the detector's other channels. rls_season sees deviations from the season's
 *   profile instead of values.
 */
#define LAGS_SHORT   24
#define LAGS_LONG    96
#define LAGS_LEAN    14
#define FOURIER      6
#define CROSS_INPUTS 4

uint32_t inputs_count(const struct row_layout *layout, enum linear kind);

/* Which leads' values one season ago are inputs. */
void inputs_choose_taps(struct row_layout *layout);

/* The detector's other channels, in an order that stays; NULL where one has not begun. */
struct siblings {
	uint32_t count;
	const struct row *rows[CROSS_LIMIT];
};

/* The level, three harmonics of the phase and the first lags alone: 2 + FOURIER + lags numbers. */
void inputs_write_own(const struct row *row, uint32_t lags, float *to);

/* Writes inputs_count numbers, and zeros up to the stride. siblings matters to rls_cross only. */
void inputs_write(
	const struct row *row, const struct siblings *siblings, enum linear kind, float *to);

/* The deviations that rls_season saw `ago` ticks ago, when the scale was `scale`, as far as today's
 * profile can tell: deviations of the lags from it, the newest first and the others relative to that. */
void inputs_write_deviations(const struct row *row, uint32_t ago, double scale, float *to);

/* What rls_season expects at a tick before it has learned anything: the profile, or in a lean row without
 * one the mean. ahead: ticks from now, or back if negative. */
double inputs_profile(const struct row *row, int64_t ahead);

#endif
