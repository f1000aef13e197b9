/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BACKTEST_REPORT_H
#define CLI_BACKTEST_REPORT_H

#include "backtest_score.h"

#include <stdio.h>

/* model: name of the network. Prints the result as JSON or as tables for people. 0 or -ENOMEM. */
int backtest_report(const struct backtest_options *options, const struct scorer *scorer,
	struct span model, double seconds, FILE *file);

#endif
