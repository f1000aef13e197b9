/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_FUNCTIONS_H
#define XLSTM_FUNCTIONS_H

/*
 * Elementary functions on vectors. Polynomials are minimax fits (Lawson's iteration); the errors
 * of whole functions are bounded in tests/xlstm/test_kernels.c, in units in the last place of the
 * result, against double precision. NaN goes in, NaN comes out; results below the normal range are
 * as exact as the format allows.
 */
#include "vector.h"

/* e^r - 1 for |r| <= ln(2)/2: relative error 1.5e-8. */
static inline vec expm1_reduced(vec r) {
	vec p = r * 1.394759631e-03f + 8.367246948e-03f;
	p = p * r + 4.166626558e-02f;
	p = p * r + 1.666653752e-01f;
	p = p * r + 0.5f;
	return r + r * r * p;
}

/* x = n ln 2 + r; returns n as a float, exact for |x| < 2^20. */
static inline vec split_by_ln2(vec x, vec *ret_r) {
	const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
	vec n = (x * 1.44269504f + shift) - shift;
	vec r = x - n * 0.693359375f; /* nine bits, so the product is exact */
	*ret_r = r + n * 2.12194440e-4f;
	return n;
}

static inline vec power_of_two(ivec n) {
	return (vec)((n + 127) << 23);
}

static inline ivec vec_to_int(vec whole) {
	return __builtin_convertvector(whole, ivec);
}

/* e^(x + low) with |low| small against 1: the low part of a sum held in two floats. */
static inline vec vec_exp_sum(vec x, vec low) {
	/* Beyond these bounds the result is infinite or zero anyway. */
	x = vec_min(vec_all(100.0f), vec_max(vec_all(-110.0f), x));
	vec r;
	ivec n = vec_to_int(split_by_ln2(x, &r));
	/* In two factors, so that the result may be below the normal range. */
	ivec half = n >> 1;
	vec e = expm1_reduced(r + low) + 1.0f;
	return e * power_of_two(half) * power_of_two(n - half);
}

static inline vec vec_exp(vec x) {
	return vec_exp_sum(x, (vec){ 0 });
}

/* log(1 + x) for 0 <= x <= 1, by 2 artanh(x / (2 + x)). */
static inline vec vec_log1p(vec x) {
	vec s = x / (x + 2.0f);
	vec z = s * s;
	vec p = z * 1.401223093e-01f + 1.399956942e-01f;
	p = p * z + 2.001084983e-01f;
	p = p * z + 3.333320618e-01f;
	s = s + s;
	return s + s * (z * p);
}

static inline vec vec_exp_minus_abs(vec x) {
	return vec_exp((vec)(vec_bits(x) | INT32_MIN));
}

/* log(sigmoid(x)), the one safe way to the logarithm of a forget gate. */
static inline vec vec_log_sigmoid(vec x) {
	return vec_min((vec){ 0 }, x) - vec_log1p(vec_exp_minus_abs(x));
}

static inline vec vec_sigmoid(vec x) {
	vec e = vec_exp_minus_abs(x);
	return vec_if_less(x, (vec){ 0 }, e, vec_all(1.0f)) / (e + 1.0f);
}

/* Minus infinity gives zero, not 0 * infinity. */
static inline vec vec_relu(vec x) {
	return vec_max(vec_all(0.0f), x);
}

static inline vec vec_silu(vec x) {
	return vec_max(vec_all(-128.0f), x) * vec_sigmoid(x);
}

/* sigmoid(x) and its derivative. */
static inline vec vec_sigmoid_and_slope(vec x, vec *ret_slope) {
	vec s = vec_sigmoid(x);
	*ret_slope = s * vec_sigmoid(-x);
	return s;
}

/* silu(x) and its derivative. */
static inline vec vec_silu_and_slope(vec x, vec *ret_slope) {
	vec s = vec_sigmoid(x);
	vec y = vec_max(vec_all(-128.0f), x) * s;
	*ret_slope = s + y * (1.0f - s);
	return y;
}

/* (e^2x - 1) / (e^2x + 1), with the numerator free of cancellation around zero. */
static inline vec vec_tanh(vec x) {
	vec r, doubled = x + x;
	doubled = vec_min(vec_all(24.0f), vec_max(vec_all(-24.0f), doubled));
	vec power = power_of_two(vec_to_int(split_by_ln2(doubled, &r)));
	vec numerator = power * expm1_reduced(r) + (power - 1.0f);
	return numerator / (numerator + 2.0f);
}

/* e^(a^2/2) (1 - Phi(a)) for 0 <= a <= 14.6, Phi the normal distribution function: relative error
 * 1.7e-8. */
static inline vec scaled_tail(vec a) {
	vec t = 1.0f / (a * 0.25f + 1.0f);
	vec p = t * 3.332276642e-02f - 1.928278953e-01f;
	p = p * t + 3.872135282e-01f;
	p = p * t - 3.231922090e-01f;
	p = p * t + 2.960188091e-01f;
	p = p * t - 1.587294042e-02f;
	p = p * t + 1.200163960e-01f;
	p = p * t + 9.515210986e-02f;
	p = p * t + 1.001889706e-01f;
	return p * t - 1.952672937e-05f;
}

/* x Phi(x). The tail is computed from its own side, so that it keeps its digits; a^2 is split
 * into an exact part and a rest. */
static inline vec vec_gelu(vec x) {
	x = vec_max(vec_all(-14.5f), x);
	vec a = vec_min(vec_all(14.5f), vec_abs(x));
	vec high = (vec)(vec_bits(a) & (int32_t)0xfffff000);
	vec low = (a - high) * (a + high);
	vec tail = vec_exp_sum(high * high * -0.5f, low * -0.5f) * scaled_tail(a);
	return x * vec_if_less(x, (vec){ 0 }, tail, 1.0f - tail);
}

#endif
