/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include "weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

struct reference reference_open(const struct xlstm_weights *weights) {
	struct reference reference = { weights, xlstm_weights_shape(weights), NULL };
	size_t count = weights->layout.weight_floats;
	reference.values = calloc(count, sizeof(double));
	for (size_t i = 0; i < count; i++)
		reference.values[i] = weights->values[i];
	return reference;
}

void reference_close(struct reference *reference) {
	free(reference->values);
}

static const double *named(const struct reference *reference, const char *name) {
	struct xlstm_tensor tensor;
	assert_int_equal(xlstm_tensor_find(reference->weights, name, &tensor), 0);
	return reference->values + (tensor.values - reference->weights->values);
}

/* A block, its stream [steps, width], and what it works in. */
struct walk {
	const struct reference *reference;
	const struct xlstm_block_shape *block;
	uint32_t index;
	size_t steps, width;
	double *stream;
};

static const double *of_block(const struct walk *walk, const char *name) {
	char full[64];
	snprintf(full, sizeof(full), "blocks.%u.%s", walk->index, name);
	return named(walk->reference, full);
}

static double *zeros(size_t count) {
	double *values = calloc(count, sizeof(double));
	assert_non_null(values);
	return values;
}

static double sigmoid(double x) {
	return 1 / (1 + exp(-x));
}

static double silu(double x) {
	return x * sigmoid(x);
}

static double log_sigmoid(double x) {
	return fmin(x, 0) - log1p(exp(-fabs(x)));
}

static double cap(double x, uint32_t bound) {
	return bound ? bound * tanh(x / bound) : x;
}

/* y [rows] = w [rows, columns] x */
static void map(double *y, const double *w, const double *x, size_t rows, size_t columns) {
	for (size_t i = 0; i < rows; i++) {
		y[i] = 0;
		for (size_t j = 0; j < columns; j++)
			y[i] += w[i * columns + j] * x[j];
	}
}

static void layer_norm(
	double *y, const double *x, const double *gain, size_t width, double one, double epsilon) {
	double mean = 0, variance = 0;
	for (size_t i = 0; i < width; i++)
		mean += x[i] / (double)width;
	for (size_t i = 0; i < width; i++)
		variance += (x[i] - mean) * (x[i] - mean) / (double)width;
	for (size_t i = 0; i < width; i++)
		y[i] = (x[i] - mean) / sqrt(variance + epsilon) * (one + gain[i]);
}

static void norm(
	const struct reference *reference, double *y, const double *x, const double *gain) {
	size_t width = reference->shape->width;
	if (reference->shape->norm == XLSTM_LAYER_NORM) {
		layer_norm(y, x, gain, width, 1, 1e-5);
		return;
	}
	double square = 0;
	for (size_t i = 0; i < width; i++)
		square += x[i] * x[i] / (double)width;
	for (size_t i = 0; i < width; i++)
		y[i] = x[i] / sqrt(square + 1e-6) * gain[i];
}

/* Of each head; one: 1 where gains are stored as their distance from one. */
static void head_norms(
	double *h, const double *gain, size_t heads, size_t width, double one, double epsilon) {
	size_t each = width / heads;
	for (size_t head = 0; head < heads; head++)
		layer_norm(
			h + head * each, h + head * each, gain + head * each, each, one, epsilon);
}

/* s [steps, channels] = silu(conv(x)); without taps silu(x), or x. */
static void convolve(
	const struct walk *walk, double *s, const double *x, size_t channels, bool bare) {
	size_t taps = walk->block->taps;
	for (size_t t = 0; t < walk->steps; t++)
		for (size_t i = 0; i < channels; i++) {
			double sum = x[t * channels + i];
			if (taps)
				sum = of_block(walk, "xlstm.conv1d.conv.bias")[i];
			for (size_t j = 0; j < taps; j++)
				if (t + j + 1 >= taps)
					sum += of_block(walk,
						       "xlstm.conv1d.conv.weight")[i * taps + j] *
					       x[(t + j + 1 - taps) * channels + i];
			s[t * channels + i] = taps || !bare ? silu(sum) : sum;
		}
}

/* One head of the mLSTM; n and the matrix belong to the caller. */
struct matrix_head {
	size_t keys, values;
	double *matrix, *normaliser, *stabiliser;
	bool logistic;
};

