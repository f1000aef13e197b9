/* SPDX-License-Identifier: Apache-2.0 */
#include "pool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

/* Weights of one kind of pooling, no tensor at its start, and of the same network without. */
void make_weights(
	enum xlstm_pool kind, struct xlstm_weights **pooled, struct xlstm_weights **plain) {
	struct xlstm_shape shape = {
		.inputs = INPUTS, .width = WIDTH, .outputs = OUTPUTS, .block_count = 1
	};
	struct noise noise = { 21 };
	shape.blocks[0] = (struct xlstm_block_shape){
		.kind = XLSTM_SLSTM, .heads = 3, .taps = 2, .feedforward = 8
	};
	assert_int_equal(xlstm_weights_create(plain, &shape), 0);
	xlstm_weights_initialise(*plain, 4);
	for (size_t i = 0; i < (*plain)->layout.weight_floats; i++)
		(*plain)->values[i] += 0.2f * noise_next(&noise);
	assert_int_equal(xlstm_weights_with_pool(
				 pooled, *plain, kind, kind == XLSTM_ATTENTION_POOL ? KEYS : 0, 9),
		0);
	for (size_t i = 0; i < xlstm_tensor_count(*pooled); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(*pooled, i);
		float *values = (*pooled)->values + (tensor.values - (*pooled)->values);
		for (size_t j = 0; j < tensor.count && !strncmp(tensor.name, "pool.", 5); j++)
			values[j] += 0.4f * noise_next(&noise);
	}
}

/* Series 0 and every seventh have nobody, the others one to nine, some of them out of reach. */
void make_lists(struct lists *lists, size_t steps) {
	struct noise noise = { 5 };
	uint32_t at = 0;
	for (uint32_t i = 0; i < SERIES; i++) {
		lists->offsets[i] = at;
		for (uint32_t j = 0; i % 7 && j < 1 + i * 5 % LIST_MAX; j++, at++) {
			lists->indices[at] = (i + 1 + 3 * j) % SERIES;
			lists->distances[at] = fabsf(noise_next(&noise));
			for (size_t t = 0; t < steps; t++)
				lists->ages[at * steps + t] = (float)((at + t) % 4) / 2;
		}
	}
	lists->offsets[SERIES] = at;
	lists->neighbours = (struct xlstm_neighbours){ .offsets = lists->offsets,
		.indices = lists->indices,
		.distances = lists->distances,
		.ages = lists->ages,
		.reach = 1.5f };
}

struct equations equations_open(const struct xlstm_weights *weights) {
	struct equations equations = { weights,
		calloc(weights->layout.weight_floats, sizeof(double)) };
	for (size_t i = 0; i < weights->layout.weight_floats; i++)
		equations.values[i] = weights->values[i];
	return equations;
}

const double *equations_tensor(const struct equations *equations, const char *name) {
	struct xlstm_tensor tensor;
	assert_int_equal(xlstm_tensor_find(equations->weights, name, &tensor), 0);
	return equations->values + (tensor.values - equations->weights->values);
}

double dot_product(const double *a, const double *b, size_t count) {
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}

void map_vector(double *y, const double *w, const double *x, size_t outputs, size_t inputs) {
	for (size_t i = 0; i < outputs; i++)
		y[i] = dot_product(w + i * inputs, x, inputs);
}

static double score(const struct equations *equations, const double *own, const double *other,
	double distance, double mean) {
	double query[KEYS], key[KEYS];
	map_vector(query, equations_tensor(equations, "pool.query.weight"), own, KEYS, WIDTH);
	map_vector(key, equations_tensor(equations, "pool.key.weight"), other, KEYS, WIDTH);
	for (size_t i = 0; i < KEYS; i++)
		query[i] += equations_tensor(equations, "pool.query.bias")[i];
	return dot_product(query, key, KEYS) / sqrt(KEYS) -
	       *equations_tensor(equations, "pool.distance") * distance / mean;
}

