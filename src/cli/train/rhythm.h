/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_RHYTHM_H
#define TRAIN_RHYTHM_H

#include "random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What repeats in synthetic series. */

/* Days of a series at the most. */
#define RHYTHM_DAYS 128

/* Which ticks: the first is tick `start` of a running week that begins with Monday. */
struct calendar {
	uint32_t per_day;
	int64_t start;
};

/* y [length]: a day's shape, about unit variance, that weekends, weather and changes of habit
 * modify. length is at most (RHYTHM_DAYS - 2) days. */
void rhythm_daily(struct random *random, const struct calendar *calendar, double *y, size_t length);

/* y [length]: a machine's cycle of that many ticks; its phase may wander a little. */
void rhythm_cycle(struct random *random, double period, double *y, size_t length);

#endif
