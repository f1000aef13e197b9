/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The causal convolution over windows, in both directions, a vector of channels at a time: weights
 * and the inputs that the taps have still to meet stay in registers. Four taps, as published, have
 * code of their own.
 */
#include "kernels.h"
#include "vector.h"

enum { TAPS_MAX = 16, PUBLISHED_TAPS = 4 };

/* Channels [first, first + left) or as many as a vector holds. */
struct columns {
	const struct conv_window *conv;
	size_t first, left;
};

static inline vec input_at(const struct columns *columns, size_t step) {
	const struct const_rows *x = &columns->conv->x;
	return vec_load_up_to(x->values + step * x->stride + columns->first, columns->left);
}

/* The inputs before the window, oldest first. */
static inline __attribute__((always_inline)) void load_past(
	vec seen[TAPS_MAX], const struct columns *columns, const size_t past) {
#pragma GCC unroll 4
	for (size_t tap = 0; tap < past; tap++)
		seen[tap] = vec_load_up_to(
			columns->conv->window + tap * columns->conv->channels + columns->first,
			columns->left);
}

static inline __attribute__((always_inline)) void load_weights(
	vec weight[TAPS_MAX], const struct columns *columns, const size_t taps) {
#pragma GCC unroll 4
	for (size_t tap = 0; tap < taps; tap++)
		weight[tap] = vec_load_up_to(
			columns->conv->weight + tap * columns->conv->channels + columns->first,
			columns->left);
}

/* The newest at the end, the oldest out. */
static inline __attribute__((always_inline)) void shift(
	vec seen[TAPS_MAX], vec newest, const size_t past) {
#pragma GCC unroll 4
	for (size_t tap = 0; tap + 1 < past; tap++)
		seen[tap] = seen[tap + 1];
	if (past)
		seen[past - 1] = newest;
}

static inline __attribute__((always_inline)) void forward(
	float *y, const struct columns *columns, const size_t taps) {
	vec weight[TAPS_MAX], seen[TAPS_MAX];
	vec bias = vec_load_up_to(columns->conv->bias + columns->first, columns->left);

	load_weights(weight, columns, taps);
	load_past(seen, columns, taps - 1);
	for (size_t t = 0; t < columns->conv->steps; t++, y += columns->conv->channels) {
		vec now = input_at(columns, t), sum = bias;
#pragma GCC unroll 4
		for (size_t tap = 0; tap + 1 < taps; tap++)
			sum += seen[tap] * weight[tap];
		vec_store_up_to(y, sum + now * weight[taps - 1], columns->left);
		shift(seen, now, taps - 1);
	}
}

void KERNEL(conv_window)(float *y, const struct conv_window *conv) {
	for (size_t i = 0; i < conv->channels; i += LANES) {
		struct columns columns = { conv, i, conv->channels - i };
		if (conv->taps == PUBLISHED_TAPS)
			forward(y + i, &columns, PUBLISHED_TAPS);
		else
			forward(y + i, &columns, conv->taps);
	}
}

static inline void add_to(float *y, vec v, size_t left) {
	vec_store_up_to(y, vec_load_up_to(y, left) + v, left);
}

/* dweight and dbias: each output's slope times the input that each tap met. */
static inline __attribute__((always_inline)) void weights_back(float *dweight, float *dbias,
	const float *dy, const struct columns *columns, const size_t taps) {
	size_t channels = columns->conv->channels, left = columns->left;
	vec sum[TAPS_MAX], seen[TAPS_MAX], total = { 0 };

	load_past(seen, columns, taps - 1);
#pragma GCC unroll 4
	for (size_t tap = 0; tap < taps; tap++)
		sum[tap] = (vec){ 0 };
	for (size_t t = 0; t < columns->conv->steps; t++, dy += channels) {
		vec now = input_at(columns, t), d = vec_load_up_to(dy, left);
#pragma GCC unroll 4
		for (size_t tap = 0; tap + 1 < taps; tap++)
			sum[tap] += d * seen[tap];
		sum[taps - 1] += d * now;
		total += d;
		shift(seen, now, taps - 1);
	}
#pragma GCC unroll 4
	for (size_t tap = 0; tap < taps; tap++)
		add_to(dweight + tap * channels, sum[tap], left);
	add_to(dbias, total, left);
}

/* dx: an input meets the taps of the steps to come, so the steps are walked backwards. */
static inline __attribute__((always_inline)) void inputs_back(
	struct rows dx, const float *dy, const struct columns *columns, const size_t taps) {
	size_t channels = columns->conv->channels, left = columns->left;
	vec weight[TAPS_MAX], later[TAPS_MAX];

	load_weights(weight, columns, taps);
#pragma GCC unroll 4
	for (size_t tap = 0; tap + 1 < taps; tap++)
		later[tap] = (vec){ 0 };
	for (size_t t = columns->conv->steps; t-- > 0;) {
		vec d = vec_load_up_to(dy + t * channels, left);
		vec sum = d * weight[taps - 1];
#pragma GCC unroll 4
		for (size_t tap = 0; tap + 1 < taps; tap++)
			sum += later[tap] * weight[tap];
		add_to(dx.values + t * dx.stride, sum, left);
		shift(later, d, taps - 1);
	}
}

void KERNEL(conv_window_backward)(struct rows dx, float *dweight, float *dbias, const float *dy,
	const struct conv_window *conv) {
	for (size_t i = 0; i < conv->channels; i += LANES) {
		struct columns columns = { conv, i, conv->channels - i };
		struct rows here = { dx.values + i, dx.stride };
		if (conv->taps == PUBLISHED_TAPS) {
			weights_back(dweight + i, dbias + i, dy + i, &columns, PUBLISHED_TAPS);
			inputs_back(here, dy + i, &columns, PUBLISHED_TAPS);
		} else {
			weights_back(dweight + i, dbias + i, dy + i, &columns, conv->taps);
			inputs_back(here, dy + i, &columns, conv->taps);
		}
	}
}
