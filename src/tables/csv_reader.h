/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLES_CSV_READER_H
#define TABLES_CSV_READER_H

#include "span.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Reads a file of comma-separated values (RFC 4180) with a heading, row by row, without holding all
 * of it. The file may be compressed by gzip, and "-" is standard input. Rows of more than a hundred million
 * bytes are refused.
 */
struct csv_reader;

/* 0; -errno; E_EMPTY if there is no heading. */
int csv_reader_open(struct csv_reader **ret_reader, const char *path);
void csv_reader_close(struct csv_reader *reader);

/* The heading; valid until csv_reader_close. */
size_t csv_reader_column_count(const struct csv_reader *reader);
struct span csv_reader_column_name(const struct csv_reader *reader, size_t column);

/* Index of the column of that name, or -1. */
int csv_reader_column_find(const struct csv_reader *reader, struct span name);

/* Moves on to the next row. 1; 0 at the end; -errno; E_CORRUPT if the compressed data is damaged;
 * E_TOO_LARGE; E_SYNTAX if the row has another number of fields than the heading. Empty lines are skipped. */
int csv_reader_next(struct csv_reader *reader);

/* A field of the row, without its quotes; valid until csv_reader_next. */
struct span csv_reader_field(const struct csv_reader *reader, size_t column);

/* Number of the row in the file, the heading being 1 (line breaks within fields do not count). */
uint64_t csv_reader_row(const struct csv_reader *reader);

/* Line of the file at which it ends, from 1. */
uint64_t csv_reader_line(const struct csv_reader *reader);

/* How much of the file has been read, 0 to 1; below 0 if that can't be known. */
double csv_reader_progress(const struct csv_reader *reader);

#endif
