/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "lane.h"
#include "xlstm/weights.h"

/*
 * Pretraining: lanes side by side, the network's states carried over window edges, where gradients
 * end; pinball loss at sampled ticks; AdamW. The weights that are kept are an average over the last
 * steps. The same options give the same bits, whatever the number of threads and wherever training
 * was stopped and resumed.
 */
struct trainer_options {
	struct lane_source source;
	uint64_t steps;
	uint32_t lanes; /* a multiple of TRAINER_SLICE */
	uint32_t threads;
	double rate, decay;
	bool frozen; /* nothing but the pooling learns */
	double young; /* weight of a series' first two periods */
	const struct xlstm_weights *start; /* borrowed until trainer_create has returned */
};

/* Lanes that are worked on by one thread at a time; gradients are summed in their order. */
#define TRAINER_SLICE LANE_COMPANY

struct trainer;

/* -ENOMEM, -EINVAL where the weights do not take the network's inputs, or an XLSTM_E_ code. */
int trainer_create(struct trainer **ret_trainer, const struct trainer_options *options);
void trainer_destroy(struct trainer *trainer);

/* One step of all lanes. Returns the mean loss; NAN where the gradient was not finite: nothing moved
 * and all states start afresh. */
double trainer_step(struct trainer *trainer);

uint64_t trainer_steps(const struct trainer *trainer);

/* The average. Writes into weights of the same shape. */
void trainer_average(const struct trainer *trainer, struct xlstm_weights *weights);

/* All that is needed to go on: replaces the file. -errno. */
int trainer_save(const struct trainer *trainer, const char *path);

/* Goes on from a file; only before the first step. -errno, E_CORRUPT, E_VERSION, or E_MISMATCH where
 * it was written with other options (those of threads apart). */
int trainer_resume(struct trainer *trainer, const char *path);

#endif
