/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TRAIN_REPORT_H
#define CLI_TRAIN_REPORT_H

#include "held_out.h"

#include <stdio.h>

/* What a run of training did. */
struct train_run {
	uint64_t steps, skipped; /* in all; skipped: the gradient was not finite */
	uint64_t ticks; /* in all */
	double loss; /* mean of the last steps; NAN: none */
	double seconds, ticks_per_second; /* of this run */
};

/* Losses on held-out series by lead, against the closed form. 0 or -ENOMEM. */
int train_report(
	const struct train_run *run, const struct held_out *held_out, bool json, FILE *file);

#endif
