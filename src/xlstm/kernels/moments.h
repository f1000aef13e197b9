/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_MOMENTS_H
#define XLSTM_MOMENTS_H

/* Sums over groups of values, for the norms. */
#include "vector.h"

#include <math.h>

static inline float sum_of(const float *x, size_t count) {
	vec sum = { 0 };
	for (size_t i = 0; i < count; i += LANES)
		sum += vec_load_up_to(x + i, count - i);
	return vec_sum(sum);
}

/* Of squared distances from `centre`. */
static inline float squares_around(float centre, const float *x, size_t count) {
	vec sum = { 0 };
	size_t i = 0;
	for (; i + LANES <= count; i += LANES) {
		vec off = vec_load(x + i) - centre;
		sum += off * off;
	}
	float total = vec_sum(sum);
	for (; i < count; i++)
		total += (x[i] - centre) * (x[i] - centre);
	return total;
}

struct moments {
	float mean, scale; /* scale: 1 / sqrt(variance + epsilon) */
};

static inline struct moments moments_of(const float *x, size_t count, float epsilon) {
	float mean = sum_of(x, count) / (float)count;
	float variance = squares_around(mean, x, count) / (float)count;
	return (struct moments){ mean, 1.0f / sqrtf(variance + epsilon) };
}

#endif
