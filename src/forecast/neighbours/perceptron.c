/* SPDX-License-Identifier: Apache-2.0 */
#include "perceptron.h"

#include "linear_kernels.h"
#include "random.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

_Static_assert(PERCEPTRON_HIDDEN % KERNEL_BLOCK == 0, "layers are whole blocks");

/* Length of the first steps, and how many are taken before they have shrunk by the root of two. Steps of fewer
 * than RATE_LABELS labels are shorter, too: what is left of chance in the weights stays the same. */
#define RATE        2e-3
#define RATE_STEPS  4000.0
#define RATE_LABELS (512.0 * PERCEPTRON_OUTPUTS)

/* What the moments of the gradients keep, and what keeps them from dividing by nothing. */
#define FIRST_FORGETTING  0.9
#define SECOND_FORGETTING 0.999
#define LEAST_GRADIENT    1e-8F

/* Part of a weight that a step of length one takes away. */
#define DECAY 0.01

#define SEED 1

#define WEIGHTS (sizeof(struct perceptron_weights) / sizeof(float))

void perceptron_begin(struct perceptron *perceptron) {
	struct random random;
	float reach = 1 / sqrtf(PERCEPTRON_INPUTS);
	random_init(&random, SEED);
	for (int i = 0; i < PERCEPTRON_INPUTS; i++)
		for (int j = 0; j < PERCEPTRON_HIDDEN; j++)
			perceptron->weights.input[i][j] =
				reach * (float)(2 * random_uniform(&random) - 1);
}

static void run_hidden(const struct perceptron_weights *weights,
	const float inputs[PERCEPTRON_INPUTS], float hidden[PERCEPTRON_HIDDEN]) {
	memset(hidden, 0, PERCEPTRON_HIDDEN * sizeof(*hidden));
	for (int i = 0; i < PERCEPTRON_INPUTS; i++)
		kernel_add_scaled(hidden, weights->input[i], inputs[i], PERCEPTRON_HIDDEN);
	for (int j = 0; j < PERCEPTRON_HIDDEN; j++)
		hidden[j] = tanhf(hidden[j]);
}

static float run_output(
	const struct perceptron_weights *weights, const float hidden[PERCEPTRON_HIDDEN], int k) {
	return weights->bias[k] + (float)kernel_dot(weights->output[k], hidden, PERCEPTRON_HIDDEN);
}

void perceptron_forecast(const struct perceptron *perceptron, const float inputs[PERCEPTRON_INPUTS],
	float outputs[PERCEPTRON_OUTPUTS]) {
	float hidden[PERCEPTRON_HIDDEN];
	run_hidden(&perceptron->weights, inputs, hidden);
	for (int k = 0; k < PERCEPTRON_OUTPUTS; k++)
		outputs[k] = run_output(&perceptron->weights, hidden, k);
}

void perceptron_add_example(const struct perceptron *perceptron,
	struct perceptron_gradients *gradients, const float inputs[PERCEPTRON_INPUTS],
	const float labels[PERCEPTRON_OUTPUTS]) {
	const struct perceptron_weights *weights = &perceptron->weights;
	float hidden[PERCEPTRON_HIDDEN], back[PERCEPTRON_HIDDEN] = { 0 };
	run_hidden(weights, inputs, hidden);
	for (int k = 0; k < PERCEPTRON_OUTPUTS; k++) {
		if (isnan(labels[k]))
			continue;
		float sign = run_output(weights, hidden, k) > labels[k] ? 1 : -1;
		kernel_add_scaled(gradients->sum.output[k], hidden, sign, PERCEPTRON_HIDDEN);
		kernel_add_scaled(back, weights->output[k], sign, PERCEPTRON_HIDDEN);
		gradients->sum.bias[k] += sign;
		gradients->labels++;
	}
	for (int j = 0; j < PERCEPTRON_HIDDEN; j++)
		back[j] *= 1 - hidden[j] * hidden[j];
	for (int i = 0; i < PERCEPTRON_INPUTS; i++)
		kernel_add_scaled(gradients->sum.input[i], back, inputs[i], PERCEPTRON_HIDDEN);
}

void perceptron_step(struct perceptron *perceptron, const struct perceptron_gradients *gradients) {
	if (gradients->labels == 0)
		return;
	double n = (double)++perceptron->steps;
	double share = fmin(gradients->labels / RATE_LABELS, 1);
	double rate = RATE * sqrt(share / (1 + n / RATE_STEPS));
	float kept = (float)(1 - rate * DECAY);
	float first_unit = (float)(1 / (1 - pow(FIRST_FORGETTING, n)));
	float second_unit = (float)(1 / (1 - pow(SECOND_FORGETTING, n)));
	float *weights = (float *)&perceptron->weights;
	float *first = (float *)&perceptron->first, *second = (float *)&perceptron->second;
	const float *sums = (const float *)&gradients->sum;
	for (size_t i = 0; i < WEIGHTS; i++) {
		float gradient = sums[i] / (float)gradients->labels;
		first[i] += (float)(1 - FIRST_FORGETTING) * (gradient - first[i]);
		second[i] += (float)(1 - SECOND_FORGETTING) * (gradient * gradient - second[i]);
		float size = sqrtf(second[i] * second_unit) + LEAST_GRADIENT;
		weights[i] = kept * weights[i] - (float)rate * first[i] * first_unit / size;
	}
}
