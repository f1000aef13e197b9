/* SPDX-License-Identifier: Apache-2.0 */
#include "table_file.h"

#include "error.h"
#include "name.h"
#include "num.h"

#include <errno.h>
#include <inttypes.h>

static void tell_failure(struct table_file *file, int error) {
	file->told++;
	text_add_format(file->problems, "%s: %s\n", file->path, error_text(error));
}

int table_file_open(struct table_file *file, const char *path, struct text *problems) {
	*file = (struct table_file){ .path = path, .problems = problems };
	int r = csv_reader_open(&file->csv, path);
	if (r == 0 || r == -ENOMEM)
		return r;
	tell_failure(file, r);
	return E_CONFIG;
}

void table_file_close(struct table_file *file) {
	csv_reader_close(file->csv);
}

void table_file_tell(struct table_file *file, const char *problem) {
	file->told++;
	text_add_format(file->problems, "%s:%" PRIu64 ": %s\n", file->path,
		csv_reader_line(file->csv), problem);
}

int table_file_column(struct table_file *file, const char *name, bool required) {
	int column = csv_reader_column_find(file->csv, span_text(name));
	if (column >= 0 || !required)
		return column;
	file->told++;
	text_add_format(file->problems, "%s:1: expected a column \"%s\" in the heading\n",
		file->path, name);
	return column;
}

int table_file_next(struct table_file *file, uint64_t rows_max) {
	int r;
	while ((r = csv_reader_next(file->csv)) == E_SYNTAX && file->told < PROBLEMS_MAX)
		table_file_tell(file, "expected as many fields as the heading has");
	if (file->told >= PROBLEMS_MAX)
		return E_CONFIG;
	if (r < 0 && r != -ENOMEM) {
		tell_failure(file, r);
		return E_CONFIG;
	}
	if (r > 0 && csv_reader_row(file->csv) > rows_max + 1) {
		table_file_tell(file, "the file has too many rows");
		return E_CONFIG;
	}
	return r;
}

/* "FILE:LINE: column 2 (latitude): found "north", expected " */
static void tell_field(struct table_file *file, int column) {
	struct span name = csv_reader_column_name(file->csv, (size_t)column);
	struct span found = csv_reader_field(file->csv, (size_t)column);
	file->told++;
	text_add_format(file->problems,
		"%s:%" PRIu64 ": column %d (%.*s): found \"%.*s\", expected ", file->path,
		csv_reader_line(file->csv), column + 1, SPAN_PRINT(name), SPAN_PRINT(found));
}

bool table_file_name(struct table_file *file, int column, struct span *ret_name) {
	struct span name = span_trim(csv_reader_field(file->csv, (size_t)column));
	if (name_check_detector(name) < 0) {
		tell_field(file, column);
		text_add(file->problems, SPAN("the name of a detector\n"));
		return false;
	}
	*ret_name = name;
	return true;
}

bool table_file_number(
	struct table_file *file, int column, double least, double most, double *ret_number) {
	double number;
	if (num_read(csv_reader_field(file->csv, (size_t)column), &number) < 0 ||
		!(number >= least && number <= most)) {
		tell_field(file, column);
		text_add_format(file->problems, "a number from %g to %g\n", least, most);
		return false;
	}
	*ret_number = number;
	return true;
}

int table_file_verdict(const struct table_file *file) {
	return file->told > 0 ? E_CONFIG : 0;
}
