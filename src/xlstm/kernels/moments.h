/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_MOMENTS_H
#define XLSTM_MOMENTS_H

/* Sums over groups of values, for the norms. */
#include "vector.h"

#include <math.h>

/* Runs GROUP(size) for the group at each `at`; the usual sizes are constants for the compiler. */
#define EACH_GROUP(GROUP)                                                                          \
	switch (group) {                                                                           \
	case 16: OVER_GROUPS(GROUP(16))                                                            \
	case 32: OVER_GROUPS(GROUP(32))                                                            \
	case 64: OVER_GROUPS(GROUP(64))                                                            \
	case 128: OVER_GROUPS(GROUP(128))                                                          \
	default: OVER_GROUPS(GROUP(group))                                                         \
	}
#define OVER_GROUPS(call)                                                                          \
	for (size_t at = 0; at < width; at += group)                                               \
		call;                                                                              \
	break;

static inline __attribute__((always_inline)) float sum_of(const float *x, const size_t count) {
	vec sum = { 0 };
#pragma GCC unroll 8
	for (size_t i = 0; i < count; i += LANES)
		sum += vec_load_up_to(x + i, count - i);
	return vec_sum(sum);
}

/* Of squared distances from `centre`. */
static inline __attribute__((always_inline)) float squares_around(
	float centre, const float *x, const size_t count) {
	vec sum = { 0 };
	size_t i = 0;
#pragma GCC unroll 8
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

static inline __attribute__((always_inline)) struct moments moments_of(
	const float *x, const size_t count, float epsilon) {
	float mean = sum_of(x, count) / (float)count;
	float variance = squares_around(mean, x, count) / (float)count;
	return (struct moments){ mean, 1.0f / sqrtf(variance + epsilon) };
}

static inline __attribute__((always_inline)) float rms_scale(
	const float *x, const size_t count, float epsilon) {
	return 1.0f / sqrtf(squares_around(0.0f, x, count) / (float)count + epsilon);
}

#endif
