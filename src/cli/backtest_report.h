/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BACKTEST_REPORT_H
#define CLI_BACKTEST_REPORT_H

#include "backtest_score.h"
#include "learning.h"

#include <stdio.h>

/* What a backtest was run with, and how it went, beside the scores. */
struct backtest_facts {
	struct span model; /* name of the network */
	double seconds;
	uint64_t verdicts[VERDICTS]; /* of attempts to learn, by kind */
};

/* Prints the result as JSON or as tables for people. 0 or -ENOMEM. */
int backtest_report(const struct backtest_options *options, const struct scorer *scorer,
	const struct backtest_facts *facts, FILE *file);

#endif
