/* SPDX-License-Identifier: Apache-2.0 */
#include "xlstm/step.h"
#include "arena.h"
#include "instructions.h"
#include "pool.h"
#include "tile.h"
#include "xlstm/error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct xlstm_workspace {
	const struct kernels *kernels;
	float *memory;
	size_t floats;
};

int xlstm_workspace_create(struct xlstm_workspace **ret_workspace, const struct xlstm_model *model,
	enum xlstm_instructions instructions) {
	const struct kernels *kernels = kernels_for(instructions);
	if (!kernels)
		return XLSTM_E_INSTRUCTIONS;

	struct xlstm_workspace *workspace = calloc(1, sizeof(*workspace));
	if (!workspace)
		return -ENOMEM;

	workspace->kernels = kernels;
	workspace->floats = model->scratch_floats;
	workspace->memory = arena_create(workspace->floats);
	if (!workspace->memory) {
		free(workspace);
		return -ENOMEM;
	}
	*ret_workspace = workspace;
	return 0;
}

void xlstm_workspace_destroy(struct xlstm_workspace *workspace) {
	if (!workspace)
		return;
	free(workspace->memory);
	free(workspace);
}

const char *xlstm_workspace_instructions(const struct xlstm_workspace *workspace) {
	return workspace->kernels->name;
}

static size_t block_scratch(const struct block_layout *layout) {
	if (layout->pre)
		return preprojection_scratch(layout);
	switch (layout->kind) {
	case XLSTM_SLSTM: return slstm_scratch(layout);
	case XLSTM_MLSTM: return dense_scratch(layout);
	case XLSTM_FEEDFORWARD: break;
	}
	return 0;
}

static size_t larger(size_t a, size_t b) {
	return a > b ? a : b;
}

static size_t streams_floats(const struct layout *layout) {
	return round_up_to_line(2 * (size_t)TILE_ROWS_MAX * layout->shape.width);
}

size_t tile_scratch(const struct layout *layout) {
	size_t most = 0;
	for (uint32_t i = 0; i < layout->shape.block_count; i++) {
		const struct block_layout *block = &layout->blocks[i];
		most = larger(most, block_scratch(block));
		most = larger(most, feedforward_scratch(block));
	}
	most = larger(most, pool_scratch(layout));
	most = larger(most, TILE_ROWS_MAX * (size_t)layout->shape.embed_hidden);
	most = larger(most, TILE_ROWS_MAX * (size_t)layout->shape.head_hidden);
	return streams_floats(layout) + most;
}

void tile_norm(const struct tile *tile, const float *gain) {
	const struct kernels *kernels = tile->kernels;
	size_t width = tile->width;
	for (size_t i = 0; i < tile->count; i++) {
		float *y = tile->normed + i * width;
		const float *x = tile->stream + i * width;
		if (tile->norm == XLSTM_RMS_NORM)
			kernels->rms_norm(y, x, gain, width, width, RMS_NORM_EPSILON);
		else
			kernels->norm(y, x, gain, width, width, NORM_EPSILON);
	}
}

void convolution_step(const struct kernels *kernels, const struct convolution *convolution,
	float *window, const float *x, float *y) {
	if (!convolution->taps) {
		kernels->silu(y, x, convolution->channels);
		return;
	}
	struct conv_step step = { convolution->channels, convolution->taps, window,
		convolution->weight, convolution->bias };
	kernels->conv_silu(y, x, &step);
}

static void embed(const struct xlstm_model *model, const struct tile *tile, const float *inputs) {
	if (model->embed.outputs)
		end_step(tile->kernels, &model->embed, tile->count, tile->stream, inputs,
			tile->scratch);
	else
		memcpy(tile->stream, inputs, tile->count * tile->width * sizeof(float));
}

static void blocks_step(const struct xlstm_model *model, struct tile *tile) {
	for (uint32_t i = 0; i < xlstm_model_shape(model)->block_count; i++) {
		const struct block *block = &model->blocks[i];
		if (block->layout->pre)
			preprojection_block_step(block, tile);
		else if (block->layout->kind == XLSTM_SLSTM)
			slstm_block_step(&block->slstm, block->layout, tile);
		else if (block->layout->kind == XLSTM_MLSTM)
			dense_block_step(&block->dense, block->layout, tile);
		if (block->feedforward.inner)
			feedforward_block_step(&block->feedforward, tile);
	}
}

/* Returns the features of the tile. */
static const float *last_norm(const struct xlstm_model *model, const struct tile *tile) {
	if (!model->last_norm)
		return tile->stream;
	tile_norm(tile, model->last_norm);
	return tile->normed;
}

static void head_step(const struct xlstm_model *model, const struct tile *tile, float *outputs,
	const float *features) {
	const struct xlstm_shape *shape = xlstm_model_shape(model);
	end_step(tile->kernels, &model->head, tile->count, outputs, features, tile->scratch);
	if (shape->output_cap)
		tile->kernels->soft_cap(
			outputs, outputs, (float)shape->output_cap, tile->count * shape->outputs);
}

/* What the rows will commit. */
static void keep_fresh(
	const struct xlstm_model *model, const struct tile *tile, const float *features) {
	size_t at = model_layout(model)->fresh_at;
	for (size_t i = 0; i < tile->count; i++)
		memcpy((float *)tile->rows[i] + at, features + i * tile->width,
			tile->width * sizeof(float));
}

/* Adds what the neighbours of the tile's series, the first of which is `first`, make of its features.
 * Returns the features then. */
static const float *pool(const struct xlstm_model *model, const struct tile *tile,
	const struct xlstm_neighbours *neighbours, size_t first, const float *own) {
	float *fused = own == tile->stream ? tile->normed : tile->stream;
	if (!model->pool.kind)
		return own;
	keep_fresh(model, tile, own);
	if (!neighbours || neighbours->offsets[first] == neighbours->offsets[first + tile->count])
		return own;
	pool_step(&model->pool, model_layout(model), tile, neighbours, first, own, fused);
	return fused;
}

void xlstm_step_among(const struct xlstm_model *model, struct xlstm_workspace *workspace,
	size_t count, void *const rows[], const float *inputs,
	const struct xlstm_neighbours *neighbours, float *features, float *outputs) {
	const struct xlstm_shape *shape = xlstm_model_shape(model);
	size_t width = shape->width, input_width = shape->inputs ? shape->inputs : width;
	assert(workspace->floats >= model->scratch_floats);

	for (size_t done = 0; done < count; done += TILE_ROWS_MAX) {
		struct tile tile = {
			.kernels = workspace->kernels,
			.norm = shape->norm,
			.count = count - done < TILE_ROWS_MAX ? count - done : TILE_ROWS_MAX,
			.width = width,
			.rows = rows + done,
			.stream = workspace->memory,
			.normed = workspace->memory + TILE_ROWS_MAX * width,
			.scratch = workspace->memory + streams_floats(model_layout(model)),
		};
		embed(model, &tile, inputs + done * input_width);
		blocks_step(model, &tile);
		const float *end = pool(model, &tile, neighbours, done, last_norm(model, &tile));
		if (features)
			memcpy(features + done * width, end, tile.count * width * sizeof(float));
		if (outputs && shape->outputs)
			head_step(model, &tile, outputs + done * shape->outputs, end);
	}
}

void xlstm_step(const struct xlstm_model *model, struct xlstm_workspace *workspace, size_t count,
	void *const rows[], const float *inputs, float *features, float *outputs) {
	xlstm_step_among(model, workspace, count, rows, inputs, NULL, features, outputs);
}
