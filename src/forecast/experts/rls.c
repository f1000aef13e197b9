/* SPDX-License-Identifier: Apache-2.0 */
#include "rls.h"

#include "linear_kernels.h"

#include <math.h>
#include <string.h>

/*
 * Under forgetting, P grows without bound in directions that the inputs never show (a stuck sensor,
 * inputs that repeat each other). So every few ticks one weight in turn is "observed" to be what it
 * is, just sharply enough that P stays about at its prior where nothing else is learned
 * (Gunnarsson 1996, regularised adaptation).
 */
#define REMIND_EVERY 8

struct rls_head {
	uint64_t ticks; /* steps made; the row of the ring is this modulo H */
};

struct rls_view {
	struct rls_head *head;
	double *covariance; /* packed, kernel_packed_size(n) */
	float *weights; /* [H][stride] */
	float *gains; /* [H][stride], ring */
	float *inputs; /* [H][stride], ring */
	float *used; /* [H], ring: 1 if the row teaches */
};

static size_t align64(size_t bytes) {
	return (bytes + 63) & ~(size_t)63;
}

size_t rls_stride(const struct rls_shape *shape) {
	return kernel_stride(shape->inputs);
}

static size_t rls_matrix_size(const struct rls_shape *shape) {
	return align64(shape->horizon * rls_stride(shape) * sizeof(float));
}

static size_t rls_covariance_size(const struct rls_shape *shape) {
	return align64(kernel_packed_count(rls_stride(shape)) * sizeof(double));
}

size_t rls_size(const struct rls_shape *shape) {
	size_t rings = 2 * rls_matrix_size(shape) + align64(shape->horizon * sizeof(float));
	return align64(sizeof(struct rls_head)) + rls_covariance_size(shape) +
	       rls_matrix_size(shape) + (shape->brief ? 0 : rings);
}

static struct rls_view rls_view(const struct rls_shape *shape, void *state) {
	unsigned char *at = state;
	struct rls_view view = { .head = state };
	at += align64(sizeof(struct rls_head));
	view.covariance = (double *)(void *)at;
	at += rls_covariance_size(shape);
	view.weights = (float *)(void *)at;
	if (shape->brief)
		return view;
	at += rls_matrix_size(shape);
	view.gains = (float *)(void *)at;
	at += rls_matrix_size(shape);
	view.inputs = (float *)(void *)at;
	at += rls_matrix_size(shape);
	view.used = (float *)(void *)at;
	return view;
}

static void rls_set_prior(const struct rls_shape *shape, const struct rls_view *view) {
	memset(view->covariance, 0, rls_covariance_size(shape));
	for (size_t i = 0; i < shape->inputs; i++)
		*kernel_packed_at(view->covariance, i, i) = shape->prior;
}

void rls_forget_pending(const struct rls_shape *shape, void *state) {
	struct rls_view view = rls_view(shape, state);
	if (!shape->brief)
		memset(view.used, 0, shape->horizon * sizeof(float));
}

const float *rls_past_inputs(const struct rls_shape *shape, void *state, uint32_t h) {
	struct rls_view view = rls_view(shape, state);
	size_t row = (view.head->ticks - h) % shape->horizon;
	return view.used[row] != 0 ? view.inputs + row * rls_stride(shape) : NULL;
}

static double limited(double value, double limit) {
	return value > limit ? limit : value < -limit ? -limit : value;
}

/* Teaches each lead whose label has arrived. */
static void rls_learn(const struct rls_shape *shape, const struct rls_view *view,
	const double *labels, uint32_t arrived) {
	size_t stride = rls_stride(shape);
	for (uint32_t h = 1; h <= arrived; h++) {
		size_t row = (view->head->ticks - h) % shape->horizon;
		if (view->used[row] == 0 || isnan(labels[h - 1]))
			continue;
		float *weights = view->weights + (h - 1) * stride;
		double forecast = kernel_dot(weights, view->inputs + row * stride, stride);
		double innovation = limited(labels[h - 1] - forecast, shape->clip);
		kernel_add_scaled(weights, view->gains + row * stride, (float)innovation, stride);
	}
}

