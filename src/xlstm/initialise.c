/* SPDX-License-Identifier: Apache-2.0 */
/* The published starting values (Beck et al. 2024, and the code at github.com/NX-AI/xlstm). */
#include "weights.h"
#include "xlstm/error.h"

#include <math.h>

/* Vigna's splitmix64: a stream per tensor, so that a tensor's values depend on the seed and its
 * place in the table only. */
struct stream {
	uint64_t state;
};

static uint64_t stream_next(struct stream *stream) {
	uint64_t z = stream->state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* In (0, 1). */
static double stream_uniform(struct stream *stream) {
	return ((double)(stream_next(stream) >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller 1958, one of the pair. */
static double stream_normal(struct stream *stream) {
	double radius = sqrt(-2.0 * log(stream_uniform(stream)));
	return radius * cos(6.283185307179586 * stream_uniform(stream));
}

static void fill(float *values, size_t count, float value) {
	for (size_t i = 0; i < count; i++)
		values[i] = value;
}

static void fill_normal(struct stream *stream, float *values, size_t count, double deviation) {
	for (size_t i = 0; i < count; i++)
		values[i] = (float)(deviation * stream_normal(stream));
}

static void fill_uniform(struct stream *stream, float *values, size_t count, double bound) {
	for (size_t i = 0; i < count; i++)
		values[i] = (float)(bound * (2.0 * stream_uniform(stream) - 1.0));
}

/* Slow heads and fast ones: 3 to 6. */
static void fill_forget_bias(float *values, size_t heads) {
	for (size_t h = 0; h < heads; h++)
		values[h] = heads > 1 ? (float)(3.0 + 3.0 * (double)h / (double)(heads - 1)) : 3.0f;
}

/* Gates i f z o; the forget gates of a head fall from +5 to -7, later blocks more slowly. */
static void fill_slstm_bias(float *values, const struct block_layout *block, uint32_t block_count) {
	size_t width = block->channels;
	double depth = block_count > 1 ? (double)block->index / (block_count - 1) : 0.0;
	double exponent = 0.3 + 1.3 * depth;

	fill(values, 4 * width, 0.0f);
	for (size_t i = 0; i < width; i++) {
		size_t unit = i % block->units;
		double place = unit ? (double)unit / (double)(block->units - 1) : 0.0;
		values[width + i] = (float)(5.0 - 12.0 * pow(place, exponent));
	}
}

static void tensor_start(
	struct xlstm_weights *weights, const struct tensor_layout *tensor, struct stream *stream) {
	const struct xlstm_shape *shape = &weights->layout.shape;
	float *values = weights->values + tensor->offset;
	double width = shape->width;

	switch (tensor->start) {
	case START_ZERO: fill(values, tensor->count, 0.0f); break;
	case START_ONE: fill(values, tensor->count, 1.0f); break;
	case START_GAIN:
		fill(values, tensor->count, shape->norm == XLSTM_RMS_NORM ? 1.0f : 0.0f);
		break;
	case START_SMALL:
		fill_normal(stream, values, tensor->count, sqrt(2.0 / (5.0 * width)));
		break;
	case START_WANG:
		fill_normal(
			stream, values, tensor->count, 2.0 / (shape->block_count * sqrt(width)));
		break;
	case START_UNIFORM:
		fill_uniform(
			stream, values, tensor->count, 1.0 / sqrt((double)tensor->block->taps));
		break;
	case START_INPUT_BIAS: fill_normal(stream, values, tensor->count, 0.1); break;
	case START_CLOSED: fill(values, tensor->count, -10.0f); break;
	case START_FORGET_BIAS: fill_forget_bias(values, tensor->count); break;
	case START_SLSTM_BIAS: fill_slstm_bias(values, tensor->block, shape->block_count); break;
	}
}

int xlstm_weights_initialise(struct xlstm_weights *weights, uint64_t seed) {
	if (weights->mapped)
		return XLSTM_E_READ_ONLY;
	for (size_t i = 0; i < weights->layout.tensor_count; i++) {
		struct stream stream = { seed ^ (0xd1342543de82ef95u * (i + 1)) };
		tensor_start(weights, &weights->layout.tensors[i], &stream);
	}
	return 0;
}
