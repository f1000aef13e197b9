/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_PUBLISHED_H
#define XLSTM_PUBLISHED_H

#include "layout.h"
#include "safetensors.h"

/*
 * Files that say nothing about themselves: state_dicts of the published package, whose names are
 * ours apart from what may stand in front of them, and of the later models, which have names of
 * their own and the two halves of the feed-forward part's first map as two tensors.
 */
#define NAMES_PREFIX_MAX 64
#define NAMES_MAX        (NAMES_PREFIX_MAX + 96)

struct names {
	char prefix[NAMES_PREFIX_MAX]; /* before every name */
	bool bare; /* of a single block: without "blocks.0." */
	enum { NAMES_PUBLISHED, NAMES_TIREX, NAMES_LARGE } style;
};

/* Their name of a tensor of ours; of its first half where they have it in two. */
void names_write(char to[NAMES_MAX], const struct names *names, const char *ours);

/* Their name of the second half; false where the tensor is in one piece. */
bool names_write_second(char to[NAMES_MAX], const struct names *names, const char *ours);

/* XLSTM_E_FOREIGN where the file holds no stack and no block of the published package. The
 * shape still needs xlstm_shape_check() and a comparison of all tensors. */
int published_shape(
	struct xlstm_shape *ret_shape, struct names *ret_names, const struct safetensors *file);

/* The recurrent kernel in the layout of the CUDA backend. */
bool published_cuda(const struct safetensor *found, const struct tensor_layout *tensor);

/* The kernel and the bias of an sLSTM block from the CUDA layout to ours, and back. */
void cuda_kernel_read(float *to, const float *from, size_t heads, size_t units);
void cuda_kernel_write(float *to, const float *from, size_t heads, size_t units);
void cuda_bias_read(float *to, const float *from, size_t heads, size_t units);
void cuda_bias_write(float *to, const float *from, size_t heads, size_t units);

#endif
