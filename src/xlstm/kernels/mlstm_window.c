/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mLSTM cell over a window of steps, in chunks: inside a chunk as products of small matrices,
 * between chunks through the state. The same function as the step form, to rounding.
 *
 * Within a chunk let L_j be the sum of log(sigmoid(f)) up to step j, b_r = i_r - L_r, m the
 * stabiliser before the chunk and B_j = max(m, b_1 .. b_j). Then the step form's stabiliser is
 * m_j = L_j + B_j, step r reaches step j with the weight P_jr = e^(b_r - B_j) and the state before
 * the chunk with rho_j = e^(m - B_j). The last row of P and the last rho carry the state on. With
 * k scaled by 1/sqrt(p) and S = (Q K') * P:
 *
 *	num = S V + rho Q C    dot = rowsum(S) + rho Q n
 *	h = num s / (max(|dot| s, floor) + 1e-6 s),  s = e^min(m_j,0), floor = e^-max(m_j,0)
 *
 * L and b are kept in double: with gates far from zero their differences would lose all digits.
 */
#include "functions.h"
#include "kernels.h"
#include "moments.h"

#include <string.h>

enum { CHUNK = MLSTM_CHUNK };

/* One head in one chunk. */
struct chunk {
	size_t units, steps; /* steps of this chunk, at most CHUNK */
	struct const_rows q, k, v, input_gate, forget_gate;
	struct rows h;
	float *matrix, *normaliser, *stabiliser; /* before the chunk */
	/* scratch */
	float *forget; /* [CHUNK] pre-activations, gathered */
	float *reach; /* [CHUNK, CHUNK] P, zero above the diagonal */
	float *scores; /* [CHUNK, CHUNK] S */
	float *rho; /* [CHUNK] */
	float *dot, *weight; /* [CHUNK] h = num * weight */
	float *gain; /* [CHUNK] 1 where |dot| is what divides, with its sign */
	float *keys; /* [CHUNK, units] k / sqrt(p) */
	float *keys_turned; /* [units, CHUNK] */
	float *carried_keys; /* [CHUNK, units] keys times the last row of P */
	float *queries; /* [CHUNK, units] rho q */
	double end; /* the stabiliser after the chunk */
};

struct scratch {
	float *at;
};

static float *take(struct scratch *scratch, size_t floats) {
	float *taken = scratch->at;
	scratch->at += (floats + 15) / 16 * 16;
	return taken;
}

static void cut(struct chunk *chunk, struct scratch *scratch) {
	size_t wide = CHUNK * chunk->units;
	chunk->forget = take(scratch, CHUNK);
	chunk->rho = take(scratch, CHUNK);
	chunk->dot = take(scratch, CHUNK);
	chunk->weight = take(scratch, CHUNK);
	chunk->gain = take(scratch, CHUNK);
	chunk->reach = take(scratch, CHUNK * CHUNK);
	chunk->scores = take(scratch, CHUNK * CHUNK);
	chunk->keys = take(scratch, wide);
	chunk->keys_turned = take(scratch, wide);
	chunk->carried_keys = take(scratch, wide);
	chunk->queries = take(scratch, wide);
}

static struct const_rows rows_from(struct const_rows rows, size_t step, size_t column) {
	return (struct const_rows){ rows.values + step * rows.stride + column, rows.stride };
}

static struct rows rows_to(struct rows rows, size_t step, size_t column) {
	return (struct rows){ rows.values + step * rows.stride + column, rows.stride };
}

static struct chunk chunk_of(
	const struct mlstm_window *window, size_t head, size_t first, struct scratch scratch) {
	size_t units = window->units, left = window->steps - first, at = head * units;
	struct chunk chunk = {
		.units = units,
		.steps = left < CHUNK ? left : CHUNK,
		.q = rows_from(window->q, first, at),
		.k = rows_from(window->k, first, at),
		.v = rows_from(window->v, first, at),
		.input_gate = rows_from(window->input_gate, first, head),
		.forget_gate = rows_from(window->forget_gate, first, head),
		.h = rows_to(window->h, first, at),
		.matrix = window->matrix + at * units,
		.normaliser = window->normaliser + at,
		.stabiliser = window->stabiliser + head,
	};
	cut(&chunk, &scratch);
	return chunk;
}

/* P, rho, the stabiliser at the end, and for each step s and floor (into weight and gain, for
 * divide() to take up). */
static void weigh(struct chunk *chunk) {
	double sum = 0, start = *chunk->stabiliser, most = start, b[CHUNK];
	float logs[CHUNK];
	size_t steps = chunk->steps;

	for (size_t j = 0; j < steps; j++)
		chunk->forget[j] = chunk->forget_gate.values[j * chunk->forget_gate.stride];
	KERNEL(log_sigmoid)(logs, chunk->forget, steps);
	for (size_t j = 0; j < steps; j++) {
		sum += logs[j];
		b[j] = chunk->input_gate.values[j * chunk->input_gate.stride] - sum;
		most = fmax(most, b[j]);
		float *row = chunk->reach + j * CHUNK;
		for (size_t r = 0; r <= j; r++)
			row[r] = (float)(b[r] - most);
		chunk->rho[j] = (float)(start - most);
		chunk->end = sum + most;
		chunk->weight[j] = (float)fmin(chunk->end, 0);
		chunk->gain[j] = (float)-fmax(chunk->end, 0);
		KERNEL(exp)(row, row, j + 1);
		memset(row + j + 1, 0, (CHUNK - j - 1) * sizeof(float));
	}
	KERNEL(exp)(chunk->rho, chunk->rho, steps);
	KERNEL(exp)(chunk->weight, chunk->weight, steps);
	KERNEL(exp)(chunk->gain, chunk->gain, steps);
}

static void scale_to(float *to, const float *from, float factor, size_t count) {
	for (size_t i = 0; i < count; i++)
		to[i] = factor * from[i];
}

static void add_scaled(float *to, const float *from, float factor, size_t count) {
	for (size_t i = 0; i < count; i++)
		to[i] += factor * from[i];
}

/* y (+)= a b */
static void multiply(struct rows y, struct strided a, struct const_rows b, size_t rows,
	size_t inner, size_t columns, bool add) {
	KERNEL(product)(y, a, b, rows, inner, columns, add);
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

/* [rows, columns] to [columns, to_stride]. */
static void turn(float *to, size_t to_stride, struct const_rows from, size_t rows, size_t columns) {
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

static float dot_product(const float *a, const float *b, size_t count) {
	vec sum = { 0 };
	for (size_t i = 0; i < count; i += LANES)
		sum += vec_load_up_to(a + i, count - i) * vec_load_up_to(b + i, count - i);
	return vec_sum(sum);
}

static void scale_keys_and_queries(struct chunk *chunk) {
	size_t units = chunk->units;
	float root = 1.0f / sqrtf((float)units);
	const float *carry = chunk->reach + (chunk->steps - 1) * CHUNK;

	for (size_t j = 0; j < chunk->steps; j++) {
		float *key = chunk->keys + j * units;
		scale_to(key, chunk->k.values + j * chunk->k.stride, root, units);
		scale_to(chunk->carried_keys + j * units, key, carry[j], units);
		scale_to(chunk->queries + j * units, chunk->q.values + j * chunk->q.stride,
			chunk->rho[j], units);
	}
	turn(chunk->keys_turned, CHUNK, (struct const_rows){ chunk->keys, units }, chunk->steps,
		units);
}

static void score(struct chunk *chunk) {
	size_t steps = chunk->steps;
	multiply((struct rows){ chunk->scores, CHUNK },
		(struct strided){ chunk->q.values, chunk->q.stride, 1 },
		(struct const_rows){ chunk->keys_turned, CHUNK }, steps, chunk->units, steps,
		false);
	for (size_t j = 0; j < steps; j++)
		for (size_t r = 0; r < steps; r++)
			chunk->scores[j * CHUNK + r] *= chunk->reach[j * CHUNK + r];
}

/* dot, and from s and floor the factor on num and the sign that its gradient takes. */
static void divide(struct chunk *chunk) {
	for (size_t j = 0; j < chunk->steps; j++) {
		float s = chunk->weight[j], floor = chunk->gain[j];
		float dot = sum_of(chunk->scores + j * CHUNK, chunk->steps) +
			    dot_product(chunk->queries + j * chunk->units, chunk->normaliser,
				    chunk->units);
		float size = fabsf(dot) * s;
		chunk->dot[j] = dot;
		chunk->weight[j] = s / (fmaxf(size, floor) + 1e-6f * s);
		chunk->gain[j] = size > floor ? copysignf(1.0f, dot) : 0.0f;
	}
}

static void prepare(struct chunk *chunk) {
	weigh(chunk);
	scale_keys_and_queries(chunk);
	score(chunk);
	divide(chunk);
}

static void read_out(const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	multiply(chunk->h, (struct strided){ chunk->scores, CHUNK, 1 }, chunk->v, steps, steps,
		units, false);
	multiply(chunk->h, (struct strided){ chunk->queries, units, 1 },
		(struct const_rows){ chunk->matrix, units }, steps, units, units, true);
	for (size_t j = 0; j < steps; j++) {
		float *h = chunk->h.values + j * chunk->h.stride;
		scale_to(h, h, chunk->weight[j], units);
	}
}

static void carry_on(const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	float keep = chunk->rho[steps - 1];

	scale_to(chunk->matrix, chunk->matrix, keep, units * units);
	multiply((struct rows){ chunk->matrix, units },
		(struct strided){ chunk->carried_keys, 1, units }, chunk->v, units, steps, units,
		true);
	scale_to(chunk->normaliser, chunk->normaliser, keep, units);
	for (size_t r = 0; r < steps; r++)
		KERNEL(add)(chunk->normaliser, chunk->carried_keys + r * units, units);
	*chunk->stabiliser = (float)chunk->end;
}

/* States before a chunk: all matrices, all normalisers, all stabilisers. */
static float *start_of(const struct mlstm_window *window, size_t first) {
	return window->starts + first / CHUNK * mlstm_start_floats(window->heads, window->units);
}

static void keep_start(
	const struct mlstm_window *window, const struct chunk *chunk, size_t head, size_t first) {
	size_t units = window->units, heads = window->heads;
	float *start = start_of(window, first);
	memcpy(start + head * units * units, chunk->matrix, units * units * sizeof(float));
	start += heads * units * units;
	memcpy(start + head * units, chunk->normaliser, units * sizeof(float));
	start[heads * units + head] = *chunk->stabiliser;
}

void KERNEL(mlstm_window)(const struct mlstm_window *window) {
	for (size_t head = 0; head < window->heads; head++)
		for (size_t first = 0; first < window->steps; first += CHUNK) {
			struct chunk chunk =
				chunk_of(window, head, first, (struct scratch){ window->scratch });
			if (window->starts)
				keep_start(window, &chunk, head, first);
			prepare(&chunk);
			read_out(&chunk);
			carry_on(&chunk);
		}
}

/* Backward. */

struct chunk_slope {
	bool last; /* the state after it has no gradient */
	struct const_rows h;
	struct rows q, k, v, input_gate, forget_gate;
	/* scratch */
	float *matrix, *normaliser; /* of the state after the chunk, then before it */
	float *numerator; /* [CHUNK, units] */
	float *dot; /* [CHUNK] */
	float *scores; /* [CHUNK, CHUNK] of Q K' */
	float *values_turned; /* [units, CHUNK] */
	float *weighted; /* [CHUNK, units] */
	float *matrix_turned; /* [units, units] */
};

static void cut_slope(struct chunk_slope *slope, size_t units, struct scratch *scratch) {
	slope->matrix = take(scratch, units * units);
	slope->normaliser = take(scratch, units);
	slope->numerator = take(scratch, CHUNK * units);
	slope->dot = take(scratch, CHUNK);
	slope->scores = take(scratch, CHUNK * CHUNK);
	slope->values_turned = take(scratch, CHUNK * units);
	slope->weighted = take(scratch, CHUNK * units);
	slope->matrix_turned = take(scratch, units * units);
}

static void slope_of_division(struct chunk_slope *slope, const struct chunk *chunk) {
	size_t units = chunk->units;
	for (size_t j = 0; j < chunk->steps; j++) {
		const float *dh = slope->h.values + j * slope->h.stride;
		const float *h = chunk->h.values + j * chunk->h.stride;
		scale_to(slope->numerator + j * units, dh, chunk->weight[j], units);
		slope->dot[j] = -dot_product(dh, h, units) * chunk->weight[j] * chunk->gain[j];
	}
}

static void slope_of_scores(struct chunk_slope *slope, const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	turn(slope->values_turned, CHUNK, chunk->v, steps, units);
	multiply((struct rows){ slope->scores, CHUNK },
		(struct strided){ slope->numerator, units, 1 },
		(struct const_rows){ slope->values_turned, CHUNK }, steps, units, steps, false);
	for (size_t j = 0; j < steps; j++)
		for (size_t r = 0; r < steps; r++) {
			float *score = &slope->scores[j * CHUNK + r];
			*score = (*score + slope->dot[j]) * chunk->reach[j * CHUNK + r];
		}
}

/* dv = S' dnum + carried keys dC */
static void slope_of_values(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	multiply(slope->v, (struct strided){ chunk->scores, 1, CHUNK },
		(struct const_rows){ slope->numerator, units }, steps, steps, units, false);
	if (slope->last)
		return;
	multiply(slope->v, (struct strided){ chunk->carried_keys, units, 1 },
		(struct const_rows){ slope->matrix, units }, steps, units, units, true);
}

/* dq = dA K + rho (C dnum + n ddot) */
static void slope_of_queries(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	for (size_t j = 0; j < steps; j++)
		scale_to(slope->weighted + j * units, slope->numerator + j * units, chunk->rho[j],
			units);
	turn(slope->matrix_turned, units, (struct const_rows){ chunk->matrix, units }, units,
		units);
	multiply(slope->q, (struct strided){ slope->scores, CHUNK, 1 },
		(struct const_rows){ chunk->keys, units }, steps, steps, units, false);
	multiply(slope->q, (struct strided){ slope->weighted, units, 1 },
		(struct const_rows){ slope->matrix_turned, units }, steps, units, units, true);
	for (size_t j = 0; j < steps; j++)
		add_scaled(slope->q.values + j * slope->q.stride, chunk->normaliser,
			chunk->rho[j] * slope->dot[j], units);
}

/* dk = (dA' Q + carry (dC v + dn)) / sqrt(p) */
static void slope_of_keys(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	const float *carry = chunk->reach + (steps - 1) * CHUNK;
	float root = 1.0f / sqrtf((float)units);

	multiply(slope->k, (struct strided){ slope->scores, 1, CHUNK }, chunk->q, steps, steps,
		units, false);
	if (!slope->last) {
		for (size_t r = 0; r < steps; r++)
			scale_to(slope->weighted + r * units, chunk->v.values + r * chunk->v.stride,
				carry[r], units);
		turn(slope->matrix_turned, units, (struct const_rows){ slope->matrix, units },
			units, units);
		multiply(slope->k, (struct strided){ slope->weighted, units, 1 },
			(struct const_rows){ slope->matrix_turned, units }, steps, units, units,
			true);
	}
	for (size_t r = 0; r < steps; r++) {
		float *dk = slope->k.values + r * slope->k.stride;
		add_scaled(dk, slope->normaliser, carry[r], units);
		scale_to(dk, dk, root, units);
	}
}

/* From the state after the chunk to the one before it. */
static void slope_of_state(const struct chunk_slope *slope, const struct chunk *chunk) {
	size_t units = chunk->units, steps = chunk->steps;
	float keep = chunk->rho[steps - 1];

	scale_to(slope->matrix, slope->matrix, keep, units * units);
	multiply((struct rows){ slope->matrix, units },
		(struct strided){ chunk->queries, 1, units },
		(struct const_rows){ slope->numerator, units }, units, steps, units, true);
	scale_to(slope->normaliser, slope->normaliser, keep, units);
	for (size_t j = 0; j < steps; j++)
		add_scaled(slope->normaliser, chunk->queries + j * units, slope->dot[j], units);
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

/*
 * No matrix is needed for the gates: di~_t = k_t dk_t, and df~_t = sigmoid(-f~_t) times the sum of
 * q_s dq_s - k_s dk_s from step t to the end. The sum nearly cancels, hence double.
 */
static void slope_of_gates(
	const struct chunk_slope *slope, const struct chunk *chunk, double *running) {
	float open[CHUNK];
	for (size_t j = 0; j < chunk->steps; j++)
		open[j] = -chunk->forget[j];
	KERNEL(sigmoid)(open, open, chunk->steps);
	for (size_t j = chunk->steps; j-- > 0;) {
		double through_k = double_product(chunk->k.values + j * chunk->k.stride,
			slope->k.values + j * slope->k.stride, chunk->units);
		double through_q = double_product(chunk->q.values + j * chunk->q.stride,
			slope->q.values + j * slope->q.stride, chunk->units);
		*running += through_q - through_k;
		slope->input_gate.values[j * slope->input_gate.stride] = (float)through_k;
		slope->forget_gate.values[j * slope->forget_gate.stride] =
			(float)(open[j] * *running);
	}
}

static struct chunk_slope slope_at(
	const struct mlstm_window_slope *slope, size_t units, size_t head, size_t first) {
	size_t at = head * units;
	return (struct chunk_slope){
		.h = rows_from(slope->h, first, at),
		.q = rows_to(slope->q, first, at),
		.k = rows_to(slope->k, first, at),
		.v = rows_to(slope->v, first, at),
		.input_gate = rows_to(slope->input_gate, first, head),
		.forget_gate = rows_to(slope->forget_gate, first, head),
	};
}

static void head_backward(
	const struct mlstm_window *window, const struct mlstm_window_slope *slopes, size_t head) {
	size_t units = window->units, heads = window->heads;
	size_t chunks = (window->steps + CHUNK - 1) / CHUNK;
	double running = 0;

	for (size_t i = chunks; i-- > 0;) {
		size_t first = i * CHUNK;
		float *start = start_of(window, first);
		struct scratch scratch = { window->scratch };
		struct chunk_slope slope = slope_at(slopes, units, head, first);
		cut_slope(&slope, units, &scratch);
		slope.last = i + 1 == chunks;
		if (slope.last) {
			memset(slope.matrix, 0, units * units * sizeof(float));
			memset(slope.normaliser, 0, units * sizeof(float));
		}

		struct chunk chunk = chunk_of(window, head, first, scratch);
		chunk.matrix = start + head * units * units;
		chunk.normaliser = start + heads * units * units + head * units;
		chunk.stabiliser = start + heads * units * (units + 1) + head;
		prepare(&chunk);
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
