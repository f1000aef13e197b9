/* SPDX-License-Identifier: Apache-2.0 */
/* Derivatives of the pointwise parts. */
#include "functions.h"
#include "kernels.h"
#include "moments.h"

/* gelu(x) = x Phi(x) and its derivative Phi(x) + x phi(x). */
static inline vec vec_gelu_and_slope(vec x, vec *ret_slope) {
	x = vec_max(vec_all(-14.5f), x);
	vec a = vec_min(vec_all(14.5f), vec_abs(x));
	vec density = vec_exp(a * a * -0.5f);
	vec tail = density * scaled_tail(a);
	vec distribution = vec_if_less(x, (vec){ 0 }, tail, 1.0f - tail);
	vec bounded = vec_min(vec_all(14.5f), x);
	*ret_slope = distribution + bounded * density * 0.398942280f;
	return x * distribution;
}

void KERNEL(relu_backward)(float *dx, const float *y, const float *dy, size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec d = vec_load_up_to(dy + i, left);
		vec_store_up_to(
			dx + i, vec_if_zero(vec_load_up_to(y + i, left), (vec){ 0 }, d), left);
	}
}

#define TIMES_BACKWARD(name)                                                                       \
	void KERNEL(name##_times_backward)(float *dx, float *dfactor, const float *x,              \
		const float *factor, const float *dy, size_t width) {                              \
		for (size_t i = 0; i < width; i += LANES) {                                        \
			size_t left = width - i;                                                   \
			vec slope, gate = vec_##name##_and_slope(                                  \
					   vec_load_up_to(x + i, left), &slope);                   \
			vec d = vec_load_up_to(dy + i, left);                                      \
			vec through = d * vec_load_up_to(factor + i, left) * slope;                \
			vec_store_up_to(dfactor + i, d * gate, left);                              \
			vec_store_up_to(dx + i, through, left);                                    \
		}                                                                                  \
	}

TIMES_BACKWARD(gelu)
TIMES_BACKWARD(silu)
TIMES_BACKWARD(sigmoid)

void KERNEL(skip_and_gate_backward)(float *y, float *dh, float *ds, float *dz, float *dskip,
	const float *h, const float *skip, const float *s, const float *z, const float *dy,
	size_t width) {
	for (size_t i = 0; i < width; i += LANES) {
		size_t left = width - i;
		vec slope, gate = vec_silu_and_slope(vec_load_up_to(z + i, left), &slope);
		vec d = vec_load_up_to(dy + i, left), factor = vec_load_up_to(skip + i, left);
		vec shortcut = vec_load_up_to(s + i, left);
		vec sum = vec_load_up_to(h + i, left) + factor * shortcut;
		vec through = d * gate;
		vec slope_of_skip = vec_load_up_to(dskip + i, left) + through * shortcut;
		vec_store_up_to(y + i, sum * gate, left);
		vec_store_up_to(dz + i, d * sum * slope, left);
		vec_store_up_to(dh + i, through, left);
		vec_store_up_to(ds + i, through * factor, left);
		vec_store_up_to(dskip + i, slope_of_skip, left);
	}
}

/* With u = (x - mean) * scale and g = dy * (1 + gain):
 * dx = scale * (g - mean(g) - u * mean(g * u)). */
static inline __attribute__((always_inline)) void norm_group(float *dx, float *dgain,
	const float *x, const float *gain, const float *dy, const size_t group, float epsilon) {
	struct moments moments = moments_of(x, group, epsilon);
	vec sum = { 0 }, product = { 0 };

#pragma GCC unroll 8
	for (size_t i = 0; i < group; i += LANES) {
		size_t left = group - i;
		vec d = vec_load_up_to(dy + i, left);
		vec u = (vec_load_up_to(x + i, left) - moments.mean) * moments.scale;
		vec g = d + d * vec_load_up_to(gain + i, left);
		vec_store_up_to(dgain + i, vec_load_up_to(dgain + i, left) + d * u, left);
		sum += g;
		product += g * u;
	}
	float mean_g = vec_sum(sum) / (float)group, mean_gu = vec_sum(product) / (float)group;
#pragma GCC unroll 8
	for (size_t i = 0; i < group; i += LANES) {
		size_t left = group - i;
		vec d = vec_load_up_to(dy + i, left);
		vec u = (vec_load_up_to(x + i, left) - moments.mean) * moments.scale;
		vec g = d + d * vec_load_up_to(gain + i, left);
		vec slope = (g - mean_g - u * mean_gu) * moments.scale;
		vec_store_up_to(dx + i, vec_load_up_to(dx + i, left) + slope, left);
	}
}

