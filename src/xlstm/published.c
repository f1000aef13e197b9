/* SPDX-License-Identifier: Apache-2.0 */
#include "published.h"

#include "xlstm/error.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BLOCK "blocks.0."

void names_write(char *to, size_t size, const struct names *names, const char *ours) {
	if (names->bare && !strncmp(ours, FIRST_BLOCK, strlen(FIRST_BLOCK)))
		ours += strlen(FIRST_BLOCK);
	snprintf(to, size, "%s%s", names->prefix, ours);
}

static const struct safetensor *find(
	const struct safetensors *file, const struct names *names, const char *ours) {
	char name[NAMES_PREFIX_MAX + TENSOR_NAME_MAX];
	names_write(name, sizeof(name), names, ours);
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
	*names = (struct names){ .bare = false };
	if (find_prefix(names, file, FIRST_BLOCK))
		return true;
	names->bare = true;
	return find_prefix(names, file, "xlstm_norm.weight");
}

static uint32_t dim(const struct safetensor *tensor, size_t index) {
	return tensor ? tensor->dims[index] : 0;
}

/* False where the file has no such block. */
static bool block_shape(struct xlstm_block_shape *ret_block, const struct safetensors *file,
	const struct names *names, uint32_t index) {
	struct xlstm_block_shape block = { .kind = XLSTM_FEEDFORWARD };
	const struct safetensor *up, *recurrent, *gate, *convolution, *down;
	up = find_in_block(file, names, index, "xlstm.proj_up.weight");
	recurrent = find_in_block(file, names, index, "xlstm.slstm_cell._recurrent_kernel_");
	gate = find_in_block(file, names, index, "xlstm.mlstm_cell.igate.weight");
	convolution = find_in_block(file, names, index, "xlstm.conv1d.conv.weight");
	down = find_in_block(file, names, index, "ffn.proj_down.weight");
	if (!up && !recurrent && !down)
		return false;

	if (up) {
		block.kind = XLSTM_MLSTM;
		block.inner = dim(up, 0) / 2;
		block.heads = dim(gate, 0);
	} else if (recurrent) {
		block.kind = XLSTM_SLSTM;
		block.heads = dim(recurrent, 0);
	}
	block.taps = dim(convolution, 2);
	block.feedforward = dim(down, 1);
	*ret_block = block;
	return true;
}

int published_shape(
	struct xlstm_shape *ret_shape, struct names *ret_names, const struct safetensors *file) {
	struct xlstm_shape shape = { .width = 0 };
	struct names names;
	if (!find_names(&names, file))
		return XLSTM_E_FOREIGN;

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
