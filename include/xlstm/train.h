/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XLSTM_TRAIN_H
#define XLSTM_TRAIN_H

#include "xlstm/step.h"

#include <stdbool.h>

/*
 * The sequence form, its gradients and what training needs besides. A training step is
 *
 *	xlstm_model_create        from the weights as they are
 *	xlstm_sequence            states move on, outputs come out
 *	xlstm_loss                its value and its gradient
 *	xlstm_backward            adds to the gradient
 *	xlstm_adamw_step          moves the weights
 *
 * Windows that follow each other in time give truncated back-propagation: states are carried from
 * one to the next, gradients end at the window's start.
 */

/* Remembers one pass over windows for the way back. Belongs to one thread. */
struct xlstm_tape;

struct xlstm_tape_options {
	size_t series, steps; /* most in one pass */
	enum xlstm_instructions instructions;
	/* Keep only the input of each block and compute the rest again on the way back: memory for
	 * one block instead of all, for a third more work. */
	bool checkpoint;
	/* Forward only: xlstm_backward() must not be called. */
	bool forward_only;
};

int xlstm_tape_create(struct xlstm_tape **ret_tape, const struct xlstm_shape *shape,
	const struct xlstm_tape_options *options);
void xlstm_tape_destroy(struct xlstm_tape *tape);

/*
 * As many steps for each series as xlstm_step() would take one by one, to rounding.
 *   rows     [series]                  states, moved on to the end of the window
 *   inputs   [series, steps, inputs]   borrowed until xlstm_backward() is done
 *   features [series, steps, width]    NULL: not wanted
 *   outputs  [series, steps, outputs]  NULL: not wanted
 */
void xlstm_sequence(const struct xlstm_model *model, struct xlstm_tape *tape, size_t series,
	size_t steps, void *const rows[], const float *inputs, float *features, float *outputs);

/*
 * Adds the gradient of a loss to `gradient` (weights of the same shape), given the loss's
 * gradients for the features and outputs of the last xlstm_sequence() with this tape and model;
 * NULL: zero. input_slopes [series, steps, inputs] is written unless NULL. Only once per sequence.
 */
void xlstm_backward(const struct xlstm_model *model, struct xlstm_tape *tape,
	const float *feature_slopes, const float *output_slopes, struct xlstm_weights *gradient,
	float *input_slopes);

enum xlstm_loss_kind {
	XLSTM_SQUARED,
	XLSTM_ABSOLUTE,
	XLSTM_PINBALL, /* max(q e, (q - 1) e) with e = target - output */
};

struct xlstm_loss {
	enum xlstm_loss_kind kind;
	/* Output j of a token belongs to quantiles[j / (outputs / quantile_count)]. Pinball only. */
	const float *quantiles;
	size_t quantile_count;
};

/*
 * The mean over the observed of count = tokens * outputs values, and its gradient.
 *   mask [tokens, outputs], 0: not observed; NULL: all are. A target there may be anything.
 *   slopes [tokens, outputs]
 */
double xlstm_loss(const struct xlstm_loss *loss, size_t tokens, size_t outputs, const float *values,
	const float *targets, const float *mask, float *slopes);

/* AdamW (Loshchilov and Hutter 2019): decay apart from the gradient, and only on the tensors that
 * the published recipe decays. */
struct xlstm_adamw;

struct xlstm_adamw_options {
	double beta1, beta2, epsilon;
	double decay;
	double clip; /* largest norm of the whole gradient; 0: any */
};

/* beta 0.9 and 0.999, epsilon 1e-8, decay 0.1, clip 1. */
struct xlstm_adamw_options xlstm_adamw_published(void);

int xlstm_adamw_create(struct xlstm_adamw **ret_adamw, const struct xlstm_shape *shape,
	const struct xlstm_adamw_options *options);
void xlstm_adamw_destroy(struct xlstm_adamw *adamw);

/* Moves the weights against the gradient and sets the gradient to zero. Returns the gradient's norm
 * before clipping; where that is not finite, nothing moves. */
double xlstm_adamw_step(struct xlstm_adamw *adamw, struct xlstm_weights *weights,
	struct xlstm_weights *gradient, double rate);

/* The moments, laid out like the weights, and the steps that made them: with the weights they are all
 * that a run needs to be gone on with. mean and square are weights of the same shape. */
void xlstm_adamw_moments(const struct xlstm_adamw *adamw, struct xlstm_weights *mean,
	struct xlstm_weights *square, uint64_t *ret_steps);
void xlstm_adamw_resume(struct xlstm_adamw *adamw, const struct xlstm_weights *mean,
	const struct xlstm_weights *square, uint64_t steps);

/* Linear from 0 to peak over `warmup` steps, then a cosine to `last` at step `steps`, then last. */
double xlstm_cosine_rate(size_t step, size_t warmup, size_t steps, double peak, double last);

#endif
