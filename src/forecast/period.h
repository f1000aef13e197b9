/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PERIOD_H
#define FORECAST_PERIOD_H

#include "row.h"

/* Which seasons a series has: configured, else the calendar's (day and week, where they are a whole
 * number of ticks that fits), else what its own past repeats after. */

/* Chooses configured or calendar seasons, for ticks of step_ms; the profiles start over. */
void period_from_calendar(struct row *row, int64_t step_ms);

/* Looks for a period in the past and takes it as the short season if it repeats clearly better
 * than the present one. Costs some milliseconds, and is due only a few dozen times in the life of a
 * series: head->season_check says when next. */
void period_from_data(struct row *row);

/* The lag up to lags_max at which values [n] repeat best (but at least three times), and how well:
 * the autocorrelation there. Of nearly equal ones the shortest. 0 if there is none. */
uint32_t period_find(const double *values, uint32_t n, uint32_t lags_max, double *ret_strength);

#endif
