/* SPDX-License-Identifier: Apache-2.0 */
/* The sequence form of the stack and its gradient. */
#include "arena.h"
#include "instructions.h"
#include "pass.h"
#include "pool.h"
#include "tile.h"
#include "xlstm/error.h"
#include "xlstm/train.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct xlstm_tape {
	struct xlstm_tape_options options;
	const struct kernels *kernels;
	struct layout layout;
	float *memory;
	/* All in memory: */
	float *starts; /* [series, state] as they were before the window */
	float *replay; /* [series, state] where the way back computes a block again */
	float *streams; /* [parts + 1, tokens, width]: the input of each part, and the end */
	float *saved; /* of each part, one after the other; with checkpoints of one at a time */
	float *normed; /* [tokens, width] after the last norm */
	struct pool_saved pool;
	float *fused; /* [tokens, width] the features with what neighbours add */
	float *embed_hidden, *head_hidden; /* [tokens, hidden] of the maps around the blocks */
	float *slopes; /* [tokens, width] of the stream */
	float *features; /* [tokens, width] slopes of the features */
	float *outputs; /* [tokens, outputs] where these are capped; then their slopes */
	float *scratch;
	void **rows; /* [series] into starts, then [series] into replay */
	/* The last pass. */
	size_t series, steps;
	const float *inputs;
	const struct xlstm_neighbours *neighbours;
};

/* A block is one or two parts. */
struct part {
	const struct block_layout *layout;
	bool feedforward;
};

/* Part `index` of the stack; false behind the last. */
static bool part_at(const struct layout *layout, size_t index, struct part *ret_part) {
	for (uint32_t i = 0; i < layout->shape.block_count; i++) {
		const struct block_layout *block = &layout->blocks[i];
		size_t memories = block->kind != XLSTM_FEEDFORWARD;
		size_t parts = memories + (block->feedforward > 0);
		if (index < parts) {
			*ret_part = (struct part){ block, index >= memories };
			return true;
		}
		index -= parts;
	}
	return false;
}

static size_t larger(size_t a, size_t b) {
	return a > b ? a : b;
}

/*
 * Series never meet, so parts are worked off a few series at a time: what is computed is still in
 * the cache when it is used. An sLSTM's steps follow each other, and a step's products want a few
 * series: as many as fill a tile of the kernels.
 */
enum { SLICE_TOKENS = 128, SLICE_SERIES = 8 };

static size_t smaller(size_t a, size_t b) {
	return a < b ? a : b;
}

static size_t slice_series(const struct part *part, size_t series, size_t steps) {
	size_t some = SLICE_TOKENS / steps;
	if (!part->feedforward && part->layout->kind == XLSTM_SLSTM)
		some = SLICE_SERIES;
	return smaller(larger(some, 1), series);
}

static size_t slice_saved(const struct part *part, size_t series, size_t steps) {
	if (part->feedforward)
		return feedforward_saved_floats(part->layout, part->layout->width, series * steps);
	if (part->layout->pre)
		return preprojection_saved_floats(part->layout, series, steps);
	if (part->layout->kind == XLSTM_SLSTM)
		return slstm_saved_floats(part->layout, series * steps);
	return dense_saved_floats(part->layout, series, steps);
}

static size_t part_saved(const struct part *part, size_t series, size_t steps) {
	return round_up_to_line(slice_saved(part, series, steps));
}

static size_t part_scratch(const struct part *part, size_t series, size_t steps) {
	/* A pass with fewer steps may have slices of more series. */
	size_t tokens = larger(SLICE_TOKENS, steps);
	size_t some = slice_series(part, series, steps);
	if (part->feedforward)
		return feedforward_pass_scratch(part->layout, part->layout->width, tokens);
	if (part->layout->kind == XLSTM_SLSTM)
		tokens = larger(tokens, some * steps);
	if (part->layout->pre)
		return preprojection_pass_scratch(part->layout, larger(some, SLICE_SERIES), tokens);
	if (part->layout->kind == XLSTM_SLSTM)
		return slstm_pass_scratch(part->layout, some, tokens);
	return dense_pass_scratch(part->layout, tokens);
}

