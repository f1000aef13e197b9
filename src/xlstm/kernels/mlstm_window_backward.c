/* SPDX-License-Identifier: Apache-2.0 */
/* The mLSTM cell over a window, backward: see mlstm_chunk.h. */
#include "mlstm_chunk.h"

#include "functions.h"

#include <math.h>
#include <string.h>

struct chunk_slope {
	bool last; /* the state after it has no gradient */
	struct const_rows h;
	struct rows q, k, v, input_gate, forget_gate;
	/* scratch */
	float *matrix, *normaliser; /* of the state after the chunk, then before it */
	float *numerator; /* [CHUNK, values] */
	float *dot; /* [CHUNK] */
	float *scores; /* [CHUNK, CHUNK] of Q K', as far as chunk->kept.scores */
	float *weighted; /* [CHUNK, values] */
	float *matrix_turned; /* [values, keys] */
};

static void cut(struct chunk_slope *slope, size_t keys, size_t values, struct scratch *scratch) {
	slope->matrix = take(scratch, keys * values);
	slope->normaliser = take(scratch, keys);
	slope->numerator = take(scratch, CHUNK * values);
	slope->dot = take(scratch, CHUNK);
	slope->scores = take(scratch, CHUNK * CHUNK);
	slope->weighted = take(scratch, CHUNK * values);
	slope->matrix_turned = take(scratch, keys * values);
}

static void slope_of_division(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t values = chunk->values;
	for (size_t j = 0; j < chunk->steps; j++) {
		const float *dh = slope->h.values + j * slope->h.stride;
		const float *h = chunk->h.values + j * chunk->h.stride;
		float through = KERNEL(dot_product)(dh, h, values);
		scale_to(slope->numerator + j * values, dh, chunk->kept.weight[j], values);
		slope->dot[j] = -through * chunk->kept.weight[j] * chunk->kept.gain[j];
	}
}

static void slope_of_scores(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t steps = chunk->steps;
	KERNEL(turn)(chunk->turned, CHUNK, chunk->v, steps, chunk->values);
	multiply_to_lower(slope->scores, (struct const_rows){ slope->numerator, chunk->values },
		(struct const_rows){ chunk->turned, CHUNK }, steps, chunk->values);
	for (size_t j = 0; j < steps; j++) {
		float *scores = slope->scores + j * CHUNK, dot = slope->dot[j];
		const float *reach = chunk->kept.reach + j * CHUNK;
		for (size_t r = 0; r < j / BAND * BAND + BAND; r++)
			scores[r] = (scores[r] + dot) * reach[r];
	}
}

/* dv = S' dnum + carried keys dC */
static void slope_of_values(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t values = chunk->values, keys = chunk->keys, steps = chunk->steps;
	multiply_lower_turned(slope->v, chunk->kept.scores,
		(struct const_rows){ slope->numerator, values }, steps, values);
	if (!slope->last)
		matrix_product(slope->v, (struct strided){ chunk->carried_keys, keys, 1 },
			(struct const_rows){ slope->matrix, values }, steps, keys, values, true);
}

/* dq = dA K + rho (C dnum + n ddot) */
static void slope_of_queries(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t values = chunk->values, keys = chunk->keys, steps = chunk->steps;
	for (size_t j = 0; j < steps; j++)
		scale_to(slope->weighted + j * values, slope->numerator + j * values,
			chunk->kept.rho[j], values);
	KERNEL(turn)
	(slope->matrix_turned, keys, (struct const_rows){ chunk->matrix, values }, keys, values);
	multiply_lower(slope->q, slope->scores, chunk->k, steps, keys);
	matrix_product(slope->q, (struct strided){ slope->weighted, values, 1 },
		(struct const_rows){ slope->matrix_turned, keys }, steps, values, keys, true);
	for (size_t j = 0; j < steps; j++)
		add_scaled(slope->q.values + j * slope->q.stride, chunk->normaliser,
			chunk->kept.rho[j] * slope->dot[j], keys);
}

/* dk = dA' Q + carry (dC v + dn) */
static void slope_of_keys(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t values = chunk->values, keys = chunk->keys, steps = chunk->steps;
	const float *carry = chunk->kept.reach + (steps - 1) * CHUNK;

	multiply_lower_turned(slope->k, slope->scores, chunk->q, steps, keys);
	if (slope->last)
		return;
	for (size_t r = 0; r < steps; r++)
		scale_to(slope->weighted + r * values, chunk->v.values + r * chunk->v.stride,
			carry[r], values);
	KERNEL(turn)
	(slope->matrix_turned, keys, (struct const_rows){ slope->matrix, values }, keys, values);
	matrix_product(slope->k, (struct strided){ slope->weighted, values, 1 },
		(struct const_rows){ slope->matrix_turned, keys }, steps, values, keys, true);
	for (size_t r = 0; r < steps; r++)
		add_scaled(
			slope->k.values + r * slope->k.stride, slope->normaliser, carry[r], keys);
}

