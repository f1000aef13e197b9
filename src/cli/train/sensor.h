/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_SENSOR_H
#define TRAIN_SENSOR_H

#include "random.h"

#include <stddef.h>

/* White noise of several kinds, unit variance. */
void white_noise(struct random *random, double *y, size_t length);

/* What a sensor makes of a standardised quantity: saturation, counting, switching, ...; noise and
 * work [length] are used up. */
void sensor_transform(struct random *random, double *y, double *noise, double *work, size_t length);

/* Spikes, level shifts, stuck runs, quantisation. */
void sensor_disturb(struct random *random, double *y, size_t length);

/* Unit and offset. */
void sensor_place(struct random *random, double *y, size_t length);

/* Missing readings, NAN; the first is always there. An outage may begin before tick `ticks`. */
void sensor_lose(struct random *random, double *y, size_t ticks, size_t length);

#endif
