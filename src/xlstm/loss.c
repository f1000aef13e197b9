/* SPDX-License-Identifier: Apache-2.0 */
#include "xlstm/train.h"

#include <math.h>

/* The loss of one value and its slope. Quantile q: Koenker and Bassett 1978. */
static double loss_at(enum xlstm_loss_kind kind, double value, double target, double quantile,
	double *ret_slope) {
	double error = target - value;
	switch (kind) {
	case XLSTM_SQUARED: *ret_slope = -2 * error; return error * error;
	case XLSTM_ABSOLUTE: *ret_slope = error > 0 ? -1 : error < 0 ? 1 : 0; return fabs(error);
	case XLSTM_PINBALL: break;
	}
	*ret_slope = error > 0 ? -quantile : error < 0 ? 1 - quantile : 0;
	return error > 0 ? quantile * error : (quantile - 1) * error;
}

static double quantile_of(const struct xlstm_loss *loss, size_t output, size_t outputs) {
	if (loss->kind != XLSTM_PINBALL)
		return 0;
	return loss->quantiles[output / (outputs / loss->quantile_count)];
}

static size_t observed(const float *mask, size_t count) {
	size_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += !mask || mask[i] != 0.0f;
	return sum;
}

double xlstm_loss(const struct xlstm_loss *loss, size_t tokens, size_t outputs, const float *values,
	const float *targets, const float *mask, float *slopes) {
	size_t count = tokens * outputs, seen = observed(mask, count);
	double sum = 0, share = seen ? 1.0 / (double)seen : 0;

	for (size_t i = 0; i < count; i++) {
		slopes[i] = 0.0f;
		if (mask && mask[i] == 0.0f)
			continue;
		double slope;
		sum += loss_at(loss->kind, values[i], targets[i],
			quantile_of(loss, i % outputs, outputs), &slope);
		slopes[i] = (float)(slope * share);
	}
	return sum * share;
}
