/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The causal convolution and the silu after it over windows, in both directions, a step at a time,
 * so that the rows that the taps meet are still in the first cache. Four taps, as published, have
 * code of their own.
 */
#include "functions.h"
#include "kernels.h"

enum { TAPS_MAX = 16, PUBLISHED_TAPS = 4 };

/* The inputs that each tap meets at step t, oldest first. */
static inline void inputs_at(
	const float *inputs[TAPS_MAX], const struct conv_window *conv, size_t t) {
	for (size_t tap = 0; tap < conv->taps; tap++) {
		size_t place = t + tap;
		if (place < conv->taps - 1)
			inputs[tap] = conv->window + place * conv->channels;
		else
			inputs[tap] = conv->x.values + (place - (conv->taps - 1)) * conv->x.stride;
	}
}

static inline __attribute__((always_inline)) void forward(float *s, float *slopes,
	const float *const inputs[TAPS_MAX], const struct conv_window *conv, const size_t taps) {
	for (size_t i = 0; i < conv->channels; i += LANES) {
		size_t left = conv->channels - i;
		vec slope, sum = vec_load_up_to(conv->bias + i, left);
#pragma GCC unroll 4
		for (size_t tap = 0; tap < taps; tap++)
			sum += vec_load_up_to(inputs[tap] + i, left) *
			       vec_load_up_to(conv->weight + tap * conv->channels + i, left);
		vec_store_up_to(s + i, vec_silu_and_slope(sum, &slope), left);
		vec_store_up_to(slopes + i, slope, left);
	}
}

void KERNEL(conv_window)(float *s, float *slopes, const struct conv_window *conv) {
	const float *inputs[TAPS_MAX];
	for (size_t t = 0; t < conv->steps; t++) {
		size_t at = t * conv->channels;
		inputs_at(inputs, conv, t);
		if (conv->taps == PUBLISHED_TAPS)
			forward(s + at, slopes + at, inputs, conv, PUBLISHED_TAPS);
		else
			forward(s + at, slopes + at, inputs, conv, conv->taps);
	}
}

static inline void add_to(float *y, vec v, size_t left) {
	vec_store_up_to(y, vec_load_up_to(y, left) + v, left);
}

/* Steps whose part of a sum over steps is made before it is added. */
enum { STEPS_AT_ONCE = 8 };

/* dweight and dbias: each output's slope times the input that each tap met; steps from `first` on. */
static inline __attribute__((always_inline)) void weights_back(float *dweight, float *dbias,
	const float *dy, const struct conv_window *conv, size_t first, const size_t taps) {
	const float *inputs[STEPS_AT_ONCE][TAPS_MAX];
	size_t steps = conv->steps - first, channels = conv->channels;
	steps = steps < STEPS_AT_ONCE ? steps : STEPS_AT_ONCE;

	for (size_t t = 0; t < steps; t++)
		inputs_at(inputs[t], conv, first + t);
	for (size_t i = 0; i < channels; i += LANES) {
		size_t left = channels - i;
		vec sum[TAPS_MAX], total = { 0 };
#pragma GCC unroll 4
		for (size_t tap = 0; tap < taps; tap++)
			sum[tap] = (vec){ 0 };
		for (size_t t = 0; t < steps; t++) {
			vec d = vec_load_up_to(dy + (first + t) * channels + i, left);
			total += d;
#pragma GCC unroll 4
			for (size_t tap = 0; tap < taps; tap++)
				sum[tap] += d * vec_load_up_to(inputs[t][tap] + i, left);
		}
#pragma GCC unroll 4
		for (size_t tap = 0; tap < taps; tap++)
			add_to(dweight + tap * channels + i, sum[tap], left);
		add_to(dbias + i, total, left);
	}
}

/* dx: an input meets the taps of the steps to come, as many as there are. */
static inline __attribute__((always_inline)) void input_back(
	float *dx, const float *dy, const struct conv_window *conv, size_t t, const size_t taps) {
	size_t channels = conv->channels, last = taps - 1;
	for (size_t i = 0; i < channels; i += LANES) {
		size_t left = channels - i;
		vec sum = { 0 };
#pragma GCC unroll 4
		for (size_t ahead = 0; ahead < taps; ahead++)
			if (t + ahead < conv->steps)
				sum += vec_load_up_to(dy + (t + ahead) * channels + i, left) *
				       vec_load_up_to(
					       conv->weight + (last - ahead) * channels + i, left);
		add_to(dx + i, sum, left);
	}
}

void KERNEL(conv_window_backward)(struct rows dx, float *dweight, float *dbias, const float *dy,
	const struct conv_window *conv) {
	for (size_t t = 0; t < conv->steps; t++) {
		float *to = dx.values + t * dx.stride;
		bool published = conv->taps == PUBLISHED_TAPS;
		if (published && t % STEPS_AT_ONCE == 0)
			weights_back(dweight, dbias, dy, conv, t, PUBLISHED_TAPS);
		else if (t % STEPS_AT_ONCE == 0)
			weights_back(dweight, dbias, dy, conv, t, conv->taps);
		if (published)
			input_back(to, dy, conv, t, PUBLISHED_TAPS);
		else
			input_back(to, dy, conv, t, conv->taps);
	}
}
