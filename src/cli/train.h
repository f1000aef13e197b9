/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "csv_columns.h"
#include "xlstm/shape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the user asked for. */
struct train_options {
	const char *out; /* weights that are written */
	const char *start; /* weights to start from; NULL: fresh ones */
	const char *blocks; /* of fresh ones, a letter each: s or m */
	uint64_t width, heads; /* of fresh ones */
	const char *pool; /* how series are to see their neighbours; NULL: as weights do */
	uint64_t keys; /* of attention */
	bool frozen; /* nothing but the pooling learns */
	uint64_t steps, seed, lanes, threads;
	double rate, decay, young;
	const char *checkpoint; /* NULL: none */
	bool resume;
	uint64_t every; /* steps between two reports, each with a checkpoint */
	char *const *files; /* CSV */
	size_t file_count;
	struct csv_columns_options columns;
	double share; /* of the series that come from the files */
	double until; /* share of their rows that is read */
	bool json;
};

/* Reads the command line; what is wrong with it is said on standard error. -1: go on; else the exit
 * status, VERB_OK after --help. */
int train_options_parse(struct train_options *options, int argc, char **argv);

/* How series are to see their neighbours, by its name; XLSTM_NO_POOL: there is no such form. */
enum xlstm_pool train_pool(const char *name);

#endif