/* Keeping only the inputs of the parts, or nothing at all for the way back. */
static bool keeps_all(const struct xlstm_tape *tape) {
	return !tape->options.checkpoint && !tape->options.forward_only;
}

/* Memory to hand out; without a base it is only measured. */
struct cursor {
	float *base;
	size_t used;
};

static float *take(struct cursor *cursor, size_t floats) {
	float *taken = cursor->base ? cursor->base + cursor->used : NULL;
	cursor->used += round_up_to_line(floats);
	return taken;
}

static void place_pool(struct xlstm_tape *tape, struct cursor *cursor) {
	size_t series = tape->options.series, tokens = series * tape->options.steps;
	const struct xlstm_shape *shape = &tape->layout.shape;
	size_t width = shape->pool ? shape->width : 0;

	tape->pool = (struct pool_saved){
		.hidden = take(cursor, (tokens + series) * width),
		.joined = take(cursor, tokens * 2 * width),
		.queries = take(cursor, tokens * shape->pool_keys),
		.looks = take(cursor, tokens * width),
		.gates = take(cursor, tokens * width),
		.values = take(cursor, tokens * width),
	};
	tape->fused = take(cursor, tokens * width);
}

static void place(struct xlstm_tape *tape, struct cursor *cursor) {
	size_t series = tape->options.series, steps = tape->options.steps;
	const struct xlstm_shape *shape = &tape->layout.shape;
	size_t tokens = series * steps, wide = tokens * shape->width;
	size_t saved = 0, scratch = tokens * larger(shape->embed_hidden, shape->head_hidden);
	size_t parts = 0;
	struct part part;

	scratch = larger(scratch, pool_pass_scratch(&tape->layout, tokens));
	for (; part_at(&tape->layout, parts, &part); parts++) {
		size_t floats = part_saved(&part, series, steps);
		saved = keeps_all(tape) ? saved + floats : larger(saved, floats);
		scratch = larger(scratch, part_scratch(&part, series, steps));
	}
	size_t streams = tape->options.forward_only ? 2 : parts + 1;
	tape->starts = take(cursor, series * tape->layout.state_floats);
	tape->replay = take(cursor, series * tape->layout.state_floats);
	tape->streams = take(cursor, streams * wide);
	tape->saved = take(cursor, saved);
	tape->normed = take(cursor, wide);
	tape->embed_hidden = take(cursor, tokens * shape->embed_hidden);
	tape->head_hidden = take(cursor, tokens * shape->head_hidden);
	tape->slopes = take(cursor, wide);
	tape->features = take(cursor, wide);
	place_pool(tape, cursor);
	tape->outputs = take(cursor, shape->output_cap ? tokens * shape->outputs : 0);
	tape->scratch = take(cursor, scratch);
}

static int allocate(struct xlstm_tape *tape) {
	size_t series = tape->options.series;
	struct cursor cursor = { 0 };

	place(tape, &cursor);
	tape->memory = arena_create(cursor.used);
	tape->rows = calloc(2 * series + 1, sizeof(*tape->rows));
	if (!tape->memory || !tape->rows)
		return -ENOMEM;

	cursor = (struct cursor){ tape->memory, 0 };
	place(tape, &cursor);
	for (size_t i = 0; i < series; i++) {
		tape->rows[i] = tape->starts + i * tape->layout.state_floats;
		tape->rows[series + i] = tape->replay + i * tape->layout.state_floats;
	}
	return 0;
}

int xlstm_tape_create(struct xlstm_tape **ret_tape, const struct xlstm_shape *shape,
	const struct xlstm_tape_options *options) {
	const struct kernels *kernels = kernels_for(options->instructions);
	int r = xlstm_shape_check(shape);
	if (r < 0)
		return r;
	if (!kernels)
		return XLSTM_E_INSTRUCTIONS;

	struct xlstm_tape *tape = calloc(1, sizeof(*tape));
	if (!tape)
		return -ENOMEM;

	tape->options = *options;
	tape->kernels = kernels;
	r = layout_init(&tape->layout, shape);
	if (r < 0)
		goto fail;

	r = allocate(tape);
	if (r < 0)
		goto fail;

	*ret_tape = tape;
	return 0;

fail:
	xlstm_tape_destroy(tape);
	return r;
}

