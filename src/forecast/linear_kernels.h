/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_LINEAR_KERNELS_H
#define FORECAST_LINEAR_KERNELS_H

#include <stddef.h>

/*
 * The inner loops of the linear experts, chosen for the processor at the first call. Vectors have a
 * length that is a multiple of KERNEL_BLOCK, padded with zeros.
 *
 * A symmetric matrix of n rows is packed: row i holds columns 0 to the end of i's block, so blocks
 * of eight by eight on the diagonal are held in full and those above it not at all.
 */
#define KERNEL_BLOCK      8
#define KERNEL_STRIDE_MAX 512

/* Length of a vector with room for count numbers. */
static inline size_t kernel_stride(size_t count) {
	return (count + KERNEL_BLOCK - 1) / KERNEL_BLOCK * KERNEL_BLOCK;
}

/* Numbers before row i of a packed matrix. */
static inline size_t kernel_packed_row(size_t i) {
	size_t block = i / KERNEL_BLOCK;
	return KERNEL_BLOCK * KERNEL_BLOCK * block * (block + 1) / 2 +
	       i % KERNEL_BLOCK * (block + 1) * KERNEL_BLOCK;
}

/* Numbers in a packed matrix of n rows, n a multiple of KERNEL_BLOCK. */
static inline size_t kernel_packed_count(size_t n) {
	return kernel_packed_row(n);
}

/* Element (i, j) with j not beyond i's block. */
static inline double *kernel_packed_at(double *packed, size_t i, size_t j) {
	return packed + kernel_packed_row(i) + j;
}

/* Column i of a packed matrix of n rows. */
void kernel_packed_column(double *restrict out, const double *restrict packed, size_t i, size_t n);

/* sum of a[i] b[i] */
double kernel_dot(const float *restrict a, const float *restrict b, size_t n);

/* y += factor x */
void kernel_add_scaled(float *restrict y, const float *restrict x, float factor, size_t n);

/* out = P x; returns x' P x. */
double kernel_packed_times(
	double *restrict out, const double *restrict packed, const float *restrict x, size_t n);

/* P = scale (P - divisor v v') */
void kernel_packed_update(
	double *restrict packed, const double *restrict v, double divisor, double scale, size_t n);

#endif
