/* SPDX-License-Identifier: Apache-2.0 */
#include "linear_kernels.h"

#include <string.h>

/*
 * Each kernel is written once, over vectors of eight numbers, and compiled for three processors;
 * the sums run in the same order on all of them.
 */
typedef double wide __attribute__((vector_size(KERNEL_BLOCK * sizeof(double))));
typedef float wide_float __attribute__((vector_size(KERNEL_BLOCK * sizeof(float))));

#define INLINE static inline __attribute__((always_inline))

/* Macros rather than functions: vectors wider than the processor's cannot be passed by value. */
#define LOAD(vector, from) memcpy(&(vector), (from), sizeof(vector))
#define STORE(to, vector)  memcpy((to), &(vector), sizeof(vector))
#define LOAD_WIDENED(vector, from)                                                                 \
	do {                                                                                       \
		wide_float narrow_;                                                                \
		LOAD(narrow_, from);                                                               \
		(vector) = __builtin_convertvector(narrow_, wide);                                 \
	} while (0)

INLINE double dot_body(const float *a, const float *b, size_t n) {
	wide sum = { 0 };
	for (size_t i = 0; i < n; i += KERNEL_BLOCK) {
		wide x, y;
		LOAD_WIDENED(x, a + i);
		LOAD_WIDENED(y, b + i);
		sum += x * y;
	}
	return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

INLINE void add_scaled_body(float *y, const float *x, float factor, size_t n) {
	for (size_t i = 0; i < n; i += KERNEL_BLOCK) {
		wide_float a, b;
		LOAD(a, y + i);
		LOAD(b, x + i);
		a += factor * b;
		STORE(y + i, a);
	}
}

/* Rows of one block that are worked on together. */
#define ROWS 4

/* Adds what ROWS rows from row i give: their own products, and by symmetry those of the columns
 * before their block. */
INLINE void times_rows(double *out, const double *rows, const double *x, size_t i) {
	size_t before = i / KERNEL_BLOCK * KERNEL_BLOCK, width = before + KERNEL_BLOCK;
	wide sums[ROWS] = { 0 }, p, q;
	for (size_t j = 0; j < before; j += KERNEL_BLOCK) {
		wide column, across;
		LOAD(column, x + j);
		LOAD(across, out + j);
		for (size_t r = 0; r < ROWS; r++) {
			LOAD(p, rows + r * width + j);
			sums[r] += p * column;
			across += p * x[i + r];
		}
		STORE(out + j, across);
	}
	LOAD(q, x + before);
	for (size_t r = 0; r < ROWS; r++) {
		LOAD(p, rows + r * width + before);
		sums[r] += p * q;
		double sum = 0;
		for (size_t k = 0; k < KERNEL_BLOCK; k++)
			sum += sums[r][k];
		out[i + r] += sum;
	}
}

INLINE double packed_times_body(double *out, const double *packed, const float *x, size_t n) {
	double widened[KERNEL_STRIDE_MAX];
	for (size_t i = 0; i < n; i++)
		widened[i] = (double)x[i];
	memset(out, 0, n * sizeof(*out));
	for (size_t i = 0; i < n; i += ROWS)
		times_rows(out, packed + kernel_packed_row(i), widened, i);
	double energy = 0;
	for (size_t i = 0; i < n; i++)
		energy += widened[i] * out[i];
	return energy;
}

INLINE void packed_update_body(
	double *packed, const double *v, double divisor, double scale, size_t n) {
	for (size_t i = 0; i < n; i++) {
		double *row = packed + kernel_packed_row(i);
		double factor = v[i] * divisor * scale;
		for (size_t j = 0; j <= i; j += KERNEL_BLOCK) {
			wide p, q;
			LOAD(p, row + j);
			LOAD(q, v + j);
			p = p * scale - q * factor;
			STORE(row + j, p);
		}
	}
}

/* What a processor runs. */
struct kernel_set {
	double (*dot)(const float *a, const float *b, size_t n);
	void (*add_scaled)(float *y, const float *x, float factor, size_t n);
	double (*packed_times)(double *out, const double *packed, const float *x, size_t n);
	void (*packed_update)(
		double *packed, const double *v, double divisor, double scale, size_t n);
};

#define KERNELS(name, attributes)                                                                  \
	attributes static double dot_##name(const float *a, const float *b, size_t n) {            \
		return dot_body(a, b, n);                                                          \
	}                                                                                          \
	attributes static void add_scaled_##name(                                                  \
		float *y, const float *x, float factor, size_t n) {                                \
		add_scaled_body(y, x, factor, n);                                                  \
	}                                                                                          \
	attributes static double packed_times_##name(                                              \
		double *out, const double *packed, const float *x, size_t n) {                     \
		return packed_times_body(out, packed, x, n);                                       \
	}                                                                                          \
	attributes static void packed_update_##name(                                               \
		double *packed, const double *v, double divisor, double scale, size_t n) {         \
		packed_update_body(packed, v, divisor, scale, n);                                  \
	}                                                                                          \
	static const struct kernel_set name##_kernels = { dot_##name, add_scaled_##name,           \
		packed_times_##name, packed_update_##name };

KERNELS(plain, )
#if defined(__x86_64__)
KERNELS(avx2, __attribute__((target("avx2,fma"))))
KERNELS(avx512, __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))))
#endif

static const struct kernel_set *kernels_for_processor(void) {
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
		return &avx512_kernels;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &avx2_kernels;
#endif
	return &plain_kernels;
}

/* The same pointer whoever is first to write it. */
static const struct kernel_set *kernels(void) {
	static const struct kernel_set *_Atomic chosen;
	const struct kernel_set *set = chosen;
	if (!set)
		chosen = set = kernels_for_processor();
	return set;
}

double kernel_dot(const float *restrict a, const float *restrict b, size_t n) {
	return kernels()->dot(a, b, n);
}

void kernel_add_scaled(float *restrict y, const float *restrict x, float factor, size_t n) {
	kernels()->add_scaled(y, x, factor, n);
}

double kernel_packed_times(
	double *restrict out, const double *restrict packed, const float *restrict x, size_t n) {
	return kernels()->packed_times(out, packed, x, n);
}

void kernel_packed_update(
	double *restrict packed, const double *restrict v, double divisor, double scale, size_t n) {
	kernels()->packed_update(packed, v, divisor, scale, n);
}

void kernel_packed_column(double *restrict out, const double *restrict packed, size_t i, size_t n) {
	size_t end = (i / KERNEL_BLOCK + 1) * KERNEL_BLOCK;
	memcpy(out, packed + kernel_packed_row(i), end * sizeof(*out));
	for (size_t r = end; r < n; r++)
		out[r] = packed[kernel_packed_row(r) + i];
}
