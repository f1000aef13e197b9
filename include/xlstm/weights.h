/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_WEIGHTS_H
#define XLSTM_WEIGHTS_H

#include "xlstm/shape.h"

/*
 * All tensors of a network in one arena, each under the name that the published package's
 * state_dict gives it ("blocks.0.xlstm.proj_up.weight"), row-major, float32. Beyond the package:
 * "embed.weight" [width, inputs], "embed.bias", "head.weight" [outputs, width], "head.bias".
 *
 * Mind one pair of names: in an sLSTM block the published member `fgate` makes the *input* gate
 * and `igate` the *forget* gate. The names here mean what they mean there. The recurrent kernel
 * is [head, gate * unit, input] and the bias [gate, head, unit], gates in the order i f z o.
 */
struct xlstm_weights;

struct xlstm_tensor {
	const char *name; /* lives as long as the weights */
	uint32_t dims[3]; /* row-major; 1 beyond dimension_count */
	uint32_t dimension_count;
	uint32_t decays; /* 1 where the published recipe applies weight decay */
	size_t count; /* product of dims */
	const float *values; /* borrowed */
};

/* All values zero. The shape is copied. XLSTM_E_ code of a wrong shape, or -ENOMEM. */
int xlstm_weights_create(struct xlstm_weights **ret_weights, const struct xlstm_shape *shape);
int xlstm_weights_clone(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights);
void xlstm_weights_destroy(struct xlstm_weights *weights);

/* The published starting values; the head starts at zero, so that an untrained network says
 * nothing. The same seed gives the same values on every machine. XLSTM_E_READ_ONLY. */
int xlstm_weights_initialise(struct xlstm_weights *weights, uint64_t seed);

const struct xlstm_shape *xlstm_weights_shape(const struct xlstm_weights *weights);

/* A digest of shape and values (FNV-1a, 64 bits): names weights in logs and files, and tells
 * whether they are what they were. */
uint64_t xlstm_weights_identity(const struct xlstm_weights *weights);

size_t xlstm_tensor_count(const struct xlstm_weights *weights);
/* index below xlstm_tensor_count(). */
struct xlstm_tensor xlstm_tensor_at(const struct xlstm_weights *weights, size_t index);
/* XLSTM_E_NAME where there is none. */
int xlstm_tensor_find(
	const struct xlstm_weights *weights, const char *name, struct xlstm_tensor *ret_tensor);

/* Copies count values into the tensor of this name. XLSTM_E_NAME, _COUNT, _NOT_FINITE or _READ_ONLY; nothing
 * is written then. */
int xlstm_tensor_set(
	struct xlstm_weights *weights, const char *name, const float *values, size_t count);

/*
 * Notes: short texts in UTF-8 that travel with the weights into clones and files. What was trained
 * on what, what the inputs mean. Keys "format" and "xlstm_..." are reserved.
 */
/* NULL where there is none; borrowed until the note is set again. */
const char *xlstm_note(const struct xlstm_weights *weights, const char *key);
/* value NULL removes. XLSTM_E_NOTE, XLSTM_E_READ_ONLY or -ENOMEM. */
int xlstm_note_set(struct xlstm_weights *weights, const char *key, const char *value);
/* Calls `each` for all notes. */
typedef void (*xlstm_note_fn)(void *context, const char *key, const char *value);
void xlstm_notes(const struct xlstm_weights *weights, xlstm_note_fn each, void *context);

#endif
