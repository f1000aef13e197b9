/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include "xlstm/error.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* Rows for which neighbours are fetched ahead. */
#define AHEAD 8

/* Keeps the inverse of a distance finite. */
#define LEAST_DISTANCE 1e-6f

static float mean_of(const float *values, size_t count) {
	float sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return count ? sum / (float)count : 0;
}

void pool_collect(struct pool_view *view, uint32_t *entries, enum xlstm_pool kind,
	const struct xlstm_neighbours *neighbours, size_t index, size_t step, size_t steps) {
	uint32_t first = neighbours->offsets[index], end = neighbours->offsets[index + 1];
	const float *distances = neighbours->distances;
	float mean = mean_of(distances + first, end - first);
	float unit = kind == XLSTM_ATTENTION_POOL && mean > 0 ? 1 / mean : 1;
	assert(end - first <= XLSTM_NEIGHBOURS_MAX);

	view->count = 0;
	for (uint32_t entry = first; entry < end; entry++) {
		float age = neighbours->ages ? neighbours->ages[entry * steps + step] : 0;
		if (neighbours->reach > 0 && distances[entry] > neighbours->reach)
			continue;
		entries[view->count] = entry;
		view->distances[view->count] = distances[entry] * unit;
		view->fades[view->count] = age > 0 ? exp2f(-age) : 1;
		view->count++;
	}
}

/* Shares in proportion. */
static void normalise(float *shares, size_t count) {
	float sum = 0;
	for (size_t j = 0; j < count; j++)
		sum += shares[j];
	for (size_t j = 0; j < count; j++)
		shares[j] /= sum;
}

static void attend(struct pool_view *view, const struct kernels *kernels, const struct pool *pool,
	const float *look) {
	float scale = 1 / sqrtf((float)pool->keys), most = -INFINITY;
	kernels->dots(view->shares, look, view->hidden, view->count, pool->width);
	for (size_t j = 0; j < view->count; j++) {
		view->shares[j] = view->shares[j] * scale - *pool->distance * view->distances[j];
		most = fmaxf(most, view->shares[j]);
	}
	for (size_t j = 0; j < view->count; j++)
		view->shares[j] -= most;
	kernels->exp(view->shares, view->shares, view->count);
}

void pool_share(struct pool_view *view, const struct kernels *kernels, const struct pool *pool,
	const float *look) {
	if (pool->kind == XLSTM_ATTENTION_POOL)
		attend(view, kernels, pool, look);
	for (size_t j = 0; j < view->count && pool->kind != XLSTM_ATTENTION_POOL; j++)
		view->shares[j] = pool->kind == XLSTM_INVERSE_POOL
					  ? 1 / (view->distances[j] + LEAST_DISTANCE)
					  : 1;
	normalise(view->shares, view->count);
}

void pool_sum(
	const struct pool_view *view, const struct kernels *kernels, float *pooled, size_t width) {
	float factors[XLSTM_NEIGHBOURS_MAX];
	for (size_t j = 0; j < view->count; j++)
		factors[j] = view->shares[j] * view->fades[j];
	kernels->weighted_sum(pooled, factors, view->hidden, view->count, width);
}

/* Where a tile keeps what it computes, [rows, ...] each. */
struct room {
	float *queries, *looks, *joined, *gates, *values;
};

static struct room room_of(const struct tile *tile, size_t keys) {
	struct room room = { .queries = tile->scratch };
	room.looks = room.queries + TILE_ROWS_MAX * keys;
	room.joined = room.looks + TILE_ROWS_MAX * tile->width;
	room.gates = room.joined + 2 * TILE_ROWS_MAX * tile->width;
	room.values = room.gates + TILE_ROWS_MAX * tile->width;
	return room;
}

size_t pool_scratch(const struct layout *layout) {
	const struct xlstm_shape *shape = &layout->shape;
	return shape->pool ? TILE_ROWS_MAX * (5 * (size_t)shape->width + shape->pool_keys) : 0;
}

/* What each row holds the others against. */
static void look_out(const struct pool *pool, const struct tile *tile, const struct room *room,
	const float *own) {
	if (pool->kind != XLSTM_ATTENTION_POOL)
		return;
	tile->kernels->matmul(room->queries, pool->keys, ADD_BIAS, pool->query_bias, own,
		pool->width, tile->count, &pool->query);
	tile->kernels->matmul(room->looks, pool->width, ADD_NOTHING, NULL, room->queries,
		pool->keys, tile->count, &pool->look);
}

static const float *hidden_of(
	const struct layout *layout, const struct xlstm_neighbours *neighbours, uint32_t entry) {
	return (const float *)neighbours->states[neighbours->indices[entry]] + layout->hidden_at;
}

