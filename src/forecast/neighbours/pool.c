/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <math.h>

/* Half is forgotten after 3500 periods. */
#define FORGETTING 0.9998

/* Labels of weight one that the prior, weights of zero, counts for. */
#define RIDGE 300.0

/* What a lead's labels are made up for at the most. */
#define RATIO_MAX 2.0

struct pool_view {
	struct pool_head *head;
	double *information; /* [POOL_INPUTS][POOL_INPUTS], lower triangle */
	double *labels; /* [horizon][POOL_INPUTS] */
	double *label_weights; /* [horizon] */
	float *weights; /* [horizon][POOL_INPUTS] */
};

static struct pool_view view_of(void *pool, uint32_t horizon) {
	struct pool_view view = { .head = pool };
	view.information = (double *)(view.head + 1);
	view.labels = view.information + POOL_INPUTS * POOL_INPUTS;
	view.label_weights = view.labels + (size_t)horizon * POOL_INPUTS;
	view.weights = (float *)(view.label_weights + horizon);
	return view;
}

size_t pool_size(uint32_t horizon) {
	return sizeof(struct pool_head) +
	       sizeof(double) * (POOL_INPUTS * POOL_INPUTS + horizon * (POOL_INPUTS + 1)) +
	       sizeof(float) * horizon * POOL_INPUTS;
}

void pool_add_inputs(void *pool, const float phi[POOL_INPUTS], double weight) {
	struct pool_head *head = pool;
	double *row = (double *)(head + 1);
	head->inputs_weight += weight;
	for (int i = 0; i < POOL_INPUTS; i++, row += POOL_INPUTS)
		for (int j = 0; j <= i; j++)
			row[j] += weight * (double)phi[i] * (double)phi[j];
}

void pool_add_label(void *pool, uint32_t horizon, uint32_t h, const float phi[POOL_INPUTS],
	double weight, double label) {
	struct pool_view view = view_of(pool, horizon);
	double *to = view.labels + (size_t)(h - 1) * POOL_INPUTS;
	view.label_weights[h - 1] += weight;
	for (int i = 0; i < POOL_INPUTS; i++)
		to[i] += weight * label * (double)phi[i];
}

void pool_forget(void *pool, uint32_t horizon) {
	struct pool_view view = view_of(pool, horizon);
	size_t labels = (size_t)horizon * POOL_INPUTS;
	view.head->inputs_weight *= FORGETTING;
	for (size_t i = 0; i < POOL_INPUTS * POOL_INPUTS; i++)
		view.information[i] *= FORGETTING;
	for (size_t i = 0; i < labels; i++)
		view.labels[i] *= FORGETTING;
	for (uint32_t h = 0; h < horizon; h++)
		view.label_weights[h] *= FORGETTING;
}

/* Cholesky factor of A + ridge I, lower triangle; the ridge keeps it positive. */
static void factorise(double factor[POOL_INPUTS][POOL_INPUTS], const double *information) {
	for (int i = 0; i < POOL_INPUTS; i++) {
		for (int j = 0; j <= i; j++) {
			double sum = information[i * POOL_INPUTS + j] + (i == j ? RIDGE : 0);
			for (int k = 0; k < j; k++)
				sum -= factor[i][k] * factor[j][k];
			factor[i][j] = i == j ? sqrt(fmax(sum, RIDGE / 2)) : sum / factor[j][j];
		}
	}
}

static void substitute(double factor[POOL_INPUTS][POOL_INPUTS], double x[POOL_INPUTS]) {
	for (int i = 0; i < POOL_INPUTS; i++) {
		for (int k = 0; k < i; k++)
			x[i] -= factor[i][k] * x[k];
		x[i] /= factor[i][i];
	}
	for (int i = POOL_INPUTS - 1; i >= 0; i--) {
		for (int k = i + 1; k < POOL_INPUTS; k++)
			x[i] -= factor[k][i] * x[k];
		x[i] /= factor[i][i];
	}
}

void pool_solve(void *pool, uint32_t horizon) {
	struct pool_view view = view_of(pool, horizon);
	double factor[POOL_INPUTS][POOL_INPUTS], x[POOL_INPUTS];
	factorise(factor, view.information);
	for (uint32_t h = 0; h < horizon; h++) {
		double weight = view.label_weights[h];
		double ratio = weight > 0 ? view.head->inputs_weight / weight : 0;
		for (int i = 0; i < POOL_INPUTS; i++)
			x[i] = view.labels[h * POOL_INPUTS + (uint32_t)i];
		substitute(factor, x);
		for (int i = 0; i < POOL_INPUTS; i++)
			view.weights[h * POOL_INPUTS + (uint32_t)i] =
				(float)(x[i] * fmin(ratio, RATIO_MAX));
	}
}

double pool_forecast(const void *pool, uint32_t horizon, uint32_t h, const float phi[POOL_INPUTS]) {
	const struct pool_head *head = pool;
	const double *sums = (const double *)(head + 1);
	const float *weights = (const float *)(sums + POOL_INPUTS * POOL_INPUTS +
					       (size_t)horizon * (POOL_INPUTS + 1));
	double sum = 0;
	for (int i = 0; i < POOL_INPUTS; i++)
		sum += (double)weights[(h - 1) * POOL_INPUTS + (uint32_t)i] * (double)phi[i];
	return sum;
}
