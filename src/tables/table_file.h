/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLES_TABLE_FILE_H
#define TABLES_TABLE_FILE_H

#include "csv_reader.h"
#include "text.h"

#include <stdbool.h>

/*
 * A file of comma-separated values that somebody has written by hand: what is wrong with it is told with
 * line and column, "FILE:LINE: column 2 (latitude): found "north", expected a number from -90 to 90", and
 * everything that is, up to a number of problems, not only the first.
 */
struct table_file {
	struct csv_reader *csv;
	const char *path;
	struct text *problems;
	unsigned told;
};

/* Problems that are told of one file. */
#define PROBLEMS_MAX 20

/* 0; E_CONFIG, and the problem has been told; -ENOMEM. */
int table_file_open(struct table_file *file, const char *path, struct text *problems);
void table_file_close(struct table_file *file);

/* The column of that name; -1, told if `required`. */
int table_file_column(struct table_file *file, const char *name, bool required);

/* Moves on to the next row of the right length; others are told. 1; 0 at the end; E_CONFIG after too many
 * problems, rows above `rows_max`, or where the file can't be read on; -ENOMEM. */
int table_file_next(struct table_file *file, uint64_t rows_max);

/* A field of the row as the name of a detector, valid until the next one, or as a number within bounds; false:
 * it is none and that has been told. */
bool table_file_name(struct table_file *file, int column, struct span *ret_name);
bool table_file_number(
	struct table_file *file, int column, double least, double most, double *ret_number);

/* Tells a problem of the row as a whole. */
void table_file_tell(struct table_file *file, const char *problem);

/* 0 if nothing has been told, else E_CONFIG. */
int table_file_verdict(const struct table_file *file);

#endif
