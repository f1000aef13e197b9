/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM cell over a window, forward: see mlstm_chunk.h. */
#include "mlstm_chunk.h"

#include "functions.h"

#include <math.h>
#include <string.h>

static struct kept cut_kept(float *at, size_t keys, size_t values) {
	struct kept kept;
	kept.reach = at;
	kept.scores = kept.reach + CHUNK * CHUNK;
	kept.input = kept.scores + CHUNK * CHUNK;
	kept.forget = kept.input + CHUNK;
	kept.rho = kept.forget + CHUNK;
	kept.weight = kept.rho + CHUNK;
	kept.gain = kept.weight + CHUNK;
	kept.matrix = kept.gain + CHUNK;
	kept.normaliser = kept.matrix + keys * values;
	kept.stabiliser = kept.normaliser + keys;
	return kept;
}

/* Where the window keeps nothing, there is room in the scratch memory. */
static struct kept kept_of(
	const struct mlstm_window *window, size_t head, size_t first, struct scratch *scratch) {
	size_t each = mlstm_kept_floats(window->keys, window->values);
	float *at = window->kept ? window->kept + (first / CHUNK * window->heads + head) * each
				 : take(scratch, each);
	return cut_kept(at, window->keys, window->values);
}

struct chunk KERNEL(chunk_of)(
	const struct mlstm_window *window, size_t head, size_t first, struct scratch scratch) {
	size_t left = window->steps - first;
	size_t key = head * window->keys, value = head * window->values;
	struct chunk chunk = {
		.keys = window->keys,
		.values = window->values,
		.steps = left < CHUNK ? left : CHUNK,
		.logistic = window->logistic,
		.q = rows_from(window->q, first, key),
		.k = rows_from(window->k, first, key),
		.v = rows_from(window->v, first, value),
		.input_gate = rows_from(window->input_gate, first, head),
		.forget_gate = rows_from(window->forget_gate, first, head),
		.h = rows_to(window->h, first, value),
		.matrix = window->matrix + key * window->values,
		.normaliser = window->normaliser + key,
		.stabiliser = window->stabiliser + head,
	};
	size_t widest = chunk.keys > chunk.values ? chunk.keys : chunk.values;
	chunk.kept = kept_of(window, head, first, &scratch);
	chunk.turned = take(&scratch, CHUNK * widest);
	chunk.carried_keys = take(&scratch, CHUNK * chunk.keys);
	chunk.queries = take(&scratch, CHUNK * chunk.keys);
	return chunk;
}

/* e^row / root up to column j, zero behind. */
static void weigh_row(float *row, size_t j, float over_root) {
	for (size_t r = 0; r <= j; r += LANES)
		vec_store(row + r, vec_exp(vec_load(row + r)) * over_root);
	memset(row + j + 1, 0, (CHUNK - j - 1) * sizeof(float));
}

/* P, rho, the stabiliser at the end, and for each step s and floor (into weight and gain, for
 * divide() to take up). */
static void weigh(struct chunk *chunk) {
	double sum = 0, start = *chunk->stabiliser, most = start, b[CHUNK];
	float logs[CHUNK], inputs[CHUNK], over_root = 1.0f / sqrtf((float)chunk->keys);
	size_t steps = chunk->steps;

	for (size_t j = 0; j < steps; j++) {
		chunk->kept.forget[j] = chunk->forget_gate.values[j * chunk->forget_gate.stride];
		chunk->kept.input[j] = chunk->input_gate.values[j * chunk->input_gate.stride];
	}
	KERNEL(log_sigmoid)(logs, chunk->kept.forget, steps);
	if (chunk->logistic)
		KERNEL(log_sigmoid)(inputs, chunk->kept.input, steps);
	else
		memcpy(inputs, chunk->kept.input, steps * sizeof(float));
	for (size_t j = 0; j < steps; j++) {
		float *row = chunk->kept.reach + j * CHUNK;
		sum += logs[j];
		b[j] = inputs[j] - sum;
		most = chunk->logistic ? -sum : fmax(most, b[j]);
		for (size_t r = 0; r <= j; r++)
			row[r] = (float)(b[r] - most);
		chunk->kept.rho[j] = (float)(start - most);
		chunk->end = sum + most;
		chunk->kept.weight[j] = (float)fmin(chunk->end, 0);
		chunk->kept.gain[j] = (float)-fmax(chunk->end, 0);
	}
	for (size_t j = 0; j < steps; j++)
		weigh_row(chunk->kept.reach + j * CHUNK, j, over_root);
	KERNEL(exp)(chunk->kept.rho, chunk->kept.rho, steps);
	KERNEL(exp)(chunk->kept.weight, chunk->kept.weight, steps);
	KERNEL(exp)(chunk->kept.gain, chunk->kept.gain, steps);
}

typedef float quad __attribute__((vector_size(16)));

/* Four rows of four. */
static inline void turn_quads(float *to, size_t to_stride, const float *from, size_t stride) {
	quad a, b, c, d;
	memcpy(&a, from, sizeof(a));
	memcpy(&b, from + stride, sizeof(b));
	memcpy(&c, from + 2 * stride, sizeof(c));
	memcpy(&d, from + 3 * stride, sizeof(d));
	quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
	quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
	quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
	quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
	a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
	b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
	c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
	d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
	memcpy(to, &a, sizeof(a));
	memcpy(to + to_stride, &b, sizeof(b));
	memcpy(to + 2 * to_stride, &c, sizeof(c));
	memcpy(to + 3 * to_stride, &d, sizeof(d));
}