/* Keeps P from growing where nothing is learned. */
static void rls_remind(const struct rls_shape *shape, const struct rls_view *view) {
	uint64_t turn = view->head->ticks / REMIND_EVERY;
	if (shape->forgetting == 1 || view->head->ticks % REMIND_EVERY)
		return;
	double column[KERNEL_STRIDE_MAX];
	size_t i = turn % shape->inputs;
	kernel_packed_column(column, view->covariance, i, rls_stride(shape));
	double sharpness = REMIND_EVERY * shape->inputs * (1 - shape->forgetting) / shape->prior;
	double divisor = sharpness / (1 + sharpness * column[i]);
	kernel_packed_update(view->covariance, column, divisor, 1, rls_stride(shape));
}

/* Updates P with this tick's inputs: direction is the gain divided by *ret_divisor. False where there
 * is none. */
static bool rls_update(const struct rls_shape *shape, const struct rls_view *view,
	const float *inputs, double direction[KERNEL_STRIDE_MAX], double *ret_divisor) {
	size_t stride = rls_stride(shape);
	double energy = kernel_packed_times(direction, view->covariance, inputs, stride);
	if (!(energy >= 0)) { /* rounding has cost P its definiteness: forget it, not the weights */
		rls_set_prior(shape, view);
		return false;
	}
	*ret_divisor = 1 / (shape->forgetting + energy);
	kernel_packed_update(
		view->covariance, direction, *ret_divisor, 1 / shape->forgetting, stride);
	rls_remind(shape, view);
	return true;
}

/* Keeps inputs and gain for the labels to come. */
static void rls_keep(const struct rls_shape *shape, const struct rls_view *view,
	const float *inputs, bool usable) {
	size_t stride = rls_stride(shape), row = view->head->ticks % shape->horizon;
	double direction[KERNEL_STRIDE_MAX], divisor;
	view->used[row] = usable && rls_update(shape, view, inputs, direction, &divisor);
	if (view->used[row] == 0)
		return;
	memcpy(view->inputs + row * stride, inputs, stride * sizeof(float));
	for (size_t i = 0; i < stride; i++)
		view->gains[row * stride + i] = (float)(direction[i] * divisor);
}

void rls_teach(const struct rls_shape *shape, void *state, uint32_t lead, const float *inputs,
	double label, double weight) {
	struct rls_view view = rls_view(shape, state);
	size_t stride = rls_stride(shape);
	double direction[KERNEL_STRIDE_MAX];
	float *weights = view.weights + lead * stride;
	if (view.head->ticks == 0)
		return;
	double energy = kernel_packed_times(direction, view.covariance, inputs, stride);
	double forecast = kernel_dot(weights, inputs, stride);
	/* P contains the inputs once. */
	double gain = weight / fmax(1 + (weight - 1) * energy, 1);
	double step = gain * limited(label - forecast, shape->clip);
	for (size_t i = 0; i < stride && energy >= 0; i++)
		weights[i] += (float)(step * direction[i]);
}

void rls_step(const struct rls_shape *shape, void *state, float *restrict forecasts,
	const double *restrict labels, uint32_t arrived, const float *restrict inputs,
	bool usable) {
	struct rls_view view = rls_view(shape, state);
	size_t stride = rls_stride(shape);
	if (view.head->ticks == 0)
		rls_set_prior(shape, &view);
	double direction[KERNEL_STRIDE_MAX], divisor;
	if (!shape->brief) {
		rls_learn(shape, &view, labels, arrived);
		rls_keep(shape, &view, inputs, usable);
	} else if (usable) {
		rls_update(shape, &view, inputs, direction, &divisor);
	}
	for (uint32_t h = 0; h < shape->horizon; h++)
		forecasts[h] = (float)kernel_dot(view.weights + h * stride, inputs, stride);
	view.head->ticks++;
}
