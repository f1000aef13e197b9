/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM cell: equations 19 to 27 of Beck et al. 2024 with a logistic forget gate. */
#include "functions.h"
#include "kernels.h"

#include <math.h>
#include <string.h>

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
		if (step->logistic) {
			vec_store_up_to(factors->keep + i, vec_sigmoid(forget), left);
			vec_store_up_to(factors->take + i, vec_sigmoid(input), left);
			vec_store_up_to(factors->s + i, vec_all(1.0f), left);
			vec_store_up_to(factors->floor + i, vec_all(1.0f), left);
			continue;
		}
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
		vec added = take * vec_load_up_to(k + i, left);
		vec next = vec_fma(vec_all(keep), vec_load_up_to(n + i, left), added);
		vec_store_up_to(n + i, next, left);
		sum = vec_fma(next, vec_load_up_to(q + i, left), sum);
	}
	return vec_sum(sum);
}

static inline void fetch(const void *address) {
	__builtin_prefetch(address, 1, 2);
}

static inline void fetch_all(const float *from, size_t count) {
	for (size_t i = 0; i < count; i += 16)
		fetch(from + i);
}

/* One head: what the columns of its matrix need. */
struct head {
	size_t keys, values; /* width of a key and of a value */
	const float *q, *k, *v;
	float *h;
	float keep, take, divide;
	char *matrix; /* floats or bfloat16 */
	const char *ahead; /* the next series' matrix; NULL: none */
	uint32_t seed; /* of the rounding */
};

/* Multiples of the golden ratio fall evenly into every interval (Weyl 1916): enough of a random
 * sequence for rounding, at one addition a vector. */
#define GOLDEN 0x9e3779b1u

static inline bits_vec first_noise(uint32_t seed) {
	bits_vec noise;
	for (uint32_t lane = 0; lane < LANES; lane++)
		noise[lane] = (seed + lane) * GOLDEN;
	return noise;
}

static inline vec load_memory(const char *from, const bool half, const size_t part) {
	if (half)
		return vec_load_half(from, part ? part : LANES);
	return part ? vec_load_part((const float *)(const void *)from, part)
		    : vec_load((const float *)(const void *)from);
}

static inline void store_memory(
	char *to, vec c, bits_vec noise, const bool half, const size_t part) {
	if (half)
		vec_store_half(to, c, noise >> 16, part ? part : LANES);
	else if (part)
		vec_store_part((float *)(void *)to, c, part);
	else
		vec_store((float *)(void *)to, c);
}

/*
 * C = keep C + (take k) v' and h = C' q over some columns of a head, each element of C read and
 * written once. `vectors` full vectors of columns, or one part of `part` columns.
 */
static inline __attribute__((always_inline)) void columns_step(const struct head *head,
	size_t first, const size_t vectors, const size_t part, const bool half) {
	const size_t bytes = half ? sizeof(uint16_t) : sizeof(float);
	const float *v = head->v + first;
	float *h = head->h + first;
	vec value[4], sum[4], keep = vec_all(head->keep);
	bits_vec noise = { 0 };

	if (half)
		noise = first_noise(head->seed + (uint32_t)first);
#pragma GCC unroll 4
	for (size_t j = 0; j < vectors; j++) {
		value[j] = part ? vec_load_part(v, part) : vec_load(v + j * LANES);
		sum[j] = (vec){ 0 };
	}
	for (size_t i = 0; i < head->keys; i++) {
		size_t row = (i * head->values + first) * bytes;
		float weight = head->take * head->k[i];
		vec read = vec_all(head->q[i]);
#pragma GCC unroll 4
		for (size_t j = 0; j < vectors; j++) {
			size_t at = row + j * LANES * bytes;
			vec c = load_memory(head->matrix + at, half, part);
			c = vec_fma(keep, c, weight * value[j]);
			sum[j] = vec_fma(c, read, sum[j]);
			if (half)
				noise += LANES * GOLDEN;
			store_memory(head->matrix + at, c, noise, half, part);
			if (head->ahead && j * LANES * bytes % 64 == 0)
				fetch(head->ahead + at);
		}
	}
#pragma GCC unroll 4
	for (size_t j = 0; j < vectors; j++) {
		if (part)
			vec_store_part(h, sum[j] * head->divide, part);
		else
			vec_store(h + j * LANES, sum[j] * head->divide);
	}
}

static inline __attribute__((always_inline)) void matrix_step(
	const struct head *head, const bool half) {
	size_t i = 0;
	for (; i + 4 * LANES <= head->values; i += 4 * LANES)
		columns_step(head, i, 4, 0, half);
	for (; i + 2 * LANES <= head->values; i += 2 * LANES)
		columns_step(head, i, 2, 0, half);
	for (; i + LANES <= head->values; i += LANES)
		columns_step(head, i, 1, 0, half);
	if (i < head->values)
		columns_step(head, i, 1, head->values - i, half);
}

/* Something that changes from step to step: the bits of a number. */
static uint32_t seed_from(float number) {
	uint32_t bits;
	memcpy(&bits, &number, sizeof(bits));
	return bits ^ bits >> 15;
}

void KERNEL(mlstm_cell)(float *h, const struct mlstm_step *step) {
	size_t heads = step->heads, keys = step->keys, values = step->values;
	size_t bytes = step->half ? sizeof(uint16_t) : sizeof(float);
	struct factors factors = { step->scratch, step->scratch + heads, step->scratch + 2 * heads,
		step->scratch + 3 * heads };
	float root = 1.0f / sqrtf((float)keys);

	if (step->ahead.matrix)
		fetch_all(step->ahead.stabiliser, heads);
	scale_gates(&factors, step);
	for (size_t i = 0; i < heads; i++) {
		size_t key = i * keys, value = i * values;
		float s = factors.s[i];
		struct head head = {
			.keys = keys,
			.values = values,
			.q = step->q + key,
			.k = step->k + key,
			.v = step->v + value,
			.h = h + value,
			.keep = factors.keep[i],
			.take = factors.take[i] * root,
			.matrix = (char *)step->matrix + key * values * bytes,
		};
		float dot = normaliser_step(
			step->normaliser + key, head.k, head.q, keys, head.keep, head.take);
		head.divide = s / (fmaxf(fabsf(dot) * s, factors.floor[i]) + 1e-6f * s);
		head.seed = seed_from(dot);
		if (step->ahead.matrix) {
			head.ahead = (const char *)step->ahead.matrix + key * values * bytes;
			fetch_all(step->ahead.normaliser + key, keys);
		}
		if (step->half)
			matrix_step(&head, true);
		else
			matrix_step(&head, false);
	}
}