static void matrix_step(const struct matrix_head *head, double *h, const double *q, const double *k,
	const double *v, double input, double forget) {
	double m = *head->stabiliser, l = log_sigmoid(forget) + m;
	double next = head->logistic ? 0 : fmax(l, input);
	double keep = head->logistic ? sigmoid(forget) : exp(l - next);
	double take = head->logistic ? sigmoid(input) : exp(input - next);
	double dot = 0, root = sqrt((double)head->keys);

	for (size_t i = 0; i < head->keys; i++) {
		head->normaliser[i] = keep * head->normaliser[i] + take * k[i] / root;
		dot += head->normaliser[i] * q[i];
	}
	for (size_t j = 0; j < head->values; j++)
		h[j] = 0;
	for (size_t i = 0; i < head->keys; i++)
		for (size_t j = 0; j < head->values; j++) {
			double *c = &head->matrix[i * head->values + j];
			*c = keep * *c + take * k[i] / root * v[j];
			h[j] += *c * q[i];
		}
	for (size_t j = 0; j < head->values; j++)
		h[j] /= fmax(fabs(dot), exp(-next)) + 1e-6;
	*head->stabiliser = next;
}

/* All heads and steps: q, k [steps, keys], v, h [steps, values], gates [steps, heads]. */
static void matrix_memory(const struct walk *walk, double *h, const double *q, const double *k,
	const double *v, const double *input, const double *forget, size_t keys, size_t values) {
	size_t heads = walk->block->heads, p = keys / heads, w = values / heads;
	double *matrix = zeros(heads * p * w), *n = zeros(keys), *m = zeros(heads);
	for (size_t t = 0; t < walk->steps; t++)
		for (size_t i = 0; i < heads; i++) {
			struct matrix_head head = { p, w, matrix + i * p * w, n + i * p, m + i,
				walk->block->input_gate == XLSTM_LOGISTIC_GATE };
			matrix_step(&head, h + t * values + i * w, q + t * keys + i * p,
				k + t * keys + i * p, v + t * values + i * w,
				cap(input[t * heads + i], walk->block->gate_cap),
				cap(forget[t * heads + i], walk->block->gate_cap));
		}
	free(matrix);
	free(n);
	free(m);
}