void xlstm_tape_destroy(struct xlstm_tape *tape) {
	if (!tape)
		return;
	layout_finish(&tape->layout);
	free(tape->memory);
	free(tape->rows);
	free(tape);
}

static struct pass pass_of(const struct xlstm_tape *tape, void *const *rows) {
	return (struct pass){
		.kernels = tape->kernels,
		.norm = tape->layout.shape.norm,
		.series = tape->series,
		.steps = tape->steps,
		.tokens = tape->series * tape->steps,
		.width = tape->layout.shape.width,
		.rows = rows,
		.starts = tape->starts,
		.state_floats = tape->layout.state_floats,
		.scratch = tape->scratch,
	};
}

static const struct block *block_of(const struct xlstm_model *model, const struct part *part) {
	return &model->blocks[part->layout->index];
}

static void slice_forward(const struct xlstm_model *model, const struct part *part,
	const struct pass *pass, const float *x, float *y, float *saved) {
	const struct block *block = block_of(model, part);
	if (part->feedforward)
		feedforward_forward(&block->feedforward, pass, x, y, saved);
	else if (part->layout->pre)
		preprojection_forward(block, pass, x, y, saved);
	else if (part->layout->kind == XLSTM_SLSTM)
		slstm_forward(&block->slstm, part->layout, pass, x, y, saved);
	else
		dense_forward(&block->dense, part->layout, pass, x, y, saved);
}

static void slice_backward(const struct xlstm_model *model, const struct part *part,
	const struct pass *pass, const float *x, const float *saved, float *slopes,
	float *gradient) {
	const struct xlstm_weights *weights = model->weights;
	const struct block *block = block_of(model, part);
	if (part->feedforward)
		feedforward_backward(weights, &block->feedforward, part->layout, pass, x, saved,
			slopes, gradient);
	else if (part->layout->pre)
		preprojection_backward(weights, block, pass, x, saved, slopes, gradient);
	else if (part->layout->kind == XLSTM_SLSTM)
		slstm_backward(
			weights, &block->slstm, part->layout, pass, x, saved, slopes, gradient);
	else
		dense_backward(
			weights, &block->dense, part->layout, pass, x, saved, slopes, gradient);
}

/* The part of a pass that holds `series` series from `first` on. */
static struct pass slice_of(const struct pass *pass, size_t first, size_t series) {
	struct pass slice = *pass;
	slice.series = series;
	slice.tokens = series * pass->steps;
	slice.rows = pass->rows + first;
	slice.starts = pass->starts + first * pass->state_floats;
	return slice;
}

static void part_forward(const struct xlstm_model *model, const struct part *part,
	const struct pass *pass, const float *x, float *y, float *saved) {
	size_t some = slice_series(part, pass->series, pass->steps);
	for (size_t first = 0; first < pass->series; first += some) {
		struct pass slice = slice_of(pass, first, smaller(some, pass->series - first));
		size_t at = first * pass->steps * pass->width;
		slice_forward(model, part, &slice, x + at, y + at,
			saved + slice_saved(part, first, pass->steps));
	}
}

static void part_backward(const struct xlstm_model *model, const struct part *part,
	const struct pass *pass, const float *x, const float *saved, float *slopes,
	float *gradient) {
	size_t some = slice_series(part, pass->series, pass->steps);
	for (size_t first = 0; first < pass->series; first += some) {
		struct pass slice = slice_of(pass, first, smaller(some, pass->series - first));
		size_t at = first * pass->steps * pass->width;
		slice_backward(model, part, &slice, x + at,
			saved + slice_saved(part, first, pass->steps), slopes + at, gradient);
	}
}

