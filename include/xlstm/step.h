/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_STEP_H
#define XLSTM_STEP_H

#include "xlstm/model.h"

/* Which of the compiled variants to run. */
enum xlstm_instructions {
	XLSTM_BEST, /* the best that this processor has */
	XLSTM_PORTABLE,
	XLSTM_AVX2, /* with FMA */
	XLSTM_AVX512,
};

/* Scratch memory of one thread. Serves the model that it was created for and every model of the
 * same shape. */
struct xlstm_workspace;

/* -ENOMEM, or XLSTM_E_INSTRUCTIONS. */
int xlstm_workspace_create(struct xlstm_workspace **ret_workspace, const struct xlstm_model *model,
	enum xlstm_instructions instructions);
void xlstm_workspace_destroy(struct xlstm_workspace *workspace);

/* "avx512", "avx2" or "portable". */
const char *xlstm_workspace_instructions(const struct xlstm_workspace *workspace);

/*
 * Takes `count` series one step further.
 *   rows     [count]           the state of each, xlstm_state_size() bytes, all different
 *   inputs   [count, inputs]   or [count, width] where the model has no embedding
 *   features [count, width]    after the last norm; NULL: not wanted
 *   outputs  [count, outputs]  of the head; NULL: not wanted, or the model has no head
 *
 * A series gets the same bits whatever else is in the batch, wherever it stands in it, and
 * however the batch is cut. Allocates nothing. features may be inputs.
 */
void xlstm_step(const struct xlstm_model *model, struct xlstm_workspace *workspace, size_t count,
	void *const rows[], const float *inputs, float *features, float *outputs);

#endif