/* Section by section: the mLSTM of the 7B model. */
static void dense_block(const struct walk *walk, const double *u) {
	size_t steps = walk->steps, width = walk->width, heads = walk->block->heads;
	size_t keys = walk->block->keys, inner = walk->block->inner;
	double *s = zeros(steps * width), *q = zeros(steps * keys), *k = zeros(steps * keys);
	double *v = zeros(steps * inner), *o = zeros(steps * inner), *h = zeros(steps * inner);
	double *input = zeros(steps * heads), *forget = zeros(steps * heads), *y = zeros(width);

	convolve(walk, s, u, width, true);
	for (size_t t = 0; t < steps; t++) {
		const double *now = u + t * width;
		map(q + t * keys, of_block(walk, "mlstm_layer.q.weight"), s + t * width, keys,
			width);
		map(k + t * keys, of_block(walk, "mlstm_layer.k.weight"), s + t * width, keys,
			width);
		map(v + t * inner, of_block(walk, "mlstm_layer.v.weight"), now, inner, width);
		map(o + t * inner, of_block(walk, "mlstm_layer.ogate_preact.weight"), now, inner,
			width);
		map(input + t * heads, of_block(walk, "mlstm_layer.igate_preact.weight"), now,
			heads, width);
		map(forget + t * heads, of_block(walk, "mlstm_layer.fgate_preact.weight"), now,
			heads, width);
		for (size_t i = 0; i < heads; i++) {
			input[t * heads + i] += of_block(walk, "mlstm_layer.igate_preact.bias")[i];
			forget[t * heads + i] += of_block(walk, "mlstm_layer.fgate_preact.bias")[i];
		}
	}
	matrix_memory(walk, h, q, k, v, input, forget, keys, inner);
	for (size_t t = 0; t < steps; t++) {
		double *at = h + t * inner;
		head_norms(at, of_block(walk, "mlstm_layer.multihead_norm.weight"), heads, inner, 0,
			1e-6);
		for (size_t i = 0; i < inner; i++)
			at[i] *= sigmoid(o[t * inner + i]);
		map(y, of_block(walk, "mlstm_layer.out_proj.weight"), at, width, inner);
		for (size_t i = 0; i < width; i++)
			walk->stream[t * width + i] += y[i];
	}
	double *all[] = { s, q, k, v, o, h, input, forget, y };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

/* y = W x with blocks [count / each, each, each] on the diagonal. */
static void blocks_map(double *y, const double *w, const double *x, size_t count, size_t each) {
	for (size_t i = 0; i < count; i += each)
		map(y + i, w + i * each, x + i, each, each);
}

static void projected_mlstm(const struct walk *walk, double *h, const double *a, const double *s) {
	size_t steps = walk->steps, inner = walk->block->inner, heads = walk->block->heads;
	double *q = zeros(steps * inner), *k = zeros(steps * inner), *v = zeros(steps * inner);
	double *input = zeros(steps * heads), *forget = zeros(steps * heads);
	double *qkv = zeros(3 * inner);
	for (size_t t = 0; t < steps; t++) {
		size_t at = t * inner, gate = t * heads;
		blocks_map(q + at, of_block(walk, "xlstm.q_proj.weight"), s + at, inner, 4);
		blocks_map(k + at, of_block(walk, "xlstm.k_proj.weight"), s + at, inner, 4);
		blocks_map(v + at, of_block(walk, "xlstm.v_proj.weight"), a + at, inner, 4);
		memcpy(qkv, q + at, inner * sizeof(double));
		memcpy(qkv + inner, k + at, inner * sizeof(double));
		memcpy(qkv + 2 * inner, v + at, inner * sizeof(double));
		map(input + gate, of_block(walk, "xlstm.mlstm_cell.igate.weight"), qkv, heads,
			3 * inner);
		map(forget + gate, of_block(walk, "xlstm.mlstm_cell.fgate.weight"), qkv, heads,
			3 * inner);
		for (size_t i = 0; i < heads; i++) {
			input[gate + i] += of_block(walk, "xlstm.mlstm_cell.igate.bias")[i];
			forget[gate + i] += of_block(walk, "xlstm.mlstm_cell.fgate.bias")[i];
		}
	}
	matrix_memory(walk, h, q, k, v, input, forget, inner, inner);
	double *all[] = { q, k, v, input, forget, qkv };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

struct scalar_state {
	double h, c, n, m;
};

/* i f z o of one unit, all but nothing missing. */
static void scalar_step(struct scalar_state *state, const double gates[4]) {
	double l = log_sigmoid(gates[1]) + state->m;
	double m = state->n == 0 ? gates[0] : fmax(gates[0], l);
	double take = exp(gates[0] - m), keep = state->n == 0 ? 0 : exp(l - m);
	state->c = keep * state->c + take * tanh(gates[2]);
	state->n = keep * state->n + take;
	state->m = m;
	state->h = sigmoid(gates[3]) * state->c / state->n;
}

/* The published member `fgate` makes the input gate and `igate` the forget gate. */
static void scalar_memory(
	const struct walk *walk, double *h, const double *u, const double *s, size_t channels) {
	static const char *const maps[4] = { "xlstm.fgate.weight", "xlstm.igate.weight",
		"xlstm.zgate.weight", "xlstm.ogate.weight" };
	const double *recurrent = of_block(walk, "xlstm.slstm_cell._recurrent_kernel_");
	const double *bias = of_block(walk, "xlstm.slstm_cell._bias_");
	size_t units = channels / walk->block->heads;
	struct scalar_state *states = calloc(channels, sizeof(*states));
	double *gates = zeros(4 * channels);

	for (size_t t = 0; t < walk->steps; t++) {
		for (size_t g = 0; g < 4; g++) {
			double *at = gates + g * channels;
			blocks_map(at, of_block(walk, maps[g]), (g < 2 ? s : u) + t * channels,
				channels, units);
			for (size_t i = 0; i < channels; i++) {
				size_t head = i / units, unit = i % units;
				const double *row =
					recurrent + ((head * 4 + g) * units + unit) * units;
				at[i] += bias[g * channels + i];
				for (size_t j = 0; j < units; j++)
					at[i] += row[j] * states[head * units + j].h;
			}
		}
		for (size_t i = 0; i < channels; i++) {
			double four[4] = { gates[i], gates[channels + i], gates[2 * channels + i],
				gates[3 * channels + i] };
			scalar_step(&states[i], four);
			h[t * channels + i] = states[i].h;
		}
	}
	free(states);
	free(gates);
}

/* Up, the memory, its norm, the skip and the gate around it, and down. */
static void projected_block(const struct walk *walk, const double *u) {
	size_t steps = walk->steps, width = walk->width, inner = walk->block->inner;
	bool scalar = walk->block->kind == XLSTM_SLSTM;
	double *a = zeros(steps * inner), *z = zeros(steps * inner), *s = zeros(steps * inner);
	double *h = zeros(steps * inner), *y = zeros(width);
	const double *up = of_block(walk, "xlstm.proj_up.weight");
	for (size_t t = 0; t < steps; t++) {
		map(a + t * inner, up, u + t * width, inner, width);
		map(z + t * inner, up + inner * width, u + t * width, inner, width);
	}
	convolve(walk, s, a, inner, false);
	if (scalar)
		scalar_memory(walk, h, a, s, inner);
	else
		projected_mlstm(walk, h, a, s);
	for (size_t t = 0; t < steps; t++) {
		double *at = h + t * inner;
		head_norms(at,
			of_block(walk, scalar ? "xlstm.group_norm.weight"
					      : "xlstm.mlstm_cell.outnorm.weight"),
			walk->block->heads, inner, 1, 1e-5);
		for (size_t i = 0; i < inner; i++)
			at[i] = (at[i] + of_block(walk, "xlstm.learnable_skip")[i] *
						 s[t * inner + i]) *
				silu(z[t * inner + i]);
		map(y, of_block(walk, "xlstm.proj_down.weight"), at, width, inner);
		for (size_t i = 0; i < width; i++)
			walk->stream[t * width + i] += y[i];
	}
	double *all[] = { a, z, s, h, y };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

static void plain_slstm(const struct walk *walk, const double *u) {
	size_t steps = walk->steps, width = walk->width;
	double *s = zeros(steps * width), *h = zeros(steps * width);
	convolve(walk, s, u, width, true);
	scalar_memory(walk, h, u, s, width);
	for (size_t t = 0; t < steps; t++) {
		double *at = h + t * width;
		head_norms(at, of_block(walk, "xlstm.group_norm.weight"), walk->block->heads, width,
			1, 1e-5);
		for (size_t i = 0; i < width; i++)
			walk->stream[t * width + i] += at[i];
	}
	free(s);
	free(h);
}

static void feedforward(const struct walk *walk) {
	size_t width = walk->width, inner = walk->block->feedforward;
	double *u = zeros(width), *up = zeros(2 * inner);
	for (size_t t = 0; t < walk->steps; t++) {
		double *x = walk->stream + t * width;
		norm(walk->reference, u, x, of_block(walk, "ffn_norm.weight"));
		map(up, of_block(walk, "ffn.proj_up.weight"), u, 2 * inner, width);
		for (size_t i = 0; i < inner; i++) {
			double gelu = up[i] * 0.5 * erfc(-up[i] / sqrt(2));
			bool swish = walk->block->activation == XLSTM_SILU;
			up[i] = (swish ? silu(up[i]) : gelu) * up[inner + i];
		}
		map(u, of_block(walk, "ffn.proj_down.weight"), up, width, inner);
		for (size_t i = 0; i < width; i++)
			x[i] += u[i];
	}
	free(u);
	free(up);
}

static void block(const struct walk *walk) {
	bool pre = walk->block->arrangement == XLSTM_PRE_PROJECTION ||
		   (walk->block->arrangement == XLSTM_USUAL_ARRANGEMENT &&
			   walk->block->kind == XLSTM_MLSTM);
	double *u = zeros(walk->steps * walk->width);
	if (walk->block->kind != XLSTM_FEEDFORWARD)
		for (size_t t = 0; t < walk->steps; t++)
			norm(walk->reference, u + t * walk->width, walk->stream + t * walk->width,
				of_block(walk, "xlstm_norm.weight"));
	if (walk->block->kind != XLSTM_FEEDFORWARD && pre)
		projected_block(walk, u);
	else if (walk->block->kind == XLSTM_MLSTM)
		dense_block(walk, u);
	else if (walk->block->kind == XLSTM_SLSTM)
		plain_slstm(walk, u);
	if (walk->block->feedforward)
		feedforward(walk);
	free(u);
}

void reference_run(
	const struct reference *reference, const double *inputs, size_t steps, double *outputs) {
	const struct xlstm_shape *shape = reference->shape;
	size_t width = shape->width, count = shape->outputs;
	double *stream = zeros(steps * width), *features = zeros(width);
	memcpy(stream, inputs, steps * width * sizeof(double));
	for (uint32_t i = 0; i < shape->block_count; i++) {
		struct walk walk = { reference, &shape->blocks[i], i, steps, width, stream };
		block(&walk);
	}
	for (size_t t = 0; t < steps; t++) {
		double *y = outputs + t * count;
		norm(reference, features, stream + t * width,
			named(reference, "post_blocks_norm.weight"));
		map(y, named(reference, "head.weight"), features, count, width);
		for (size_t i = 0; i < count; i++)
			y[i] = cap(y[i] + named(reference, "head.bias")[i], shape->output_cap);
	}
	free(stream);
	free(features);
}
