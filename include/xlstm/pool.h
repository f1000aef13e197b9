/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_POOL_H
#define XLSTM_POOL_H

#include "xlstm/train.h"

/*
 * Series that see each other, for models whose shape says how (`pool`). Behind the last norm each
 * series looks at the hidden vectors, the features, of its neighbours and adds what it makes of
 * them to its own h, before the head:
 *
 *	y = h + sigmoid(G [h; p] + b) * (V p)
 *	p = sum_j share_j 2^-age_j h_j
 *
 *	XLSTM_MEAN_POOL       share_j = 1 / n
 *	XLSTM_INVERSE_POOL    share_j ~ 1 / (distance_j + 1e-6)
 *	XLSTM_ATTENTION_POOL  share_j ~ exp(q k_j / sqrt(keys) - beta distance_j / mean distance)
 *	                      with q = Q h + b_q and k_j = K h_j
 *
 * Shares add up to one; where there is no neighbour p is zero and y is h, bit for bit, and so it is
 * for everybody as long as V is zero, as it starts.
 *
 * h_j is what the neighbour's row held when xlstm_commit() was last called for it. So what a series
 * sees does not depend on who steps first, nor on how a batch is cut.
 */

/* Neighbours of one series at the most. */
#define XLSTM_NEIGHBOURS_MAX 256

/* Who sees whom: the neighbours of series i are entries offsets[i] to offsets[i + 1] - 1. */
struct xlstm_neighbours {
	const uint32_t *offsets; /* [count + 1] */
	const uint32_t *indices; /* of states; in a sequence of its own series */
	const float *distances; /* 0 or more, in any unit */
	/* Steps for which the neighbour has brought nothing new; each halves what it says. One for
	 * each entry, in a sequence [entries, steps]; NULL: none. */
	const float *ages;
	float reach; /* neighbours farther away are not seen; 0: all are. The mean distance is that
		      * of all. */
	const void *const *states; /* rows; in a sequence not looked at */
};

/* xlstm_step() with neighbours; NULL: nobody has any. */
void xlstm_step_among(const struct xlstm_model *model, struct xlstm_workspace *workspace,
	size_t count, void *const rows[], const float *inputs,
	const struct xlstm_neighbours *neighbours, float *features, float *outputs);

/* What the rows' last steps gave is what others see from now on. */
void xlstm_commit(const struct xlstm_model *model, size_t count, void *const rows[]);

/* The hidden vector [width] of a row as others see it: zero before the first commit. NULL where the
 * model does not pool. */
const float *xlstm_state_hidden(const struct xlstm_model *model, const void *row);

/* xlstm_sequence() with neighbours among its own series, which commit after every step. Borrowed
 * until xlstm_backward() is done, which also follows the neighbours' part within the window. */
void xlstm_sequence_among(const struct xlstm_model *model, struct xlstm_tape *tape, size_t series,
	size_t steps, void *const rows[], const float *inputs,
	const struct xlstm_neighbours *neighbours, float *features, float *outputs);

/* Weights that pool, from weights that do not or in another way: what both have is copied, notes too;
 * the rest starts as xlstm_weights_initialise() has it. XLSTM_E_ code of a wrong shape, or -ENOMEM. */
int xlstm_weights_with_pool(struct xlstm_weights **ret_weights, const struct xlstm_weights *weights,
	enum xlstm_pool pool, uint32_t keys, uint64_t seed);

#endif
