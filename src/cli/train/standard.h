/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_STANDARD_H
#define TRAIN_STANDARD_H

#include <math.h>
#include <stddef.h>

struct moments {
	double mean, deviation;
};

static inline struct moments moments_of(const double *y, size_t count) {
	double sum = 0, square = 0;
	for (size_t i = 0; i < count; i++)
		sum += y[i];
	double mean = sum / (double)count;
	for (size_t i = 0; i < count; i++)
		square += (y[i] - mean) * (y[i] - mean);
	return (struct moments){ mean, sqrt(square / (double)count) + 1e-9 };
}

/* Mean 0 and deviation 1; a constant becomes 0. */
static inline void standardise(double *y, size_t count) {
	struct moments moments = moments_of(y, count);
	for (size_t i = 0; i < count; i++)
		y[i] = (y[i] - moments.mean) / moments.deviation;
}

#endif
