/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM cell: equations 19 to 27 of Beck et al. 2024 with a logistic forget gate. */
#include "functions.h"
#include "kernels.h"

#include <math.h>

/* Per head, written by scale_gates: factors on the old memory and on the new value, and the two
 * that make the division safe however negative m becomes: s = e^min(m,0), floor = e^-max(m,0). */
struct factors {
	float *keep, *take, *s, *floor;
};

static void scale_gates(const struct factors *factors, const struct mlstm_step *step) {
	for (size_t i = 0; i < step->heads; i += LANES) {
		size_t left = step->heads - i;
		vec input = vec_load_up_to(step->input_gate + i, left);
		vec forget = vec_load_up_to(step->forget_gate + i, left);
		vec kept = vec_log_sigmoid(forget) + vec_load_up_to(step->stabiliser + i, left);
		vec m = vec_max(input, kept);
		vec one = vec_all(1.0f), zero = { 0 };
		vec smaller = vec_exp_minus_abs(input - kept);
		vec unit = vec_exp_minus_abs(m);

		vec_store_up_to(factors->keep + i, vec_if_less(input, kept, one, smaller), left);
		vec_store_up_to(factors->take + i, vec_if_less(input, kept, smaller, one), left);
		vec_store_up_to(factors->s + i, vec_if_less(m, zero, unit, one), left);
		vec_store_up_to(factors->floor + i, vec_if_less(m, zero, one, unit), left);
		vec_store_up_to(step->stabiliser + i, m, left);
	}
}

/* n = keep n + take k; returns n * q. */
static float normaliser_step(
	float *n, const float *k, const float *q, size_t units, float keep, float take) {
	vec sum = { 0 };
	for (size_t i = 0; i < units; i += LANES) {
		size_t left = units - i;
		vec next = keep * vec_load_up_to(n + i, left) + take * vec_load_up_to(k + i, left);
		vec_store_up_to(n + i, next, left);
		sum += next * vec_load_up_to(q + i, left);
	}
	return vec_sum(sum);
}

static inline void fetch(const float *address) {
	__builtin_prefetch(address, 1, 2);
}

static inline void fetch_all(const float *from, size_t count) {
	for (size_t i = 0; i < count; i += 16)
		fetch(from + i);
}

/*
 * C = keep C + (take k) v' and h = C' q over some columns of a head, each element of C read and
 * written once. `vectors` full vectors of columns, or one part of `part` columns.
 */
static inline __attribute__((always_inline)) void columns_step(float *h, float *matrix,
	size_t stride, const float *q, const float *k, const float *v, float keep, float take,
	float divide, const float *ahead, const size_t vectors, const size_t part) {
	vec value[4], sum[4];

#pragma GCC unroll 4
	for (size_t j = 0; j < vectors; j++) {
		value[j] = part ? vec_load_part(v, part) : vec_load(v + j * LANES);
		sum[j] = (vec){ 0 };
	}
	for (size_t i = 0; i < stride; i++) {
		float *row = matrix + i * stride;
		float weight = take * k[i], read = q[i];
#pragma GCC unroll 4
		for (size_t j = 0; j < vectors; j++) {
			float *at = row + j * LANES;
			vec c = part ? vec_load_part(at, part) : vec_load(at);
			c = keep * c + weight * value[j];
			sum[j] += c * read;
			if (part)
				vec_store_part(at, c, part);
			else
				vec_store(at, c);
			if (ahead && j * LANES % 16 == 0)
				fetch(ahead + i * stride + j * LANES);
		}
	}
#pragma GCC unroll 4
	for (size_t j = 0; j < vectors; j++) {
		if (part)
			vec_store_part(h, sum[j] * divide, part);
		else
			vec_store(h + j * LANES, sum[j] * divide);
	}
}

static inline __attribute__((always_inline)) void matrix_step(float *h, float *matrix, size_t units,
	const float *q, const float *k, const float *v, float keep, float take, float divide,
	const float *ahead) {
	size_t i = 0;
#define COLUMNS(vectors, part)                                                                     \
	columns_step(h + i, matrix + i, units, q, k, v + i, keep, take, divide,                    \
		ahead ? ahead + i : NULL, vectors, part)
	for (; i + 4 * LANES <= units; i += 4 * LANES)
		COLUMNS(4, 0);
	for (; i + 2 * LANES <= units; i += 2 * LANES)
		COLUMNS(2, 0);
	for (; i + LANES <= units; i += LANES)
		COLUMNS(1, 0);
	if (i < units)
		COLUMNS(1, units - i);
#undef COLUMNS
}

void KERNEL(mlstm_cell)(float *h, const struct mlstm_step *step) {
	size_t heads = step->heads, units = step->units;
	struct factors factors = { step->scratch, step->scratch + heads, step->scratch + 2 * heads,
		step->scratch + 3 * heads };
	float root = 1.0f / sqrtf((float)units);

	if (step->ahead.stabiliser)
		fetch_all(step->ahead.stabiliser, heads);
	scale_gates(&factors, step);
	for (size_t head = 0; head < heads; head++) {
		size_t at = head * units;
		float keep = factors.keep[head], take = factors.take[head] * root;
		float s = factors.s[head];
		float dot = normaliser_step(
			step->normaliser + at, step->k + at, step->q + at, units, keep, take);
		float divide = s / (fmaxf(fabsf(dot) * s, factors.floor[head]) + 1e-6f * s);
		float *matrix = step->matrix + at * units;
		const float *ahead = NULL;
		if (step->ahead.matrix) {
			ahead = step->ahead.matrix + at * units;
			fetch_all(step->ahead.normaliser + at, units);
		}
		matrix_step(h + at, matrix, units, step->q + at, step->k + at, step->v + at, keep,
			take, divide, ahead);
	}
}