void exact_pool(double pooled[WIDTH], const struct equations *equations, const double *own,
	const struct xlstm_neighbours *neighbours, size_t i, size_t t, size_t steps,
	hidden_fn hidden, const void *context) {
	enum xlstm_pool kind = xlstm_weights_shape(equations->weights)->pool;
	uint32_t first = neighbours->offsets[i], end = neighbours->offsets[i + 1];
	double mean = 0, total = 0;
	memset(pooled, 0, WIDTH * sizeof(double));
	for (uint32_t e = first; e < end; e++)
		mean += (double)neighbours->distances[e] / (end - first);
	for (uint32_t e = first; e < end; e++) {
		const double *other = hidden(context, neighbours->indices[e]);
		double distance = (double)neighbours->distances[e], weight = 1;
		if (neighbours->distances[e] > neighbours->reach)
			continue;
		if (kind == XLSTM_INVERSE_POOL)
			weight = 1 / (distance + 1e-6);
		if (kind == XLSTM_ATTENTION_POOL)
			weight = exp(score(equations, own, other, distance, mean));
		total += weight;
		weight *= pow(2, -(double)neighbours->ages[e * steps + t]);
		for (size_t c = 0; c < WIDTH; c++)
			pooled[c] += weight * other[c];
	}
	for (size_t c = 0; c < WIDTH && total > 0; c++)
		pooled[c] /= total;
}

void exact_fuse(double fused[WIDTH], const struct equations *equations, const double *own,
	const double pooled[WIDTH]) {
	double joined[2 * WIDTH], gate[WIDTH], value[WIDTH];
	memcpy(joined, own, WIDTH * sizeof(double));
	memcpy(joined + WIDTH, pooled, WIDTH * sizeof(double));
	map_vector(gate, equations_tensor(equations, "pool.gate.weight"), joined, WIDTH, 2 * WIDTH);
	map_vector(value, equations_tensor(equations, "pool.value.weight"), pooled, WIDTH, WIDTH);
	for (size_t c = 0; c < WIDTH; c++)
		fused[c] = own[c] + value[c] / (1 + exp(-gate[c] - equations_tensor(equations,
									   "pool.gate.bias")[c]));
}

const double *setting_hidden(const void *context, uint32_t index) {
	return ((const struct setting *)context)->hidden[index];
}

static void give_past(struct setting *setting) {
	float inputs[SERIES * INPUTS], features[SERIES * WIDTH];
	struct noise noise = { 8 };
	for (size_t t = 0; t < 3; t++) {
		noise_fill(&noise, inputs, SERIES * INPUTS, 1);
		xlstm_step(setting->model, setting->workspace, SERIES, setting->rows, inputs, NULL,
			NULL);
		xlstm_commit(setting->model, SERIES, setting->rows);
		xlstm_step(setting->plain, setting->plain_workspace, SERIES, setting->plain_rows,
			inputs, features, NULL);
	}
	for (size_t i = 0; i < SERIES * WIDTH; i++)
		setting->hidden[i / WIDTH][i % WIDTH] = (double)features[i];
	noise_fill(&noise, setting->inputs, SERIES * INPUTS, 1);
}

struct setting *setting_open(enum xlstm_pool kind, enum xlstm_instructions set) {
	struct setting *setting = calloc(1, sizeof(*setting));
	make_weights(kind, &setting->weights, &setting->plain_weights);
	make_lists(&setting->lists, 1);
	assert_int_equal(xlstm_model_create(&setting->model, setting->weights), 0);
	assert_int_equal(xlstm_model_create(&setting->plain, setting->plain_weights), 0);
	assert_int_equal(xlstm_workspace_create(&setting->workspace, setting->model, set), 0);
	assert_int_equal(xlstm_workspace_create(&setting->plain_workspace, setting->plain, set), 0);
	for (size_t i = 0; i < SERIES; i++) {
		setting->rows[i] = calloc(1, xlstm_state_size(setting->model));
		setting->plain_rows[i] = calloc(1, xlstm_state_size(setting->plain));
		setting->states[i] = setting->rows[i];
	}
	setting->lists.neighbours.states = setting->states;
	give_past(setting);
	return setting;
}

void setting_close(struct setting *setting) {
	for (size_t i = 0; i < SERIES; i++) {
		free(setting->rows[i]);
		free(setting->plain_rows[i]);
	}
	xlstm_workspace_destroy(setting->workspace);
	xlstm_workspace_destroy(setting->plain_workspace);
	xlstm_model_unref(setting->model);
	xlstm_model_unref(setting->plain);
	xlstm_weights_destroy(setting->weights);
	xlstm_weights_destroy(setting->plain_weights);
	free(setting);
}

/* The plain network's features at the step to come. */
void step_plain(struct setting *setting, float *features, float *outputs) {
	xlstm_step(setting->plain, setting->plain_workspace, SERIES, setting->plain_rows,
		setting->inputs, features, outputs);
	for (size_t i = 0; i < SERIES * WIDTH; i++)
		setting->own[i / WIDTH][i % WIDTH] = (double)features[i];
}

void step_among(struct setting *setting, float *features, float *outputs) {
	xlstm_step_among(setting->model, setting->workspace, SERIES, setting->rows, setting->inputs,
		&setting->lists.neighbours, features, outputs);
}