/* From the state after the chunk to the one before it. */
static void slope_of_state(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t values = chunk->values, keys = chunk->keys, steps = chunk->steps;
	float keep = chunk->kept.rho[steps - 1];

	scale(slope->matrix, keep, keys * values);
	matrix_product((struct rows){ slope->matrix, values },
		(struct strided){ chunk->queries, 1, keys },
		(struct const_rows){ slope->numerator, values }, keys, steps, values, true);
	scale(slope->normaliser, keep, keys);
	for (size_t j = 0; j < steps; j++)
		add_scaled(slope->normaliser, chunk->queries + j * keys, slope->dot[j], keys);
}

static double double_product(const float *a, const float *b, size_t count) {
	double sums[8] = { 0 }, sum = 0;
	size_t i = 0;
	for (; i + 8 <= count; i += 8)
		for (size_t j = 0; j < 8; j++)
			sums[j] += (double)a[i + j] * b[i + j];
	for (; i < count; i++)
		sum += (double)a[i] * b[i];
	for (size_t j = 0; j < 8; j++)
		sum += sums[j];
	return sum;
}

/* sigmoid(-x), the slope of log(sigmoid(x)). */
static void log_sigmoid_slopes(float slopes[CHUNK], const float *x, size_t count) {
	for (size_t j = 0; j < count; j++)
		slopes[j] = -x[j];
	KERNEL(sigmoid)(slopes, slopes, count);
}

/*
 * No matrix is needed for the gates: the logarithm of the input gate has the slope k_t dk_t, that of
 * the forget gate the sum of q_s dq_s - k_s dk_s from step t to the end. The sum nearly cancels,
 * hence double.
 */
static void slope_of_gates(
	const struct chunk_slope *slope, const struct chunk *chunk, double *running) {
	float forget[CHUNK], input[CHUNK];
	log_sigmoid_slopes(forget, chunk->kept.forget, chunk->steps);
	if (chunk->logistic)
		log_sigmoid_slopes(input, chunk->kept.input, chunk->steps);
	for (size_t j = chunk->steps; j-- > 0;) {
		double through_k = double_product(chunk->k.values + j * chunk->k.stride,
			slope->k.values + j * slope->k.stride, chunk->keys);
		double through_q = double_product(chunk->q.values + j * chunk->q.stride,
			slope->q.values + j * slope->q.stride, chunk->keys);
		*running += through_q - through_k;
		slope->input_gate.values[j * slope->input_gate.stride] =
			(float)(chunk->logistic ? input[j] * through_k : through_k);
		slope->forget_gate.values[j * slope->forget_gate.stride] =
			(float)(forget[j] * *running);
	}
}

static struct chunk_slope slope_at(const struct mlstm_window *window,
	const struct mlstm_window_slope *slope, size_t head, size_t first) {
	size_t key = head * window->keys, value = head * window->values;
	return (struct chunk_slope){
		.h = rows_from(slope->h, first, value),
		.q = rows_to(slope->q, first, key),
		.k = rows_to(slope->k, first, key),
		.v = rows_to(slope->v, first, value),
		.input_gate = rows_to(slope->input_gate, first, head),
		.forget_gate = rows_to(slope->forget_gate, first, head),
	};
}

static struct chunk chunk_at_start(
	const struct mlstm_window *window, size_t head, size_t first, struct scratch scratch) {
	struct chunk chunk = KERNEL(chunk_of)(window, head, first, scratch);
	chunk.matrix = chunk.kept.matrix;
	chunk.normaliser = chunk.kept.normaliser;
	chunk.stabiliser = chunk.kept.stabiliser;
	return chunk;
}

static void head_backward(
	const struct mlstm_window *window, const struct mlstm_window_slope *slopes, size_t head) {
	size_t keys = window->keys, values = window->values;
	size_t chunks = (window->steps + CHUNK - 1) / CHUNK;
	double running = 0;

	for (size_t i = chunks; i-- > 0;) {
		struct scratch scratch = { window->scratch };
		struct chunk_slope slope = slope_at(window, slopes, head, i * CHUNK);
		cut(&slope, keys, values, &scratch);
		slope.last = i + 1 == chunks;
		if (slope.last) {
			memset(slope.matrix, 0, keys * values * sizeof(float));
			memset(slope.normaliser, 0, keys * sizeof(float));
		}

		struct chunk chunk = chunk_at_start(window, head, i * CHUNK, scratch);
		KERNEL(scale_keys_and_queries)(&chunk);
		slope_of_division(&slope, &chunk);
		slope_of_scores(&slope, &chunk);
		slope_of_values(&slope, &chunk);
		slope_of_queries(&slope, &chunk);
		slope_of_keys(&slope, &chunk);
		slope_of_gates(&slope, &chunk, &running);
		if (i > 0)
			slope_of_state(&slope, &chunk);
	}
}

void KERNEL(mlstm_window_backward)(
	const struct mlstm_window *window, const struct mlstm_window_slope *slope) {
	for (size_t head = 0; head < window->heads; head++)
		head_backward(window, slope, head);
}