/* The input of part `index`. A tape that only goes forward swaps two streams. */
static float *stream_at(const struct xlstm_tape *tape, size_t index) {
	size_t wide = tape->options.series * tape->options.steps * tape->layout.shape.width;
	return tape->streams + (tape->options.forward_only ? index % 2 : index) * wide;
}

static void embed(const struct xlstm_model *model, const struct xlstm_tape *tape,
	const struct pass *pass, float *stream) {
	if (model->embed.outputs)
		end_forward(&model->embed, pass, stream, tape->inputs, tape->embed_hidden);
	else
		memcpy(stream, tape->inputs, pass->tokens * pass->width * sizeof(float));
}

/* Returns the features. */
static const float *parts_forward(
	const struct xlstm_model *model, struct xlstm_tape *tape, const struct pass *pass) {
	float *saved = tape->saved;
	size_t index = 0;
	struct part part;

	for (; part_at(&tape->layout, index, &part); index++) {
		part_forward(model, &part, pass, stream_at(tape, index), stream_at(tape, index + 1),
			saved);
		if (keeps_all(tape))
			saved += part_saved(&part, tape->options.series, tape->options.steps);
	}
	if (!model->last_norm)
		return stream_at(tape, index);
	pass_norm(pass, tape->normed, stream_at(tape, index), model->last_norm);
	return tape->normed;
}

static void head_forward(const struct xlstm_model *model, const struct xlstm_tape *tape,
	const struct pass *pass, float *outputs, const float *features) {
	const struct xlstm_shape *shape = xlstm_model_shape(model);
	size_t count = pass->tokens * shape->outputs;

	end_forward(&model->head, pass, outputs, features, tape->head_hidden);
	if (!shape->output_cap)
		return;
	pass->kernels->soft_cap(outputs, outputs, (float)shape->output_cap, count);
	memcpy(tape->outputs, outputs, count * sizeof(float));
}

/* The slopes of the outputs before their cap. */
static const float *uncap(
	const struct xlstm_tape *tape, const struct pass *pass, const float *slopes) {
	const struct xlstm_shape *shape = &tape->layout.shape;
	size_t count = pass->tokens * shape->outputs;
	if (!shape->output_cap)
		return slopes;
	for (size_t i = 0; i < count; i++) {
		float share = tape->outputs[i] / (float)shape->output_cap;
		tape->outputs[i] = slopes[i] * (1.0f - share * share);
	}
	return tape->outputs;
}

/* The features, given those that each series has by itself. */
static const float *pool_of(const struct xlstm_model *model, const struct xlstm_tape *tape,
	const struct pass *pass, const float *own) {
	if (!model->pool.kind)
		return own;
	pool_forward(
		&model->pool, &tape->layout, pass, tape->neighbours, &tape->pool, own, tape->fused);
	return tape->fused;
}

void xlstm_sequence(const struct xlstm_model *model, struct xlstm_tape *tape, size_t series,
	size_t steps, void *const rows[], const float *inputs, float *features, float *outputs) {
	xlstm_sequence_among(model, tape, series, steps, rows, inputs, NULL, features, outputs);
}

void xlstm_sequence_among(const struct xlstm_model *model, struct xlstm_tape *tape, size_t series,
	size_t steps, void *const rows[], const float *inputs,
	const struct xlstm_neighbours *neighbours, float *features, float *outputs) {
	const struct xlstm_shape *shape = xlstm_model_shape(model);
	assert(series <= tape->options.series && steps <= tape->options.steps);

	tape->series = series;
	tape->steps = steps;
	tape->inputs = inputs;
	tape->neighbours = neighbours;
	for (size_t i = 0; i < series; i++)
		memcpy(tape->rows[i], rows[i], xlstm_state_size(model));

	struct pass pass = pass_of(tape, rows);
	embed(model, tape, &pass, stream_at(tape, 0));
	const float *end = pool_of(model, tape, &pass, parts_forward(model, tape, &pass));
	if (features)
		memcpy(features, end, pass.tokens * pass.width * sizeof(float));
	if (outputs && shape->outputs)
		head_forward(model, tape, &pass, outputs, end);
}

