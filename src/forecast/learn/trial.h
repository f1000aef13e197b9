/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_TRIAL_H
#define FORECAST_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How the network does live: the logarithm of its error over that of the closed mix, which meets the
 * same weather, in blocks of equal spans of data. The last blocks are kept; adopting other weights
 * begins a trial, in which new blocks are held against those from before.
 */
#define TRIAL_BEFORE 24 /* blocks that are remembered */
#define TRIAL_BLOCKS 8 /* a trial is over after so many */
#define TRIAL_LEAST  4 /* blocks before there is a verdict, on either side */
#define TRIAL_SCORED 16 /* ticks with scores that a block must have; else it goes on */

struct trial_mean {
	double sum, squares;
	uint32_t count;
};

struct trial {
	double network, closed; /* errors of the block that is filling */
	uint32_t scored; /* ticks in it */
	double before[TRIAL_BEFORE]; /* ring */
	uint32_t blocks; /* that have been put into it */
	bool running;
	double waiting; /* blocks' spans until forecasts of the old weights have been scored */
	struct trial_mean reference, after;
};

enum trial_state {
	TRIAL_NONE,
	TRIAL_RUNNING,
	TRIAL_PASSED, /* told once */
	TRIAL_FAILED, /* told once */
};

/* Errors of one tick's forecasts. */
void trial_score(struct trial *trial, double network, double closed);

/* Whether the block that is filling has enough scores to end. */
bool trial_can_end_block(const struct trial *trial);

/* A block's span of data, at least, has passed, and it can end. */
enum trial_state trial_end_block(struct trial *trial);

/* Other weights are in use from now on; `waiting` blocks pass before they are judged. */
void trial_begin(struct trial *trial, double waiting);

/* Mean of the logarithms: of the reference and of the trial's blocks so far. */
double trial_before(const struct trial *trial);
double trial_after(const struct trial *trial);

#endif
