/* SPDX-License-Identifier: Apache-2.0 */
#include "xlstm/window.h"

#include "layout.h"
#include "model.h"
#include "xlstm/error.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct xlstm_scaling xlstm_window_scaling(const float *values, size_t count) {
	double sum = 0, squares = 0;
	size_t observed = 0;

	for (size_t i = 0; i < count; i++)
		if (!isnan(values[i])) {
			sum += values[i];
			observed++;
		}
	if (!observed)
		return (struct xlstm_scaling){ 0, 1 };

	double mean = sum / (double)observed;
	for (size_t i = 0; i < count; i++)
		if (!isnan(values[i]))
			squares += (values[i] - mean) * (values[i] - mean);
	double deviation = sqrt(squares / (double)observed);
	if (deviation == 0)
		deviation = fabs(mean) + 1e-5;
	return (struct xlstm_scaling){ (float)mean, (float)deviation };
}

/* The patch that begins at value `first`, which may lie before the values or behind them. */
static void fill_token(float *token, const float *values, size_t count, ptrdiff_t first,
	size_t patch, struct xlstm_scaling scaling) {
	for (size_t i = 0; i < patch; i++) {
		ptrdiff_t at = first + (ptrdiff_t)i;
		float value = at >= 0 && at < (ptrdiff_t)count ? values[at] : NAN;
		bool observed = !isnan(value);
		token[i] = observed ? (value - scaling.location) / scaling.scale : 0.0f;
		token[patch + i] = observed;
	}
}

void xlstm_window_tokens(float *tokens, const float *values, size_t count, size_t patch,
	struct xlstm_scaling scaling) {
	size_t patches = (count + patch - 1) / patch;
	ptrdiff_t first = (ptrdiff_t)count - (ptrdiff_t)(patches * patch);

	for (size_t i = 0; i < patches; i++, first += (ptrdiff_t)patch)
		fill_token(tokens + i * 2 * patch, values, count, first, patch, scaling);
}

int xlstm_window_check(const struct xlstm_window *window, const struct xlstm_shape *shape) {
	if (!window->patch || !window->context || shape->inputs != 2 * window->patch ||
		!shape->outputs || shape->outputs % window->patch)
		return XLSTM_E_PROJECTION;
	return 0;
}

/* What the forecast works in, cut from one piece. */
struct scratch {
	float *row; /* state, on the caller's alignment */
	float *token; /* [2 * patch] */
	float *outputs; /* [levels, patch] */
};

static struct scratch cut(
	const struct xlstm_window *window, const struct xlstm_model *model, float *memory) {
	struct scratch scratch;
	scratch.row = memory;
	scratch.token = scratch.row + model_layout(model)->state_floats;
	scratch.outputs = scratch.token + 2 * window->patch;
	return scratch;
}

size_t xlstm_window_scratch(const struct xlstm_window *window, const struct xlstm_model *model) {
	return model_layout(model)->state_floats + 2 * window->patch +
	       xlstm_model_shape(model)->outputs;
}

/* Few levels, nearly in order. */
static void insert_sorted(float *levels, size_t stride, size_t count, float value) {
	size_t i = count;
	for (; i > 0 && levels[(i - 1) * stride] > value; i--)
		levels[i * stride] = levels[(i - 1) * stride];
	levels[i * stride] = value;
}

/* Outputs [levels, patch] to the columns from `done` on of quantiles [levels, horizon]. */
static void read_patch(float *quantiles, size_t horizon, size_t done, const float *outputs,
	size_t levels, size_t patch, struct xlstm_scaling scaling) {
	for (size_t i = 0; i < patch && done + i < horizon; i++)
		for (size_t level = 0; level < levels; level++)
			insert_sorted(quantiles + done + i, horizon, level,
				outputs[level * patch + i] * scaling.scale + scaling.location);
}

void xlstm_window_forecast(const struct xlstm_window *window, const struct xlstm_model *model,
	struct xlstm_workspace *workspace, const float *values, size_t count, size_t horizon,
	float *quantiles, float *memory) {
	size_t patch = window->patch, levels = xlstm_model_shape(model)->outputs / patch;
	size_t used = count < window->context ? count : window->context;
	size_t patches = (window->context + patch - 1) / patch;
	ptrdiff_t first = (ptrdiff_t)used - (ptrdiff_t)(patches * patch);
	struct scratch scratch = cut(window, model, memory);
	void *const rows[1] = { scratch.row };

	values += count - used;
	struct xlstm_scaling scaling = xlstm_window_scaling(values, used);
	memset(scratch.row, 0, xlstm_state_size(model));
	for (size_t done = 0; done < horizon; first += (ptrdiff_t)patch) {
		bool wanted = first + (ptrdiff_t)patch >= (ptrdiff_t)used;
		fill_token(scratch.token, values, used, first, patch, scaling);
		xlstm_step(model, workspace, 1, rows, scratch.token, NULL,
			wanted ? scratch.outputs : NULL);
		if (!wanted)
			continue;
		read_patch(quantiles, horizon, done, scratch.outputs, levels, patch, scaling);
		done += patch;
	}
}
