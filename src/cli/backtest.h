/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BACKTEST_H
#define CLI_BACKTEST_H

#include "config.h"
#include "engine.h"
#include "options.h"

/* Horizons that a backtest can be scored at. */
#define BACKTEST_HORIZONS 16

/* What the user asked for. */
struct backtest_options {
	const char *file;
	const char *time; /* column; NULL: rows are one step apart */
	const char *channels; /* columns, separated by commas; NULL: all others */
	const char *detector_column; /* NULL: the file is one detector */
	bool wide; /* each column is a detector */
	const char *positions, *adjacency; /* files about the group, "": none */
	const char *model; /* file of weights, "auto" or "none" */
	struct learning_options learning;
	const char *missing; /* cells that mean no value, separated by commas */
	int64_t step_ms; /* 0: inferred */
	struct forecast_options forecast;
	uint32_t horizons[BACKTEST_HORIZONS];
	uint32_t horizons_count;
	uint64_t zscore_rows; /* 0: scores in the data's unit */
	uint64_t score_from, score_to; /* rows [from, to) are origins that count */
	uint64_t score_first; /* series, of the first ones, that count */
	double score_below; /* origins count whose last value is smaller */
	const char *forecasts; /* file for the forecasts themselves; NULL: none */
	uint64_t forecast_every;
	bool json;
	struct config *config; /* of --config, which owns some of the texts above; NULL: none */
};

/* Reads the command line; what is wrong with it is said on standard error. -1: go on; else the exit
 * status, VERB_OK after --help. */
int backtest_options_parse(struct backtest_options *options, int argc, char **argv);
void backtest_options_finish(struct backtest_options *options);

#endif
