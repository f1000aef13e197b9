/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_TRAINING_H
#define DAEMON_TRAINING_H

#include "lane.h"
#include "versions.h"

#include <stdatomic.h>

struct app;
struct study;

/* The train lane's job. */
struct train_job {
	struct study *study;
	struct app *app;
	uint64_t busy_ns; /* since the start of the daemon */
	uint64_t took_ns; /* the latest study */
	atomic_bool stopping; /* the study is to end at once */
};

/* Learning while running, as the daemon sees it: docs/learning.md. The lane's thread makes way for
 * all others. */
struct training {
	struct train_job job;
	struct lane lane;
	uint64_t busy_ns; /* as of the latest study */
	struct xlstm_model
		*shipped; /* counted: what everything was learned from; NULL: no network */
	struct text base; /* its name */
	struct versions versions;
	uint64_t adopted, refused, undone;
	uint64_t without_own; /* detectors that had to share though their source says own */
	bool paused; /* by request */
};

#endif