/* With u = x * scale and g = dy * gain: dx = scale * (g - u * mean(g * u)). */
static inline __attribute__((always_inline)) void rms_norm_group(float *dx, float *dgain,
	const float *x, const float *gain, const float *dy, const size_t group, float epsilon) {
	vec product = { 0 };
	float scale = rms_scale(x, group, epsilon);
#pragma GCC unroll 8
	for (size_t i = 0; i < group; i += LANES) {
		size_t left = group - i;
		vec d = vec_load_up_to(dy + i, left), u = vec_load_up_to(x + i, left) * scale;
		vec_store_up_to(dgain + i, vec_load_up_to(dgain + i, left) + d * u, left);
		product += d * vec_load_up_to(gain + i, left) * u;
	}
	float mean = vec_sum(product) / (float)group;
#pragma GCC unroll 8
	for (size_t i = 0; i < group; i += LANES) {
		size_t left = group - i;
		vec g = vec_load_up_to(dy + i, left) * vec_load_up_to(gain + i, left);
		vec u = vec_load_up_to(x + i, left) * scale;
		vec slope = (g - u * mean) * scale;
		vec_store_up_to(dx + i, vec_load_up_to(dx + i, left) + slope, left);
	}
}

#define GROUP_BACKWARD(name)                                                                       \
	void KERNEL(name##_backward)(float *dx, float *dgain, const float *x, const float *gain,   \
		const float *dy, size_t width, size_t group, float epsilon) {                      \
		EACH_GROUP(name##_AT)                                                              \
	}
#define norm_AT(size) norm_group(dx + at, dgain + at, x + at, gain + at, dy + at, size, epsilon)
#define rms_norm_AT(size)                                                                          \
	rms_norm_group(dx + at, dgain + at, x + at, gain + at, dy + at, size, epsilon)

GROUP_BACKWARD(norm)
GROUP_BACKWARD(rms_norm)

static inline __attribute__((always_inline)) void column_of_blocks_gradient(float *dw,
	struct const_rows x, struct const_rows dy, size_t width, size_t rows, const size_t left) {
	vec sum[4] = { 0 };
	for (size_t row = 0; row < rows; row++) {
		vec in = vec_load_up_to(x.values + row * x.stride, left);
		vec d = vec_load_up_to(dy.values + row * dy.stride, left);
		sum[0] += d * vec_spread_of_4(in, 0);
		sum[1] += d * vec_spread_of_4(in, 1);
		sum[2] += d * vec_spread_of_4(in, 2);
		sum[3] += d * vec_spread_of_4(in, 3);
	}
#pragma GCC unroll 4
	for (size_t j = 0; j < 4; j++)
		vec_store_up_to(
			dw + j * width, vec_load_up_to(dw + j * width, left) + sum[j], left);
}

/* Few rows at a time, so that their lines stay in the first cache from column to column. */
enum { ROWS_OF_BLOCKS = 8 };

void KERNEL(blocks_of_4_gradient)(
	float *dw, struct const_rows x, struct const_rows dy, size_t width, size_t rows) {
	for (size_t row = 0; row < rows; row += ROWS_OF_BLOCKS) {
		size_t some = rows - row < ROWS_OF_BLOCKS ? rows - row : ROWS_OF_BLOCKS;
		for (size_t i = 0; i < width; i += LANES) {
			struct const_rows in = { x.values + row * x.stride + i, x.stride };
			struct const_rows out = { dy.values + row * dy.stride + i, dy.stride };
			if (width - i < LANES)
				column_of_blocks_gradient(dw + i, in, out, width, some, width - i);
			else
				column_of_blocks_gradient(dw + i, in, out, width, some, LANES);
		}
	}
}
