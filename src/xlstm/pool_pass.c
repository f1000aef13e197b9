/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours over windows, in both directions: series of one pass see each other. */
#include "pool.h"

#include <math.h>
#include <string.h>

/* The hidden vector of a series before a step of the window; behind the last one for step `steps`. */
static float *hidden_at(
	const struct pass *pass, const struct pool_saved *saved, size_t series, size_t step) {
	return saved->hidden + (series * (pass->steps + 1) + step) * pass->width;
}

static void keep_hidden(const struct layout *layout, const struct pass *pass,
	const struct pool_saved *saved, const float *own) {
	size_t bytes = pass->width * sizeof(float);
	for (size_t i = 0; i < pass->series; i++) {
		const float *start = pass->starts + i * pass->state_floats;
		float *row = pass->rows[i], *last = hidden_at(pass, saved, i, pass->steps);
		memcpy(hidden_at(pass, saved, i, 0), start + layout->hidden_at, bytes);
		memcpy(hidden_at(pass, saved, i, 1), own + i * pass->steps * pass->width,
			pass->steps * bytes);
		memcpy(row + layout->hidden_at, last, bytes);
		memcpy(row + layout->fresh_at, last, bytes);
	}
}

/* Who a token's series sees there, with their shares. */
static void view_token(struct pool_view *view, uint32_t *entries, const struct pool *pool,
	const struct pass *pass, const struct xlstm_neighbours *neighbours,
	const struct pool_saved *saved, size_t token) {
	size_t step = token % pass->steps;
	pool_collect(view, entries, pool->kind, neighbours, token / pass->steps, step, pass->steps);
	for (size_t j = 0; j < view->count; j++)
		view->hidden[j] = hidden_at(pass, saved, neighbours->indices[entries[j]], step);
	pool_share(view, pass->kernels, pool, saved->looks + token * pass->width);
}

static void look_out(const struct pool *pool, const struct pass *pass,
	const struct pool_saved *saved, const float *own) {
	struct rows queries = { saved->queries, pool->keys }, looks = { saved->looks, pass->width };
	if (pool->kind != XLSTM_ATTENTION_POOL)
		return;
	pass_map(pass, queries, ADD_BIAS, pool->query_bias, (struct const_rows){ own, pass->width },
		&pool->query);
	pass_map(pass, looks, ADD_NOTHING, NULL, (struct const_rows){ saved->queries, pool->keys },
		&pool->look);
}

static void join(const struct pool *pool, const struct pass *pass,
	const struct xlstm_neighbours *neighbours, const struct pool_saved *saved,
	const float *own) {
	size_t width = pass->width;
	for (size_t n = 0; n < pass->tokens; n++) {
		float *joined = saved->joined + 2 * n * width;
		uint32_t entries[XLSTM_NEIGHBOURS_MAX];
		struct pool_view view;
		view_token(&view, entries, pool, pass, neighbours, saved, n);
		memcpy(joined, own + n * width, width * sizeof(float));
		pool_sum(&view, pass->kernels, joined + width, width);
	}
}

void pool_forward(const struct pool *pool, const struct layout *layout, const struct pass *pass,
	const struct xlstm_neighbours *neighbours, const struct pool_saved *saved, const float *own,
	float *fused) {
	size_t width = pass->width, count = pass->tokens * width;
	struct const_rows joined = { saved->joined, 2 * width };
	struct const_rows pooled = { saved->joined + width, 2 * width };

	keep_hidden(layout, pass, saved, own);
	if (!neighbours) {
		memcpy(fused, own, count * sizeof(float));
		return;
	}
	look_out(pool, pass, saved, own);
	join(pool, pass, neighbours, saved, own);
	pass_map(pass, (struct rows){ saved->gates, width }, ADD_BIAS, pool->gate_bias, joined,
		&pool->gate);
	pass_map(pass, (struct rows){ saved->values, width }, ADD_NOTHING, NULL, pooled,
		&pool->value);
	/* Where nobody is seen the value is zero, so that own stays what it is. */
	pass->kernels->add_gated(fused, own, saved->gates, saved->values, count);
	pass->kernels->sigmoid(saved->gates, saved->gates, count);
}

/* The way back. */
struct way_back {
	const struct pool *pool;
	const struct pass *pass;
	const struct xlstm_neighbours *neighbours;
	const struct pool_saved *saved;
	float *stream; /* [tokens, width] slopes: of fused on the way in, of own on the way out */
	float *gradient;
	/* In the scratch, slopes: */
	float *gates, *values; /* [tokens, width] of gates before their sigmoid, and of V p */
	float *joined; /* [tokens, 2 width] */
	float *looks, *queries; /* [tokens, width], [tokens, keys] */
};

size_t pool_pass_scratch(const struct layout *layout, size_t tokens) {
	const struct xlstm_shape *shape = &layout->shape;
	return shape->pool ? tokens * (5 * (size_t)shape->width + shape->pool_keys) : 0;
}

static void lay_out(struct way_back *back) {
	size_t wide = back->pass->tokens * back->pass->width;
	back->gates = back->pass->scratch;
	back->values = back->gates + wide;
	back->joined = back->values + wide;
	back->looks = back->joined + 2 * wide;
	back->queries = back->looks + wide;
}

/* Through the gate. */
static void gate_back(const struct way_back *back) {
	const struct pool_saved *saved = back->saved;
	for (size_t i = 0; i < back->pass->tokens * back->pass->width; i++) {
		float gate = saved->gates[i], slope = back->stream[i];
		back->values[i] = slope * gate;
		back->gates[i] = slope * saved->values[i] * gate * (1 - gate);
	}
}