void KERNEL(turn)(
	float *to, size_t to_stride, struct const_rows from, size_t rows, size_t columns) {
	size_t i = 0;
	for (; i + 4 <= rows; i += 4) {
		size_t j = 0;
		for (; j + 4 <= columns; j += 4)
			turn_quads(to + j * to_stride + i, to_stride,
				from.values + i * from.stride + j, from.stride);
		for (; j < columns; j++)
			for (size_t k = i; k < i + 4; k++)
				to[j * to_stride + k] = from.values[k * from.stride + j];
	}
	for (; i < rows; i++)
		for (size_t j = 0; j < columns; j++)
			to[j * to_stride + i] = from.values[i * from.stride + j];
}

static vec products(const float *a, const float *b, size_t count) {
	vec sum = { 0 };
	for (size_t i = 0; i < count; i += LANES)
		sum += vec_load_up_to(a + i, count - i) * vec_load_up_to(b + i, count - i);
	return sum;
}

float KERNEL(dot_product)(const float *a, const float *b, size_t count) {
	return vec_sum(products(a, b, count));
}

void KERNEL(scale_keys_and_queries)(const struct chunk *chunk) {
	const float *carry = chunk->kept.reach + (chunk->steps - 1) * CHUNK;
	size_t keys = chunk->keys;

	for (size_t j = 0; j < chunk->steps; j++) {
		scale_to(chunk->carried_keys + j * keys, chunk->k.values + j * chunk->k.stride,
			carry[j], keys);
		scale_to(chunk->queries + j * keys, chunk->q.values + j * chunk->q.stride,
			chunk->kept.rho[j], keys);
	}
}

static void score(const struct chunk *chunk) {
	size_t steps = chunk->steps;
	KERNEL(turn)(chunk->turned, CHUNK, chunk->k, steps, chunk->keys);
	multiply_to_lower(chunk->kept.scores, chunk->q, (struct const_rows){ chunk->turned, CHUNK },
		steps, chunk->keys);
	for (size_t j = 0; j < steps; j++) {
		float *scores = chunk->kept.scores + j * CHUNK;
		const float *reach = chunk->kept.reach + j * CHUNK;
		for (size_t r = 0; r < j / BAND * BAND + BAND; r++)
			scores[r] *= reach[r];
	}
}

/* From s and floor the factor on num and the sign that its gradient takes. */
static void divide(const struct chunk *chunk) {
	for (size_t j = 0; j < chunk->steps; j++) {
		float s = chunk->kept.weight[j], floor = chunk->kept.gain[j];
		vec sum =
			products(chunk->queries + j * chunk->keys, chunk->normaliser, chunk->keys);
		for (size_t r = 0; r <= j; r += LANES)
			sum += vec_load(chunk->kept.scores + j * CHUNK + r);
		float dot = vec_sum(sum), size = fabsf(dot) * s;
		chunk->kept.weight[j] = s / (fmaxf(size, floor) + 1e-6f * s);
		chunk->kept.gain[j] = size > floor ? copysignf(1.0f, dot) : 0.0f;
	}
}

static void read_out(const struct chunk *chunk) {
	size_t steps = chunk->steps, values = chunk->values;
	multiply_lower(chunk->h, chunk->kept.scores, chunk->v, steps, values);
	matrix_product(chunk->h, (struct strided){ chunk->queries, chunk->keys, 1 },
		(struct const_rows){ chunk->matrix, values }, steps, chunk->keys, values, true);
	for (size_t j = 0; j < steps; j++)
		scale(chunk->h.values + j * chunk->h.stride, chunk->kept.weight[j], values);
}

static void carry_on(const struct chunk *chunk) {
	size_t keys = chunk->keys, values = chunk->values, steps = chunk->steps;
	float keep = chunk->kept.rho[steps - 1];

	scale(chunk->matrix, keep, keys * values);
	matrix_product((struct rows){ chunk->matrix, values },
		(struct strided){ chunk->carried_keys, 1, keys }, chunk->v, keys, steps, values,
		true);
	scale(chunk->normaliser, keep, keys);
	for (size_t r = 0; r < steps; r++)
		KERNEL(add)(chunk->normaliser, chunk->carried_keys + r * keys, keys);
	*chunk->stabiliser = (float)chunk->end;
}

static void keep_start(const struct chunk *chunk) {
	const struct kept *kept = &chunk->kept;
	memcpy(kept->matrix, chunk->matrix, chunk->keys * chunk->values * sizeof(float));
	memcpy(kept->normaliser, chunk->normaliser, chunk->keys * sizeof(float));
	*kept->stabiliser = *chunk->stabiliser;
}

void KERNEL(mlstm_window)(const struct mlstm_window *window) {
	struct scratch scratch = { window->scratch };
	for (size_t head = 0; head < window->heads; head++)
		for (size_t first = 0; first < window->steps; first += CHUNK) {
			struct chunk chunk = KERNEL(chunk_of)(window, head, first, scratch);
			if (window->kept)
				keep_start(&chunk);
			weigh(&chunk);
			KERNEL(scale_keys_and_queries)(&chunk);
			score(&chunk);
			divide(&chunk);
			read_out(&chunk);
			carry_on(&chunk);
		}
}
