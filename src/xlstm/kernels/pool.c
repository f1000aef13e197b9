/* SPDX-License-Identifier: Apache-2.0 */
/* What a series makes of the vectors of others, which lie anywhere. */
#include "functions.h"
#include "kernels.h"

void KERNEL(dots)(float *y, const float *x, const float *const *rows, size_t count, size_t width) {
	for (size_t j = 0; j < count; j++) {
		vec sum = { 0 };
		for (size_t i = 0; i < width; i += LANES) {
			size_t left = width - i;
			sum = vec_fma(vec_load_up_to(x + i, left),
				vec_load_up_to(rows[j] + i, left), sum);
		}
		y[j] = vec_sum(sum);
	}
}

/* A few vectors of the sum at a time, so that additions of one do not wait for the others'. */
#define AT_ONCE 4

static inline void sum_full(
	float *y, const float *factors, const float *const *rows, size_t count, size_t at) {
	vec sum[AT_ONCE] = { { 0 } };
	for (size_t j = 0; j < count; j++)
		for (size_t v = 0; v < AT_ONCE; v++)
			sum[v] = vec_fma(
				vec_all(factors[j]), vec_load(rows[j] + at + v * LANES), sum[v]);
	for (size_t v = 0; v < AT_ONCE; v++)
		vec_store(y + at + v * LANES, sum[v]);
}

void KERNEL(weighted_sum)(
	float *y, const float *factors, const float *const *rows, size_t count, size_t width) {
	size_t at = 0;
	for (; at + AT_ONCE * LANES <= width; at += AT_ONCE * LANES)
		sum_full(y, factors, rows, count, at);
	for (; at < width; at += LANES) {
		vec sum = { 0 };
		for (size_t j = 0; j < count; j++)
			sum = vec_fma(
				vec_all(factors[j]), vec_load_up_to(rows[j] + at, width - at), sum);
		vec_store_up_to(y + at, sum, width - at);
	}
}

void KERNEL(add_scaled)(float *y, float factor, const float *x, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec sum = vec_fma(
			vec_all(factor), vec_load_up_to(x + i, left), vec_load_up_to(y + i, left));
		vec_store_up_to(y + i, sum, left);
	}
}

void KERNEL(add_gated)(
	float *y, const float *x, const float *gate, const float *value, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec share = vec_sigmoid(vec_load_up_to(gate + i, left));
		vec sum = vec_fma(
			share, vec_load_up_to(value + i, left), vec_load_up_to(x + i, left));
		vec_store_up_to(y + i, sum, left);
	}
}
