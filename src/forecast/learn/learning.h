/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_LEARNING_H
#define FORECAST_LEARNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the network's weights learn while ticks come in: docs/learning.md. */

struct xlstm_model;
struct detector;

struct learning_options {
	bool enabled;
	size_t memory; /* bytes of lessons, for the shared weights */
	size_t memory_own; /* the same for the weights of one detector */
	double rate; /* of a step of AdamW */
	double steps; /* a day of data */
	int64_t every_ms; /* of data, between two attempts */
	uint64_t seed;
};

/* Off; else 64 MB, 2 MB, 2e-4, 6 steps a day of data, attempts once a day. */
void learning_options_init(struct learning_options *options);

/* An attempt, see engine.h. */
struct study;

/* Called now and then from inside a study; false: it is to end at once, without a result. May be
 * NULL. */
typedef bool study_beat_fn(void *context);

/* Computes; on any thread. */
void study_work(struct study *study, study_beat_fn *beat, void *context);

enum verdict_kind {
	VERDICT_ADOPTED, /* the challenger is in use now */
	VERDICT_REFUSED,
	VERDICT_UNDONE, /* weights adopted earlier did badly and have been taken back */
	VERDICTS
};

/* What became of an attempt, or of weights that were on trial. */
struct verdict {
	enum verdict_kind kind;
	struct detector *detector; /* whose own weights; NULL: the shared ones */
	struct xlstm_model *before; /* in use until now; counted for the verdict */
	struct xlstm_model
		*after; /* what was tried, or is in use again; NULL: nothing came of it */
	uint32_t steps, lessons; /* that were taken, on so many */
	uint32_t exam_lessons, exam_series; /* that decided */
	double loss_before,
		loss_after; /* in the exam; of VERDICT_UNDONE the live error over that of
					 * the closed mix */
	char reason[128];
};

void verdict_finish(struct verdict *verdict);

#endif