static void maps_back(const struct way_back *back, const struct xlstm_weights *weights) {
	const struct block_layout *ends = &weights->layout.ends;
	const struct pass *pass = back->pass;
	size_t width = pass->width;
	struct const_rows gates = { back->gates, width }, values = { back->values, width };
	struct const_rows joined = { back->saved->joined, 2 * width };
	struct const_rows pooled = { back->saved->joined + width, 2 * width };
	struct rows both = { back->joined, 2 * width };
	struct rows theirs = { back->joined + width, 2 * width };

	pass_bias_gradient(pass, slope_of(back->gradient, ends, T_POOL_GATE_BIAS), gates, width);
	pass_map_gradient(
		pass, slope_of(back->gradient, ends, T_POOL_GATE), gates, joined, width, 2 * width);
	pass_map_gradient(
		pass, slope_of(back->gradient, ends, T_POOL_VALUE), values, pooled, width, width);
	pass_map_back(pass, both, gates, block_tensor(weights, ends, T_POOL_GATE), width, 2 * width,
		false);
	pass_map_back(pass, theirs, values, block_tensor(weights, ends, T_POOL_VALUE), width, width,
		true);
	for (size_t n = 0; n < pass->tokens; n++)
		pass->kernels->add(back->stream + n * width, back->joined + 2 * n * width, width);
}

/* From the slopes of what the neighbours' vectors are multiplied with to those of the scores. */
static void softmax_back(const struct pool_view *view, float *slopes) {
	float mean = 0;
	for (size_t j = 0; j < view->count; j++) {
		slopes[j] *= view->fades[j];
		mean += view->shares[j] * slopes[j];
	}
	for (size_t j = 0; j < view->count; j++)
		slopes[j] = view->shares[j] * (slopes[j] - mean);
}

/* Slopes of the scores, over the root of the keys; of a token's look and of the distance. */
static void scores_back(const struct way_back *back, const struct pool_view *view, size_t token,
	float *distance, float *scores) {
	const struct pass *pass = back->pass;
	const float *pooled = back->joined + (2 * token + 1) * pass->width;
	pass->kernels->dots(scores, pooled, view->hidden, view->count, pass->width);
	softmax_back(view, scores);
	for (size_t j = 0; j < view->count; j++) {
		*distance -= scores[j] * view->distances[j];
		scores[j] /= sqrtf((float)back->pool->keys);
	}
	pass->kernels->weighted_sum(
		back->looks + token * pass->width, scores, view->hidden, view->count, pass->width);
}

/* To the neighbours' hidden vectors after the step before, unless that is before the window. */
static void neighbours_back(const struct way_back *back, const struct pool_view *view,
	const uint32_t *entries, size_t token, const float *scores) {
	const struct pass *pass = back->pass;
	size_t width = pass->width, step = token % pass->steps;
	const float *pooled = back->joined + (2 * token + 1) * width;
	for (size_t j = 0; j < view->count && step > 0; j++) {
		size_t series = back->neighbours->indices[entries[j]];
		float *to = back->stream + (series * pass->steps + step - 1) * width;
		pass->kernels->add_scaled(to, view->shares[j] * view->fades[j], pooled, width);
		if (scores)
			pass->kernels->add_scaled(
				to, scores[j], back->saved->looks + token * width, width);
	}
}

static void tokens_back(const struct way_back *back, float *distance) {
	bool attention = back->pool->kind == XLSTM_ATTENTION_POOL;
	for (size_t n = 0; n < back->pass->tokens; n++) {
		uint32_t entries[XLSTM_NEIGHBOURS_MAX];
		float scores[XLSTM_NEIGHBOURS_MAX];
		struct pool_view view;
		view_token(
			&view, entries, back->pool, back->pass, back->neighbours, back->saved, n);
		if (attention)
			scores_back(back, &view, n, distance, scores);
		neighbours_back(back, &view, entries, n, attention ? scores : NULL);
	}
}

static void look_back(const struct way_back *back, const struct xlstm_weights *weights) {
	const struct block_layout *ends = &weights->layout.ends;
	const struct pass *pass = back->pass;
	size_t width = pass->width, keys = back->pool->keys;
	struct const_rows looks = { back->looks, width }, queries = { back->queries, keys };
	struct const_rows own = { back->saved->joined, 2 * width };

	pass_map_gradient(pass, slope_of(back->gradient, ends, T_POOL_KEY),
		(struct const_rows){ back->saved->queries, keys }, looks, keys, width);
	pass_map_back(pass, (struct rows){ back->queries, keys }, looks, back->pool->keys_turned,
		width, keys, false);
	pass_bias_gradient(pass, slope_of(back->gradient, ends, T_POOL_QUERY_BIAS), queries, keys);
	pass_map_gradient(
		pass, slope_of(back->gradient, ends, T_POOL_QUERY), queries, own, keys, width);
	pass_map_back(pass, (struct rows){ back->stream, width }, queries,
		block_tensor(weights, ends, T_POOL_QUERY), keys, width, true);
}

void pool_backward(const struct xlstm_weights *weights, const struct pool *pool,
	const struct pass *pass, const struct xlstm_neighbours *neighbours,
	const struct pool_saved *saved, float *slopes, float *gradient) {
	struct way_back back = { .pool = pool,
		.pass = pass,
		.neighbours = neighbours,
		.saved = saved,
		.stream = slopes,
		.gradient = gradient };
	float distance = 0;

	lay_out(&back);
	gate_back(&back);
	maps_back(&back, weights);
	tokens_back(&back, &distance);
	if (pool->kind != XLSTM_ATTENTION_POOL)
		return;
	*slope_of(gradient, &weights->layout.ends, T_POOL_DISTANCE) += distance;
	look_back(&back, weights);
}
