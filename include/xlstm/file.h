/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_FILE_H
#define XLSTM_FILE_H

#include "xlstm/weights.h"

/*
 * Weights in safetensors files (github.com/huggingface/safetensors).
 *
 * Files that xlstm_weights_save() writes say in their metadata which version they are, the shape,
 * the identity of the weights as a checksum, and the notes. The tensors have the names and
 * dimensions of the published package's state_dict, so such a file also loads there.
 *
 * Files without that metadata are taken for a state_dict of the published package, of a whole
 * stack or of a single block, with or without a common prefix of the names. Their shape follows
 * from names and dimensions. The recurrent kernels of both its layouts are understood (the one for
 * processors, [head, gate * unit, input], and the one for CUDA, [head, input, gate * unit], with
 * the bias [head, gate, unit]), and so are the types BF16 and F16.
 *
 * A file is believed in nothing: every fault has a code of its own, and a file that opens is
 * complete, consistent and finite.
 */

/* What a fault belongs to: the name of a tensor or of a key of the metadata, cut short if need be;
 * empty if it belongs to the file as a whole. */
struct xlstm_fault {
	char where[96];
};

/*
 * Opens a file of weights. Where the values lie in it as they do in memory, which is so in files
 * of xlstm_weights_save(), they are not read but mapped, read-only: all processes that open the
 * file share one copy, and a model made from such weights keeps them instead of a copy. Such
 * weights cannot be changed (XLSTM_E_READ_ONLY); their clones can. The file may be replaced or
 * removed meanwhile, but must not be written into; xlstm_weights_save() never does.
 *
 * fault may be NULL. XLSTM_E_ code, or -errno.
 */
int xlstm_weights_open(
	struct xlstm_weights **ret_weights, const char *path, struct xlstm_fault *fault);

/* The same from memory; the values are copied. */
int xlstm_weights_parse(struct xlstm_weights **ret_weights, const void *bytes, size_t size,
	struct xlstm_fault *fault);

/* Replaces the file as a whole or leaves what was there: writes beside it, syncs, renames, syncs
 * the folder. -errno, or XLSTM_E_HEADER_SIZE where the notes are too long. */
int xlstm_weights_save(const struct xlstm_weights *weights, const char *path);

/* The bytes of such a file, in memory that the caller frees. -ENOMEM, or XLSTM_E_HEADER_SIZE. */
int xlstm_weights_write(const struct xlstm_weights *weights, void **ret_bytes, size_t *ret_size);

/* How the published package is to find its weights. */
enum xlstm_published {
	XLSTM_PUBLISHED = 0, /* a stack of blocks on processors */
	XLSTM_PUBLISHED_CUDA = 1, /* recurrent kernels and biases as its CUDA backend has them */
	XLSTM_PUBLISHED_BLOCK = 2, /* names of a single block; XLSTM_E_BLOCKS if there are more */
};

/* The same without our metadata, for torch.load_state_dict(). `flags` are of enum
 * xlstm_published, ored. */
int xlstm_weights_export(const struct xlstm_weights *weights, const char *path, unsigned int flags);

/* A shape as files have it, in JSON, fields that are zero left out; the caller frees it. NULL
 * without memory. */
char *xlstm_shape_text(const struct xlstm_shape *shape);

#endif
