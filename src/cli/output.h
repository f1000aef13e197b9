/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "query.h"
#include "text.h"

#include <stdio.h>

/*
 * Rows of named values, printed as a table for people or as a JSON array of objects. Values are
 * added row by row, column by column. A failed allocation is remembered until output_print.
 */
struct output;

/* The names are copied; in JSON they are the keys. 0 or -ENOMEM. */
int output_create(struct output **ret_output, const char *const *columns, size_t count);
void output_destroy(struct output *output);

void output_add_text(struct output *output, struct span text);
void output_add_integer(struct output *output, int64_t value);
void output_add_real(struct output *output, double value); /* NAN: no value */
void output_add_null(struct output *output);

size_t output_row_count(const struct output *output);

/* A table with a heading, numbers to the right, "-" for no value; or JSON, one object per line. 0,
 * -ENOMEM, or -EIO if `file` took not all of it. */
int output_print(struct output *output, FILE *file, bool json);

/* All rows of a query, with its columns. */
int output_create_from(struct output **ret_output, struct rows *rows);

/* Appends value to JSON as it is: integers whole, reals so that they read back the same. */
void output_add_json(struct text *json, const struct rows *rows, int column);

#endif
