/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_MODEL_H
#define XLSTM_MODEL_H

#include "xlstm/weights.h"

/*
 * Weights made ready for use: never changed once created, counted, free to be shared between
 * threads. Learning makes a new one.
 */
struct xlstm_model;

/* Takes a copy of the weights, or keeps them where they are mapped from a file. -ENOMEM. */
int xlstm_model_create(struct xlstm_model **ret_model, const struct xlstm_weights *weights);

struct xlstm_model *xlstm_model_ref(struct xlstm_model *model);
void xlstm_model_unref(struct xlstm_model *model); /* NULL is fine */

/* Borrowed. */
const struct xlstm_shape *xlstm_model_shape(const struct xlstm_model *model);
const struct xlstm_weights *xlstm_model_weights(const struct xlstm_model *model);

/* Bytes of one row: the recurrent state of one series under this model. A row is plain bytes
 * without pointers, so memcpy saves, restores and moves it; all zero is the state before the first
 * step. 4-byte alignment is enough, rows that start on 64 bytes are fastest. */
size_t xlstm_state_size(const struct xlstm_model *model);

/* A digest of all that gives the bytes of a row their meaning: the version of the layout and the
 * shape. Rows may go on under another model exactly if this is the same. */
uint64_t xlstm_state_layout(const struct xlstm_model *model);

/* That of the weights. */
uint64_t xlstm_model_identity(const struct xlstm_model *model);

#endif
