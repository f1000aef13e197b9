/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_WINDOW_H
#define XLSTM_WINDOW_H

#include "xlstm/step.h"

/*
 * Forecasts from a window of one series' values, in the arrangement of the TiRex forecaster (Auer
 * et al. 2025, arXiv 2505.23719): the window is scaled as a whole and cut into patches; a token is a
 * patch of values, missing ones set to zero, followed by a patch of marks, 1 where observed. The
 * network says quantiles of the patch that follows. Missing values are NaN.
 */

struct xlstm_scaling {
	float location, scale; /* scaled = (value - location) / scale */
};

/* Mean and population deviation of the observed values: 0 and 1 without any; where all are the
 * same, |mean| + 1e-5 stands for the deviation. */
struct xlstm_scaling xlstm_window_scaling(const float *values, size_t count);

/* tokens [count / patch rounded up, 2 * patch]; where patch does not divide count, the first patch
 * is filled up with missing values in front. */
void xlstm_window_tokens(float *tokens, const float *values, size_t count, size_t patch,
	struct xlstm_scaling scaling);

struct xlstm_window {
	size_t patch; /* the model has 2 * patch inputs and levels * patch outputs, level slow */
	size_t context; /* values that the network sees, filled up with missing ones in front */
};

/* XLSTM_E_PROJECTION where the model's inputs or outputs are not those of such patches. */
int xlstm_window_check(const struct xlstm_window *window, const struct xlstm_shape *shape);

/* Floats that xlstm_window_forecast() works in. */
size_t xlstm_window_scratch(const struct xlstm_window *window, const struct xlstm_model *model);

/*
 * The next `horizon` values after values [count], of which the last `context` are used, in the
 * values' unit: quantiles [levels, horizon], each column in order (the levels of a value are
 * sorted). Beyond the first patch, patches that are missing as a whole follow the window; nothing
 * predicted is fed back. scratch: xlstm_window_scratch() floats.
 */
void xlstm_window_forecast(const struct xlstm_window *window, const struct xlstm_model *model,
	struct xlstm_workspace *workspace, const float *values, size_t count, size_t horizon,
	float *quantiles, float *scratch);

#endif