/* What the head has read. */
static const float *features_of(const struct xlstm_model *model, const struct xlstm_tape *tape) {
	struct part part;
	size_t parts = 0;

	if (model->pool.kind)
		return tape->fused;
	if (model->last_norm)
		return tape->normed;
	while (part_at(&tape->layout, parts, &part))
		parts++;
	return stream_at(tape, parts);
}

/* The slope of the features, from those given and through the head. */
static void head_back(const struct xlstm_model *model, const struct xlstm_tape *tape,
	const struct pass *pass, const float *feature_slopes, const float *output_slopes,
	float *gradient) {
	size_t outputs = tape->layout.shape.outputs, wide = pass->tokens * pass->width;
	const float *end = features_of(model, tape);
	if (feature_slopes)
		memcpy(tape->features, feature_slopes, wide * sizeof(float));
	else
		memset(tape->features, 0, wide * sizeof(float));
	if (!output_slopes || !outputs)
		return;
	end_backward(model->weights, &model->head, pass, end, tape->head_hidden,
		uncap(tape, pass, output_slopes), gradient, tape->features, true);
}

static void embed_back(const struct xlstm_model *model, const struct xlstm_tape *tape,
	const struct pass *pass, float *gradient, float *input_slopes) {
	if (model->embed.outputs)
		end_backward(model->weights, &model->embed, pass, tape->inputs, tape->embed_hidden,
			tape->slopes, gradient, input_slopes, false);
	else if (input_slopes)
		memcpy(input_slopes, tape->slopes, pass->tokens * pass->width * sizeof(float));
}

/* What forward left for this part; with checkpoints it is computed again. */
static const float *saved_of(const struct xlstm_model *model, const struct xlstm_tape *tape,
	const struct part *part, size_t index, const float *end) {
	if (keeps_all(tape))
		return end - part_saved(part, tape->options.series, tape->options.steps);

	struct pass pass = pass_of(tape, tape->rows + tape->options.series);
	for (size_t i = 0; i < tape->series; i++)
		memcpy(pass.rows[i], tape->rows[i], xlstm_state_size(model));
	/* The part's output is known: it may go where the features' slopes were. */
	part_forward(model, part, &pass, stream_at(tape, index), tape->features, tape->saved);
	return tape->saved;
}

void xlstm_backward(const struct xlstm_model *model, struct xlstm_tape *tape,
	const float *feature_slopes, const float *output_slopes, struct xlstm_weights *gradient,
	float *input_slopes) {
	struct pass pass = pass_of(tape, tape->rows);
	const float *saved = tape->saved;
	size_t parts = 0;
	struct part part;
	assert(!tape->options.forward_only);

	for (; part_at(&tape->layout, parts, &part); parts++)
		saved += part_saved(&part, tape->options.series, tape->options.steps);
	head_back(model, tape, &pass, feature_slopes, output_slopes, gradient->values);
	if (tape->neighbours && model->pool.kind)
		pool_backward(model->weights, &model->pool, &pass, tape->neighbours, &tape->pool,
			tape->features, gradient->values);
	if (model->last_norm) {
		memset(tape->slopes, 0, pass.tokens * pass.width * sizeof(float));
		pass_norm_back(&pass, tape->slopes,
			slope_of(gradient->values, &tape->layout.ends, T_LAST_NORM),
			stream_at(tape, parts), model->last_norm, tape->features);
	} else {
		memcpy(tape->slopes, tape->features, pass.tokens * pass.width * sizeof(float));
	}
	for (size_t i = parts; i-- > 0;) {
		part_at(&tape->layout, i, &part);
		saved = saved_of(model, tape, &part, i, saved);
		part_backward(model, &part, &pass, stream_at(tape, i), saved, tape->slopes,
			gradient->values);
	}
	embed_back(model, tape, &pass, gradient->values, input_slopes);
}