/* Brings what a series sees into the cache, while something else is being computed: it lies
 * anywhere. */
static void fetch(
	const struct layout *layout, const struct xlstm_neighbours *neighbours, size_t series) {
	for (uint32_t e = neighbours->offsets[series]; e < neighbours->offsets[series + 1]; e++) {
		const float *hidden = hidden_of(layout, neighbours, e);
		for (size_t at = 0; at < layout->shape.width; at += LINE_FLOATS)
			__builtin_prefetch(hidden + at, 0, 2);
	}
}

/* Own and pooled side by side. Returns the neighbours that a row sees. */
static size_t join(const struct pool *pool, const struct layout *layout, const struct tile *tile,
	const struct room *room, const struct xlstm_neighbours *neighbours, size_t first, size_t i,
	const float *own) {
	size_t width = pool->width;
	float *joined = room->joined + 2 * i * width;
	uint32_t entries[XLSTM_NEIGHBOURS_MAX];
	struct pool_view view;
	pool_collect(&view, entries, pool->kind, neighbours, first + i, 0, 1);
	for (size_t j = 0; j < view.count; j++)
		view.hidden[j] = hidden_of(layout, neighbours, entries[j]);
	pool_share(&view, tile->kernels, pool, room->looks + i * width);
	memcpy(joined, own + i * width, width * sizeof(float));
	pool_sum(&view, tile->kernels, joined + width, width);
	return view.count;
}

static void add_neighbours(const struct pool *pool, const struct tile *tile,
	const struct room *room, const float *own, float *fused, const bool *sees) {
	size_t width = pool->width;
	tile->kernels->matmul(room->gates, width, ADD_BIAS, pool->gate_bias, room->joined,
		2 * width, tile->count, &pool->gate);
	tile->kernels->matmul(room->values, width, ADD_NOTHING, NULL, room->joined + width,
		2 * width, tile->count, &pool->value);
	for (size_t i = 0; i < tile->count; i++) {
		size_t at = i * width;
		if (sees[i])
			tile->kernels->add_gated(
				fused + at, own + at, room->gates + at, room->values + at, width);
		else
			memcpy(fused + at, own + at, width * sizeof(float));
	}
}

void pool_step(const struct pool *pool, const struct layout *layout, const struct tile *tile,
	const struct xlstm_neighbours *neighbours, size_t first, const float *own, float *fused) {
	struct room room = room_of(tile, pool->keys);
	bool sees[TILE_ROWS_MAX];
	for (size_t i = 0; i < AHEAD && i < tile->count; i++)
		fetch(layout, neighbours, first + i);
	look_out(pool, tile, &room, own);
	for (size_t i = 0; i < tile->count; i++) {
		if (i + AHEAD < tile->count)
			fetch(layout, neighbours, first + i + AHEAD);
		sees[i] = join(pool, layout, tile, &room, neighbours, first, i, own) > 0;
	}
	add_neighbours(pool, tile, &room, own, fused, sees);
}

void xlstm_commit(const struct xlstm_model *model, size_t count, void *const rows[]) {
	const struct layout *layout = model_layout(model);
	for (size_t i = 0; i < count && layout->shape.pool; i++) {
		float *row = rows[i];
		memcpy(row + layout->hidden_at, row + layout->fresh_at,
			layout->shape.width * sizeof(float));
	}
}

const float *xlstm_state_hidden(const struct xlstm_model *model, const void *row) {
	const struct layout *layout = model_layout(model);
	return layout->shape.pool ? (const float *)row + layout->hidden_at : NULL;
}

int xlstm_weights_with_pool(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights,
	enum xlstm_pool pool, uint32_t keys, uint64_t seed) {
	struct xlstm_shape shape = *xlstm_weights_shape(weights);
	struct xlstm_weights *pooled;
	shape.pool = pool;
	shape.pool_keys = keys;
	int r = xlstm_weights_create(&pooled, &shape);
	if (r < 0)
		return r;
	pooled->notes = weights->notes ? json_deep_copy(weights->notes) : NULL;
	if (weights->notes && !pooled->notes) {
		xlstm_weights_destroy(pooled);
		return -ENOMEM;
	}
	xlstm_weights_initialise(pooled, seed);
	for (size_t i = 0; i < xlstm_tensor_count(weights); i++) {
		struct xlstm_tensor tensor = xlstm_tensor_at(weights, i);
		xlstm_tensor_set(pooled, tensor.name, tensor.values, tensor.count);
	}
	*ret_weights = pooled;
	return 0;
}
