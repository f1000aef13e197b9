/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW: Loshchilov and Hutter 2019, algorithm 2. */
#include "arena.h"
#include "weights.h"
#include "xlstm/train.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct xlstm_adamw {
	struct xlstm_adamw_options options;
	size_t floats, steps;
	float *mean, *square; /* moments, laid out like the weights */
};

struct xlstm_adamw_options xlstm_adamw_published(void) {
	return (struct xlstm_adamw_options){ 0.9, 0.999, 1e-8, 0.1, 1.0 };
}

int xlstm_adamw_create(struct xlstm_adamw **ret_adamw, const struct xlstm_shape *shape,
	const struct xlstm_adamw_options *options) {
	int r = xlstm_shape_check(shape);
	if (r < 0)
		return r;

	struct layout layout;
	r = layout_init(&layout, shape);
	if (r < 0)
		return r;
	size_t floats = layout.weight_floats;
	layout_finish(&layout);

	struct xlstm_adamw *adamw = calloc(1, sizeof(*adamw));
	if (!adamw)
		return -ENOMEM;

	adamw->options = *options;
	adamw->floats = floats;
	adamw->mean = arena_create(floats);
	adamw->square = arena_create(floats);
	if (!adamw->mean || !adamw->square) {
		xlstm_adamw_destroy(adamw);
		return -ENOMEM;
	}
	*ret_adamw = adamw;
	return 0;
}

void xlstm_adamw_destroy(struct xlstm_adamw *adamw) {
	if (!adamw)
		return;
	free(adamw->mean);
	free(adamw->square);
	free(adamw);
}

static double norm_of(const float *values, size_t count) {
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (double)values[i] * values[i];
	return sqrt(sum);
}

/* Factors of one step: the bias corrections are folded into rate and epsilon's companion. */
struct move {
	float beta1, beta2, epsilon;
	float scale; /* clipping, on the gradient */
	float rate; /* over the first correction */
	float root_square; /* one over the root of the second correction */
	float keep; /* 1 - rate * decay */
};

static void move_tensor(struct xlstm_adamw *adamw, const struct move *move, float *values,
	const float *gradient, size_t at, size_t count) {
	float *mean = adamw->mean + at, *square = adamw->square + at;
	for (size_t i = 0; i < count; i++) {
		float g = gradient[i] * move->scale;
		mean[i] = move->beta1 * mean[i] + (1 - move->beta1) * g;
		square[i] = move->beta2 * square[i] + (1 - move->beta2) * g * g;
		float size = sqrtf(square[i]) * move->root_square + move->epsilon;
		values[i] = values[i] * move->keep - move->rate * mean[i] / size;
	}
}

double xlstm_adamw_step(struct xlstm_adamw *adamw, struct xlstm_weights *weights,
	struct xlstm_weights *gradient, double rate) {
	const struct xlstm_adamw_options *options = &adamw->options;
	const struct layout *layout = &weights->layout;
	double norm = norm_of(gradient->values, adamw->floats);

	if (isfinite(norm)) {
		double count = (double)++adamw->steps;
		struct move move = {
			.beta1 = (float)options->beta1,
			.beta2 = (float)options->beta2,
			.epsilon = (float)options->epsilon,
			.scale = 1.0f,
			.rate = (float)(rate / (1 - pow(options->beta1, count))),
			.root_square = (float)(1 / sqrt(1 - pow(options->beta2, count))),
		};
		if (options->clip > 0 && norm > options->clip)
			move.scale = (float)(options->clip / norm);
		for (size_t i = 0; i < layout->tensor_count; i++) {
			const struct tensor_layout *tensor = &layout->tensors[i];
			move.keep = tensor->decays ? (float)(1 - rate * options->decay) : 1.0f;
			move_tensor(adamw, &move, weights->values + tensor->offset,
				gradient->values + tensor->offset, tensor->offset, tensor->count);
		}
	}
	memset(gradient->values, 0, adamw->floats * sizeof(float));
	return norm;
}

void xlstm_adamw_moments(const struct xlstm_adamw *adamw, struct xlstm_weights *mean,
	struct xlstm_weights *square, uint64_t *ret_steps) {
	memcpy(mean->values, adamw->mean, adamw->floats * sizeof(float));
	memcpy(square->values, adamw->square, adamw->floats * sizeof(float));
	*ret_steps = adamw->steps;
}

void xlstm_adamw_resume(struct xlstm_adamw *adamw, const struct xlstm_weights *mean,
	const struct xlstm_weights *square, uint64_t steps) {
	memcpy(adamw->mean, mean->values, adamw->floats * sizeof(float));
	memcpy(adamw->square, square->values, adamw->floats * sizeof(float));
	adamw->steps = steps;
}

double xlstm_cosine_rate(size_t step, size_t warmup, size_t steps, double peak, double last) {
	if (step < warmup)
		return peak * (double)step / (double)warmup;
	if (step >= steps)
		return last;
	double done = (double)(step - warmup) / (double)(steps - warmup);
	return last + 0.5 * (peak - last) * (1 + cos(3.14159265358979323846 * done));
}
