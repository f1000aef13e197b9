/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_LEARNER_H
#define FORECAST_LEARNER_H

#include "recorder.h"
#include "study.h"
#include "trial.h"

/*
 * What learns one set of weights, those that detectors share or a detector's own: it records lessons,
 * says when an attempt is due, and decides what becomes of it.
 *
 * Time is that of the data: a tick of a series that is being recorded counts one step of its clock,
 * over the number of such series. So a backtest learns as often as the daemon does.
 */
struct learner {
	struct learning_options options;
	struct xlstm_model *champion; /* counted: the weights in use */
	struct xlstm_model *previous; /* counted: those before, while these are on trial */
	struct memory memory;
	struct recorder recorder;
	struct student student;
	struct trial trial;
	bool studying; /* the student is a thread's */
	bool outdated; /* what it studies is about weights that are no longer in use */
	bool failed; /* the trial: the weights are to be taken back */
	uint32_t refused; /* attempts in a row */
	double elapsed_ms; /* since the last attempt */
	double block_ms; /* since the last block of live scores */
	double reach_ms; /* how far forecasts look ahead */
	double before, after; /* of the trial that failed */
};

int learner_create(struct learner **ret_learner, const struct learning_options *options,
	struct xlstm_model *champion);

/* Not while it is studying. */
void learner_destroy(struct learner *learner);

/* Series that ticks are expected of. */
void learner_expect(struct learner *learner, size_t series);

/* One tick of a series, after its row has taken it in and the network has stepped. */
struct learner_tick {
	uint32_t series;
	struct lesson_tick tick;
	int64_t step_ms;
	double network, closed; /* errors of forecasts whose value this is; 0: none */
};

void learner_take(struct learner *learner, const struct row *row, const struct learner_tick *tick);

/* Nothing is learned from the lesson of this series that is under way. */
void learner_forget(struct learner *learner, uint32_t series);

/* An attempt, if one is due; NULL if not. It is to be worked off and then concluded. */
struct study *learner_begin(struct learner *learner);

/* Takes the study back, decides, and destroys it. */
void learner_conclude(struct learner *learner, struct study *study, struct verdict *ret_verdict);

/* Whether the weights in use have done badly since they were adopted: if so, those before are the
 * champion again. */
bool learner_review(struct learner *learner, struct verdict *ret_verdict);

/* Other weights are put in use from outside. What is being studied meanwhile comes to nothing. */
void learner_replace(struct learner *learner, struct xlstm_model *champion);

/* Bytes that a learner takes at the most. */
size_t learner_bytes(const struct learning_options *options, const struct xlstm_model *champion);

#endif
