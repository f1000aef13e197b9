/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_VECTOR_H
#define XLSTM_VECTOR_H

/*
 * One vector type for every instruction set: the compilers' vector extension for arithmetic, and
 * the few operations that it lacks written out for AVX-512, for AVX2 and portably.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
#else
#define LANES 4
#endif

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));
typedef uint32_t bits_vec __attribute__((vector_size(LANES * 4)));

static inline vec vec_all(float value) {
	return value - (vec){ 0 };
}

static inline vec vec_load(const float *from) {
	vec v;
	memcpy(&v, from, sizeof(v));
	return v;
}

static inline void vec_store(float *to, vec v) {
	memcpy(to, &v, sizeof(v));
}

static inline ivec vec_bits(vec v) {
	return (ivec)v;
}

static inline vec vec_abs(vec v) {
	return (vec)(vec_bits(v) & 0x7fffffff);
}

/*
 * a * b + c. Written out where code exists in several variants and must give the same bits in all:
 * of a sum of two products compilers contract the one or the other.
 */
static inline vec vec_fma(vec a, vec b, vec c) {
#if defined(__AVX512F__)
	return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
	return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
	return a * b + c;
#endif
}

#if defined(__AVX512F__)

/* n < LANES values; the other lanes are zero. */
static inline vec vec_load_part(const float *from, size_t n) {
	return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from);
}

static inline void vec_store_part(float *to, vec v, size_t n) {
	_mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)v);
}

/* Where one operand is NaN these give b. */
static inline vec vec_min(vec a, vec b) {
	return (vec)_mm512_min_ps((__m512)a, (__m512)b);
}

static inline vec vec_max(vec a, vec b) {
	return (vec)_mm512_max_ps((__m512)a, (__m512)b);
}

/* a < b ? yes : no */
static inline vec vec_if_less(vec a, vec b, vec yes, vec no) {
	__mmask16 mask = _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
	return (vec)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
}

static inline vec vec_if_zero(vec a, vec yes, vec no) {
	__mmask16 mask = _mm512_cmp_ps_mask((__m512)a, _mm512_setzero_ps(), _CMP_EQ_OQ);
	return (vec)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
}

static inline float vec_sum(vec v) {
	return _mm512_reduce_add_ps((__m512)v);
}

/* Lane j of every group of four lanes, in all four. */
#define vec_spread_of_4(v, j) ((vec)_mm512_permute_ps((__m512)(v), 0x55 * (j)))

#elif defined(__AVX2__)

static inline __m256i vec_part_mask(size_t n) {
	static const int32_t window[2 * LANES] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	return _mm256_loadu_si256((const __m256i_u *)(window + LANES - n));
}

static inline vec vec_load_part(const float *from, size_t n) {
	return (vec)_mm256_maskload_ps(from, vec_part_mask(n));
}

static inline void vec_store_part(float *to, vec v, size_t n) {
	_mm256_maskstore_ps(to, vec_part_mask(n), (__m256)v);
}

static inline vec vec_min(vec a, vec b) {
	return (vec)_mm256_min_ps((__m256)a, (__m256)b);
}

static inline vec vec_max(vec a, vec b) {
	return (vec)_mm256_max_ps((__m256)a, (__m256)b);
}

static inline vec vec_if_less(vec a, vec b, vec yes, vec no) {
	__m256 mask = _mm256_cmp_ps((__m256)a, (__m256)b, _CMP_LT_OQ);
	return (vec)_mm256_blendv_ps((__m256)no, (__m256)yes, mask);
}

static inline vec vec_if_zero(vec a, vec yes, vec no) {
	__m256 mask = _mm256_cmp_ps((__m256)a, _mm256_setzero_ps(), _CMP_EQ_OQ);
	return (vec)_mm256_blendv_ps((__m256)no, (__m256)yes, mask);
}

static inline float vec_sum(vec v) {
	__m128 half =
		_mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
	half = _mm_add_ps(half, _mm_movehl_ps(half, half));
	return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

#define vec_spread_of_4(v, j) ((vec)_mm256_permute_ps((__m256)(v), 0x55 * (j)))

#else

static inline vec vec_load_part(const float *from, size_t n) {
	vec v = { 0 };
	memcpy(&v, from, n * sizeof(float));
	return v;
}

static inline void vec_store_part(float *to, vec v, size_t n) {
	memcpy(to, &v, n * sizeof(float));
}

static inline vec vec_choose(ivec mask, vec yes, vec no) {
	return (vec)((mask & vec_bits(yes)) | (~mask & vec_bits(no)));
}

static inline vec vec_min(vec a, vec b) {
	return vec_choose((ivec)(a < b), a, b);
}

static inline vec vec_max(vec a, vec b) {
	return vec_choose((ivec)(a > b), a, b);
}

static inline vec vec_if_less(vec a, vec b, vec yes, vec no) {
	return vec_choose((ivec)(a < b), yes, no);
}

static inline vec vec_if_zero(vec a, vec yes, vec no) {
	return vec_choose((ivec)(a == (vec){ 0 }), yes, no);
}

static inline float vec_sum(vec v) {
	return (v[0] + v[2]) + (v[1] + v[3]);
}

#define vec_spread_of_4(v, j) vec_all((v)[j])

#endif

/* Walks over `count` values in vectors; the last may be a part: STEP is the number of values in
 * it. Compilers see the full vectors as a branch of their own. */
static inline vec vec_load_up_to(const float *from, size_t left) {
	return left >= LANES ? vec_load(from) : vec_load_part(from, left);
}

static inline void vec_store_up_to(float *to, vec v, size_t left) {
	if (left >= LANES)
		vec_store(to, v);
	else
		vec_store_part(to, v, left);
}

/*
 * bfloat16: the upper half of a float. Narrowing adds `round` below the last digit that stays:
 * 0x7fff and the digit itself for the nearest, anything up to 0xffff for a random one.
 */
typedef uint16_t half_vec __attribute__((vector_size(LANES * 2)));

static inline vec vec_widen(half_vec half) {
	return (vec)(__builtin_convertvector(half, ivec) << 16);
}

static inline half_vec vec_narrow(vec v, bits_vec round) {
	return __builtin_convertvector(((bits_vec)v + round) >> 16, half_vec);
}

static inline bits_vec vec_to_nearest(vec v) {
	return 0x7fff + (((bits_vec)v >> 16) & 1);
}

/* n values, at most LANES. */
static inline vec vec_load_half(const void *from, size_t n) {
	half_vec half = { 0 };
	memcpy(&half, from, n * sizeof(uint16_t));
	return vec_widen(half);
}

static inline void vec_store_half(void *to, vec v, bits_vec round, size_t n) {
	half_vec half = vec_narrow(v, round);
	memcpy(to, &half, n * sizeof(uint16_t));
}

#endif
