/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PERCEPTRON_H
#define FORECAST_PERCEPTRON_H

#include <stdint.h>

/*
 * A multilayer perceptron with one hidden layer,
 *
 *   y_k = b_k + sum_j V_kj tanh(sum_i U_ij x_i)
 *
 * that learns the median of its labels: stochastic steps on absolute errors (Adam with decoupled weight
 * decay: Kingma and Ba 2015, Loshchilov and Hutter 2019), which become shorter with the square root of their
 * number. One of the inputs should be a constant. Plain bytes; zeros are a fresh one, whose outputs are 0.
 */
#define PERCEPTRON_INPUTS  40
#define PERCEPTRON_HIDDEN  32
#define PERCEPTRON_OUTPUTS 6

struct perceptron_weights {
	float input[PERCEPTRON_INPUTS][PERCEPTRON_HIDDEN];
	float output[PERCEPTRON_OUTPUTS][PERCEPTRON_HIDDEN];
	float bias[PERCEPTRON_OUTPUTS];
};

struct perceptron {
	uint64_t steps; /* taken */
	struct perceptron_weights weights;
	struct perceptron_weights first, second; /* fading moments of the gradients */
};

void perceptron_forecast(const struct perceptron *perceptron, const float inputs[PERCEPTRON_INPUTS],
	float outputs[PERCEPTRON_OUTPUTS]);

/*
 * One step: gradients, zero at first, are added to by each example, and then taken. A label that is NAN is
 * not learned from.
 */
struct perceptron_gradients {
	struct perceptron_weights sum;
	uint32_t labels;
};

void perceptron_add_example(const struct perceptron *perceptron,
	struct perceptron_gradients *gradients, const float inputs[PERCEPTRON_INPUTS],
	const float labels[PERCEPTRON_OUTPUTS]);
void perceptron_step(struct perceptron *perceptron, const struct perceptron_gradients *gradients);

/* Weights of the inputs of a fresh one, which are random but always the same. */
void perceptron_begin(struct perceptron *perceptron);

#endif
