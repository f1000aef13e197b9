/* SPDX-License-Identifier: Apache-2.0 */
/* The maps around the blocks, for a step and over windows, in both directions. */
#include "pass.h"
#include "tile.h"

void end_step(const struct kernels *kernels, const struct end *end, size_t count, float *y,
	const float *x, float *scratch) {
	kernels->matmul(y, end->outputs, ADD_BIAS, end->bias, x, end->inputs, count, &end->map);
	if (!end->hidden)
		return;
	kernels->matmul(scratch, end->hidden, ADD_BIAS, end->hidden_bias, x, end->inputs, count,
		&end->to_hidden);
	kernels->relu(scratch, scratch, count * end->hidden);
	kernels->matmul(
		y, end->outputs, ADD_OUTPUT, NULL, scratch, end->hidden, count, &end->from_hidden);
}

void end_forward(
	const struct end *end, const struct pass *pass, float *y, const float *x, float *hidden) {
	struct rows to = { y, end->outputs };
	struct const_rows from = { x, end->inputs };

	pass_map(pass, to, ADD_BIAS, end->bias, from, &end->map);
	if (!end->hidden)
		return;
	pass_map(pass, (struct rows){ hidden, end->hidden }, ADD_BIAS, end->hidden_bias, from,
		&end->to_hidden);
	pass->kernels->relu(hidden, hidden, pass->tokens * end->hidden);
	pass_map(pass, to, ADD_OUTPUT, NULL, (struct const_rows){ hidden, end->hidden },
		&end->from_hidden);
}

/* The gradient of y = W x + b for the tensors W and b, and for x. */
static void linear_back(const struct xlstm_weights *weights, const struct pass *pass,
	enum tensor_id weight, struct const_rows x, struct const_rows dy, size_t outputs,
	float *gradient, struct rows dx, bool add) {
	const struct block_layout *ends = &weights->layout.ends;
	pass_bias_gradient(pass, slope_of(gradient, ends, weight + 1), dy, outputs);
	pass_map_gradient(pass, slope_of(gradient, ends, weight), dy, x, outputs, x.stride);
	if (dx.values)
		pass_map_back(
			pass, dx, dy, block_tensor(weights, ends, weight), outputs, x.stride, add);
}

void end_backward(const struct xlstm_weights *weights, const struct end *end,
	const struct pass *pass, const float *x, const float *hidden, const float *dy,
	float *gradient, float *dx, bool add) {
	struct const_rows from = { x, end->inputs }, slopes = { dy, end->outputs };
	struct rows to = { dx, end->inputs }, inside = { pass->scratch, end->hidden };

	linear_back(weights, pass, end->first, from, slopes, end->outputs, gradient, to, add);
	if (!end->hidden)
		return;
	linear_back(weights, pass, end->first + 4, (struct const_rows){ hidden, end->hidden },
		slopes, end->outputs, gradient, inside, false);
	pass->kernels->relu_backward(
		pass->scratch, hidden, pass->scratch, pass->tokens * end->hidden);
	linear_back(weights, pass, end->first + 2, from,
		(struct const_rows){ pass->scratch, end->hidden }, end->hidden, gradient, to, true);
}
