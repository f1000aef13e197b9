/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_columns.h"

#include "error.h"
#include "num.h"
#include "timestamp.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int complain(const struct csv_columns *columns, const char *what, struct span name) {
	fprintf(stderr, "xlstmctl %s: %s: %s \"%.*s\"\n", columns->options.verb,
		columns->options.file, what, SPAN_PRINT(name));
	return E_USAGE;
}

static int find_column(const struct csv_columns *columns, const char *name, int *ret_column) {
	*ret_column = -1;
	if (!name)
		return 0;
	*ret_column = csv_reader_column_find(columns->csv, span_text(name));
	if (*ret_column < 0)
		return complain(columns, "the file has no column", span_text(name));
	return 0;
}

static int find_named(struct csv_columns *columns) {
	struct span names = span_text(columns->options.channels);

	while (names.data) {
		struct span name = span_trim(span_cut(&names, ','));
		int column = csv_reader_column_find(columns->csv, name);
		if (column < 0)
			return complain(columns, "the file has no column", name);
		columns->values[columns->count++] = column;
	}
	return 0;
}

/* All columns but those of time and detector. */
static void take_others(struct csv_columns *columns) {
	int all = (int)csv_reader_column_count(columns->csv);

	for (int column = 0; column < all; column++) {
		if (column != columns->time && column != columns->detector)
			columns->values[columns->count++] = column;
	}
}

static int find_values(struct csv_columns *columns) {
	size_t room = csv_reader_column_count(columns->csv);

	for (const char *c = columns->options.channels; c && *c; c++)
		room += *c == ',';
	columns->values = calloc(room + 1, sizeof(*columns->values));
	if (!columns->values)
		return -ENOMEM;
	if (columns->options.channels)
		return find_named(columns);
	take_others(columns);
	return 0;
}

/* The file's name without folder and endings; what comes from a pipe is called "stdin". */
static struct span file_stem(const char *path) {
	struct span stem = span_text(path), name = stem;

	while (name.data) {
		stem = name;
		span_cut(&name, '/');
	}
	stem = span_cut(&stem, '.');
	return stem.length && !span_equal(stem, SPAN("-")) ? stem : SPAN("stdin");
}

int csv_columns_init(struct csv_columns *columns, const struct csv_columns_options *options,
	const struct csv_reader *csv) {
	*columns = (struct csv_columns){ .options = *options, .csv = csv };
	columns->single =
		options->detector ? span_text(options->detector) : file_stem(options->file);

	int r = find_column(columns, options->time, &columns->time);
	if (r == 0)
		r = find_column(columns, options->detector_column, &columns->detector);
	if (r == 0)
		r = find_values(columns);
	if (r < 0)
		csv_columns_finish(columns);
	return r;
}

void csv_columns_finish(struct csv_columns *columns) {
	free(columns->values);
	columns->values = NULL;
}

int csv_columns_time(const struct csv_columns *columns, uint64_t row, int64_t *ret_time_ms) {
	if (columns->time < 0) {
		*ret_time_ms = (int64_t)row * columns->options.step_ms;
		return 0;
	}

	struct span cell = csv_reader_field(columns->csv, (size_t)columns->time);
	int r = timestamp_read(span_trim(cell), ret_time_ms);
	if (r < 0)
		fprintf(stderr, "xlstmctl %s: %s: row %llu: \"%.*s\" is not a time\n",
			columns->options.verb, columns->options.file,
			(unsigned long long)csv_reader_row(columns->csv), SPAN_PRINT(cell));
	return r;
}

static bool is_missing(const struct csv_columns *columns, struct span cell, double value) {
	struct span names = span_text(columns->options.missing);

	while (names.data) {
		struct span name = span_trim(span_cut(&names, ','));
		double number;
		if (span_equal(cell, name) || (num_read(name, &number) == 0 && number == value))
			return true;
	}
	return cell.length == 0;
}

int csv_columns_value(const struct csv_columns *columns, size_t index, double *ret_value) {
	size_t column = (size_t)columns->values[index];
	struct span cell = span_trim(csv_reader_field(columns->csv, column));
	double value = NAN;

	int r = num_read(cell, &value);
	if (is_missing(columns, cell, value)) {
		*ret_value = NAN;
		return 0;
	}
	if (r < 0) {
		fprintf(stderr,
			"xlstmctl %s: %s: row %llu, column \"%.*s\": \"%.*s\" is not a number; "
			"cells "
			"without a value are empty or named by --missing\n",
			columns->options.verb, columns->options.file,
			(unsigned long long)csv_reader_row(columns->csv),
			SPAN_PRINT(csv_reader_column_name(columns->csv, column)), SPAN_PRINT(cell));
		return E_NUMBER;
	}
	*ret_value = value;
	return 0;
}

struct span csv_columns_detector(const struct csv_columns *columns, size_t index) {
	if (columns->options.wide)
		return csv_reader_column_name(columns->csv, (size_t)columns->values[index]);
	if (columns->detector < 0)
		return columns->single;
	return span_trim(csv_reader_field(columns->csv, (size_t)columns->detector));
}

struct span csv_columns_channel(const struct csv_columns *columns, size_t index) {
	if (columns->options.wide)
		return SPAN("value");
	return csv_reader_column_name(columns->csv, (size_t)columns->values[index]);
}
