/* SPDX-License-Identifier: Apache-2.0 */
#include "pass.h"

#include "tile.h"

#include <string.h>

/* Tokens worked off at a time, so that they are still in the first cache for the next panel. */
enum { TOKENS_AT_ONCE = 64 };

static size_t at_most(size_t left) {
	return left < TOKENS_AT_ONCE ? left : TOKENS_AT_ONCE;
}

void pass_map(const struct pass *pass, struct rows y, enum addend addend, const float *bias,
	struct const_rows x, const struct panels *w) {
	for (size_t n = 0; n < pass->tokens; n += TOKENS_AT_ONCE)
		pass->kernels->matmul(y.values + n * y.stride, y.stride, addend, bias,
			x.values + n * x.stride, x.stride, at_most(pass->tokens - n), w);
}

void pass_map_back(const struct pass *pass, struct rows dx, struct const_rows dy, const float *w,
	size_t outputs, size_t inputs, bool add) {
	for (size_t n = 0; n < pass->tokens; n += TOKENS_AT_ONCE)
		pass->kernels->product((struct rows){ dx.values + n * dx.stride, dx.stride },
			(struct strided){ dy.values + n * dy.stride, dy.stride, 1 },
			(struct const_rows){ w, inputs }, at_most(pass->tokens - n), outputs,
			inputs, add);
}

void pass_map_gradient(const struct pass *pass, float *dw, struct const_rows dy,
	struct const_rows x, size_t outputs, size_t inputs) {
	pass->kernels->product((struct rows){ dw, inputs },
		(struct strided){ dy.values, 1, dy.stride }, x, outputs, pass->tokens, inputs,
		true);
}

void pass_bias_gradient(const struct pass *pass, float *dbias, struct const_rows dy, size_t width) {
	for (size_t n = 0; n < pass->tokens; n++)
		pass->kernels->add(dbias, dy.values + n * dy.stride, width);
}

void pass_norm(const struct pass *pass, float *u, const float *x, const float *gain) {
	const struct kernels *kernels = pass->kernels;
	size_t width = pass->width, end = pass->tokens * width;
	for (size_t at = 0; at < end; at += width)
		if (pass->norm == XLSTM_RMS_NORM)
			kernels->rms_norm(u + at, x + at, gain, width, width, RMS_NORM_EPSILON);
		else
			kernels->norm(u + at, x + at, gain, width, width, NORM_EPSILON);
}

void pass_norm_back(const struct pass *pass, float *stream, float *dgain, const float *x,
	const float *gain, const float *du) {
	const struct kernels *kernels = pass->kernels;
	size_t width = pass->width, end = pass->tokens * width;
	for (size_t at = 0; at < end; at += width)
		if (pass->norm == XLSTM_RMS_NORM)
			kernels->rms_norm_backward(stream + at, dgain, x + at, gain, du + at, width,
				width, RMS_NORM_EPSILON);
		else
			kernels->norm_backward(stream + at, dgain, x + at, gain, du + at, width,
				width, NORM_EPSILON);
}

/* Of series i; x as the whole pass has it. */
static struct conv_window window_of(const struct pass *pass, const struct block_layout *layout,
	const struct convolution *convolution, struct const_rows x, size_t i) {
	return (struct conv_window){
		.channels = convolution->channels,
		.taps = convolution->taps,
		.steps = pass->steps,
		.x = { x.values + i * pass->steps * x.stride, x.stride },
		.window = pass_start(pass, i, layout) + layout->state.window,
		.weight = convolution->weight,
		.bias = convolution->bias,
	};
}

void pass_convolve(const struct pass *pass, const struct block_layout *layout,
	const struct convolution *convolution, struct const_rows x, float *s, float *slopes) {
	size_t channels = convolution->channels, each = pass->steps * channels;

	for (size_t i = 0; i < pass->series && convolution->taps; i++) {
		struct conv_window conv = window_of(pass, layout, convolution, x, i);
		pass->kernels->conv_window(s + i * each, slopes + i * each, &conv);
	}
	for (size_t n = 0; n < pass->tokens && !convolution->taps; n++)
		pass->kernels->silu_and_slope(
			s + n * channels, slopes + n * channels, x.values + n * x.stride, channels);
}

/* The last taps - 1 of what was before the window, [taps - 1, channels], and of the window x. */
static void move_window(float *window, const float *before, struct const_rows x, size_t steps,
	size_t past, size_t channels) {
	for (size_t i = 0; i < past; i++) {
		const float *from = before + (i + steps) * channels;
		if (i + steps >= past)
			from = x.values + (i + steps - past) * x.stride;
		memcpy(window + i * channels, from, channels * sizeof(float));
	}
}

void pass_move_windows(
	const struct pass *pass, const struct block_layout *layout, struct const_rows x) {
	size_t at = layout->state.window;
	for (size_t i = 0; i < pass->series && layout->taps; i++) {
		struct const_rows part = { x.values + i * pass->steps * x.stride, x.stride };
		move_window(pass_state(pass, i, layout) + at, pass_start(pass, i, layout) + at,
			part, pass->steps, layout->taps - 1, layout->channels);
	}
}

size_t pass_convolve_scratch(const struct block_layout *layout) {
	return layout->taps * layout->channels;
}

static void add_turned(float *to, const float *from, size_t channels, size_t taps) {
	for (size_t i = 0; i < channels; i++)
		for (size_t tap = 0; tap < taps; tap++)
			to[i * taps + tap] += from[tap * channels + i];
}

void pass_convolve_back(const struct pass *pass, const struct block_layout *layout,
	const struct convolution *convolution, struct const_rows x, const float *silu_slopes,
	float *ds, struct rows dx, float *gradient) {
	const struct kernels *kernels = pass->kernels;
	size_t channels = convolution->channels, taps = convolution->taps;
	float *dweight = pass->scratch;

	kernels->multiply(ds, silu_slopes, pass->tokens * channels);
	if (!taps) {
		for (size_t n = 0; n < pass->tokens; n++)
			kernels->add(dx.values + n * dx.stride, ds + n * channels, channels);
		return;
	}
	memset(dweight, 0, taps * channels * sizeof(float));
	for (size_t i = 0; i < pass->series; i++) {
		struct conv_window conv = window_of(pass, layout, convolution, x, i);
		struct rows part = { dx.values + i * pass->steps * dx.stride, dx.stride };
		kernels->conv_window_backward(part, dweight, slope_of(gradient, layout, T_CONV_B),
			ds + i * pass->steps * channels, &conv);
	}
	add_turned(slope_of(gradient, layout, T_CONV_W), dweight, channels, taps);
}
