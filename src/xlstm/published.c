/* SPDX-License-Identifier: Apache-2.0 */
#include "published.h"

#include "xlstm/error.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BLOCK "blocks.0."

/* The beginnings of names behind "blocks.N.", the longer ones first. */
static const struct renaming {
	const char *ours, *theirs;
} tirex_names[] = {
	{ "xlstm_norm.", "norm_slstm." },
	{ "xlstm.", "slstm_layer." },
	{ "ffn_norm.", "norm_ffn." },
	{ "ffn.proj_up.", "ffn.proj_up_gate." },
	{ "post_blocks_norm.", "out_norm." },
};

/* Of the 7B model's blocks; the rest is named there as here. */
static const struct renaming large_names[] = {
	{ "xlstm_norm.", "norm_mlstm." },
	{ "ffn_norm.", "norm_ffn." },
	{ "ffn.proj_up.", "ffn.proj_up_gate." },
	{ "post_blocks_norm.", "out_norm." },
};

/* Its gates are capped, which no tensor tells. */
#define LARGE_GATE_CAP 15

/* Those of the maps around the blocks, which are not in the stack there. */
static const struct renaming tirex_ends[] = {
	{ "embed.hidden.", "input_patch_embedding.hidden_layer." },
	{ "embed.output.", "input_patch_embedding.output_layer." },
	{ "embed.", "input_patch_embedding.residual_layer." },
	{ "head.hidden.", "output_patch_embedding.hidden_layer." },
	{ "head.output.", "output_patch_embedding.output_layer." },
	{ "head.", "output_patch_embedding.residual_layer." },
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define TIREX_STACK "block_stack."

static const struct renaming *renaming_of(
	const struct renaming *list, size_t count, const char *name) {
	for (size_t i = 0; i < count; i++)
		if (!strncmp(name, list[i].ours, strlen(list[i].ours)))
			return &list[i];
	return NULL;
}

/* What follows "blocks.N.", all of it where there is no block. */
static const char *inside_block(const char *ours) {
	if (strncmp(ours, "blocks.", strlen("blocks.")))
		return ours;
	return strchr(ours + strlen("blocks."), '.') + 1;
}

static void write_large(char to[NAMES_MAX], const char *prefix, const char *ours) {
	const char *rest = inside_block(ours);
	const struct renaming *in = renaming_of(large_names, COUNT(large_names), rest);
	snprintf(to, NAMES_MAX, "%s%.*s%s%s", prefix, (int)(rest - ours), ours,
		in ? in->theirs : "", rest + (in ? strlen(in->ours) : 0));
}

static void write_tirex(char to[NAMES_MAX], const char *prefix, const char *ours) {
	const char *rest = inside_block(ours);
	const struct renaming *in = renaming_of(tirex_names, COUNT(tirex_names), rest);
	const struct renaming *end = renaming_of(tirex_ends, COUNT(tirex_ends), rest);
	size_t length = strlen(prefix), stack = strlen(TIREX_STACK);

	if (end && length >= stack && !strcmp(prefix + length - stack, TIREX_STACK))
		length -= stack;
	const struct renaming *renaming = end ? end : in;
	snprintf(to, NAMES_MAX, "%.*s%.*s%s%s", (int)length, prefix, (int)(rest - ours), ours,
		renaming ? renaming->theirs : "", rest + (renaming ? strlen(renaming->ours) : 0));
}

void names_write(char to[NAMES_MAX], const struct names *names, const char *ours) {
	if (names->style == NAMES_TIREX) {
		write_tirex(to, names->prefix, ours);
		return;
	}
	if (names->style == NAMES_LARGE) {
		write_large(to, names->prefix, ours);
		return;
	}
	if (names->bare)
		ours = inside_block(ours);
	snprintf(to, NAMES_MAX, "%s%s", names->prefix, ours);
}

bool names_write_second(char to[NAMES_MAX], const struct names *names, const char *ours) {
	if (names->style == NAMES_PUBLISHED || strcmp(inside_block(ours), "ffn.proj_up.weight"))
		return false;
	snprintf(to, NAMES_MAX, "%s%s", names->prefix, ours);
	return true;
}

static const struct safetensor *find(
	const struct safetensors *file, const struct names *names, const char *ours) {
	char name[NAMES_MAX];
	names_write(name, names, ours);
	return safetensors_find(file, name);
}

static const struct safetensor *find_in_block(const struct safetensors *file,
	const struct names *names, uint32_t block, const char *ours) {
	char name[TENSOR_NAME_MAX];
	snprintf(name, sizeof(name), "blocks.%u.%s", block, ours);
	return find(file, names, name);
}

/* Takes what stands before `landmark` in the first name that has it for the prefix. */
static bool find_prefix(struct names *names, const struct safetensors *file, const char *landmark) {
	for (size_t i = 0; i < file->tensor_count; i++) {
		const char *name = file->tensors[i].name, *at = strstr(name, landmark);
		size_t length = at ? (size_t)(at - name) : 0;
		if (!at || length >= NAMES_PREFIX_MAX || (length && at[-1] != '.'))
			continue;
		memcpy(names->prefix, name, length);
		names->prefix[length] = '\0';
		return true;
	}
	return false;
}

static bool find_names(struct names *names, const struct safetensors *file) {
	*names = (struct names){ .style = NAMES_TIREX };
	if (find_prefix(names, file, FIRST_BLOCK "norm_slstm.weight"))
		return true;
	names->style = NAMES_LARGE;
	if (find_prefix(names, file, FIRST_BLOCK "norm_mlstm.weight"))
		return true;
	names->style = NAMES_PUBLISHED;
	if (find_prefix(names, file, FIRST_BLOCK))
		return true;
	names->bare = true;
	return find_prefix(names, file, "xlstm_norm.weight");
}

static uint32_t dim(const struct safetensor *tensor, size_t index) {
	return tensor ? tensor->dims[index] : 0;
}

static void memory_shape(struct xlstm_block_shape *block, const struct safetensors *file,
	const struct names *names, uint32_t index) {
	const struct safetensor *up, *recurrent, *gate, *queries, *values;
	up = find_in_block(file, names, index, "xlstm.proj_up.weight");
	recurrent = find_in_block(file, names, index, "xlstm.slstm_cell._recurrent_kernel_");
	gate = find_in_block(file, names, index, "xlstm.mlstm_cell.igate.weight");
	queries = find_in_block(file, names, index, "mlstm_layer.q.weight");
	values = find_in_block(file, names, index, "mlstm_layer.v.weight");

	block->inner = dim(up, 0) / 2;
	if (recurrent) {
		block->kind = XLSTM_SLSTM;
		block->heads = dim(recurrent, 0);
		block->arrangement = up ? XLSTM_PRE_PROJECTION : XLSTM_USUAL_ARRANGEMENT;
	} else if (up) {
		block->kind = XLSTM_MLSTM;
		block->heads = dim(gate, 0);
	} else if (queries) {
		block->kind = XLSTM_MLSTM;
		block->arrangement = XLSTM_POST_PROJECTION;
		block->heads = dim(
			find_in_block(file, names, index, "mlstm_layer.igate_preact.weight"), 0);
		block->keys = dim(queries, 0);
		block->inner = dim(values, 0);
		block->gate_cap = LARGE_GATE_CAP;
	}
}

/* False where the file has no such block. */
static bool block_shape(struct xlstm_block_shape *ret_block, const struct safetensors *file,
	const struct names *names, uint32_t index) {
	struct xlstm_block_shape block = { .kind = XLSTM_FEEDFORWARD };
	const struct safetensor *convolution, *down;
	convolution = find_in_block(file, names, index, "xlstm.conv1d.conv.weight");
	down = find_in_block(file, names, index, "ffn.proj_down.weight");
	memory_shape(&block, file, names, index);
	if (block.kind == XLSTM_FEEDFORWARD && !down)
		return false;

	block.taps = dim(convolution, 2);
	block.feedforward = dim(down, 1);
	if (names->style != NAMES_PUBLISHED && down)
		block.activation = XLSTM_SILU;
	*ret_block = block;
	return true;
}

int published_shape(
	struct xlstm_shape *ret_shape, struct names *ret_names, const struct safetensors *file) {
	struct names names;
	if (!find_names(&names, file))
		return XLSTM_E_FOREIGN;

	bool later = names.style != NAMES_PUBLISHED;
	struct xlstm_shape shape = { .norm = later ? XLSTM_RMS_NORM : XLSTM_LAYER_NORM };

	while (shape.block_count < XLSTM_BLOCKS_MAX &&
		block_shape(&shape.blocks[shape.block_count], file, &names, shape.block_count)) {
		shape.block_count++;
		if (names.bare)
			break;
	}
	if (!shape.block_count)
		return XLSTM_E_FOREIGN;

	const struct safetensor *norm = find_in_block(file, &names, 0, "xlstm_norm.weight");
	if (!norm)
		norm = find_in_block(file, &names, 0, "ffn_norm.weight");
	shape.width = dim(norm, 0);
	shape.plain_end = !find(file, &names, "post_blocks_norm.weight");
	shape.inputs = dim(find(file, &names, "embed.weight"), 1);
	shape.outputs = dim(find(file, &names, "head.weight"), 0);
	shape.embed_hidden = dim(find(file, &names, "embed.hidden.weight"), 0);
	shape.head_hidden = dim(find(file, &names, "head.hidden.weight"), 0);
	*ret_shape = shape;
	*ret_names = names;
	return 0;
}

bool published_cuda(const struct safetensor *found, const struct tensor_layout *tensor) {
	return tensor->id == T_RECURRENT && found->dimension_count == 3 &&
	       found->dims[0] == tensor->dims[0] && found->dims[1] == tensor->dims[2] &&
	       found->dims[2] == tensor->dims[1];
}

/* [outer, rows, columns, each] to [outer, columns, rows, each]. */
static void swap_inner(
	float *to, const float *from, size_t outer, size_t rows, size_t columns, size_t each) {
	for (size_t i = 0; i < outer; i++)
		for (size_t j = 0; j < rows; j++)
			for (size_t k = 0; k < columns; k++)
				memcpy(to + ((i * columns + k) * rows + j) * each,
					from + ((i * rows + j) * columns + k) * each,
					each * sizeof(float));
}

void cuda_kernel_read(float *to, const float *from, size_t heads, size_t units) {
	swap_inner(to, from, heads, units, 4 * units, 1);
}

void cuda_kernel_write(float *to, const float *from, size_t heads, size_t units) {
	swap_inner(to, from, heads, 4 * units, units, 1);
}

void cuda_bias_read(float *to, const float *from, size_t heads, size_t units) {
	swap_inner(to, from, 1, heads, 4, units);
}

void cuda_bias_write(float *to, const float *from, size_t heads, size_t units) {
	swap_inner(to, from, 1, 4, heads, units);
}
