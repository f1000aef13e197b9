/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CSV_COLUMNS_H
#define CLI_CSV_COLUMNS_H

#include "csv_reader.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the columns of a file mean: which one is the time, which ones are values, and whose. What is
 * wrong with a file is said on standard error.
 */
struct csv_columns_options {
	const char *verb; /* who complains */
	const char *file;
	const char *time; /* column; NULL: rows are step_ms apart from 1970 on */
	int64_t step_ms;
	const char *channels; /* columns of values, separated by commas; NULL: all others */
	const char
		*detector_column; /* that names the row's detector; NULL: there is one detector */
	const char *detector; /* its name; NULL: the file's without folder and endings */
	bool wide; /* each column is a detector, with one channel "value" */
	const char
		*missing; /* cells that mean no value, separated by commas; empty ones always do */
};

struct csv_columns {
	struct csv_columns_options options;
	const struct csv_reader *csv;
	struct span single; /* the name of the one detector */
	int time, detector; /* columns, -1: none */
	int *values; /* columns */
	size_t count;
};

/* Options and reader are borrowed. 0, -ENOMEM or E_USAGE. */
int csv_columns_init(struct csv_columns *columns, const struct csv_columns_options *options,
	const struct csv_reader *csv);
void csv_columns_finish(struct csv_columns *columns);

/* The time of the row that the reader stands at; `row` counts from 0. 0, E_SYNTAX or E_TIME. */
int csv_columns_time(const struct csv_columns *columns, uint64_t row, int64_t *ret_time_ms);

/* A value of that row, NAN if it is missing. 0 or E_NUMBER. */
int csv_columns_value(const struct csv_columns *columns, size_t index, double *ret_value);

/* Whose it is; valid until the next row. */
struct span csv_columns_detector(const struct csv_columns *columns, size_t index);
struct span csv_columns_channel(const struct csv_columns *columns, size_t index);

#endif
