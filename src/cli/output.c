/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "num.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Significant digits of a real number in a table. */
#define TABLE_DIGITS 6

struct value {
	enum value_type type;
	int64_t integer;
	double real;
	size_t at, length; /* of a text in `texts` */
};

struct output {
	struct value *values; /* [rows][columns]; the first row are the columns' names */
	size_t count, capacity;
	size_t columns;
	struct text texts;
	bool failed;
};

static void add(struct output *output, struct value value) {
	if (output->count == output->capacity) {
		size_t capacity = output->capacity ? output->capacity * 2 : 64;
		struct value *values = realloc(output->values, capacity * sizeof(*values));
		if (!values) {
			output->failed = true;
			return;
		}
		output->values = values;
		output->capacity = capacity;
	}
	output->values[output->count++] = value;
}

void output_add_text(struct output *output, struct span text) {
	add(output,
		(struct value){
			.type = VALUE_TEXT, .at = output->texts.length, .length = text.length });
	text_add(&output->texts, text);
}

void output_add_integer(struct output *output, int64_t value) {
	add(output, (struct value){ .type = VALUE_INTEGER, .integer = value });
}

void output_add_real(struct output *output, double value) {
	if (isfinite(value))
		add(output, (struct value){ .type = VALUE_REAL, .real = value });
	else
		output_add_null(output);
}

void output_add_null(struct output *output) {
	add(output, (struct value){ .type = VALUE_NULL });
}

int output_create(struct output **ret_output, const char *const *columns, size_t count) {
	struct output *output = calloc(1, sizeof(*output));
	if (!output)
		return -ENOMEM;

	output->columns = count;
	for (size_t i = 0; i < count; i++)
		output_add_text(output, span_text(columns[i]));
	*ret_output = output;
	return 0;
}

void output_destroy(struct output *output) {
	if (!output)
		return;
	text_finish(&output->texts);
	free(output->values);
	free(output);
}

size_t output_row_count(const struct output *output) {
	return output->count / output->columns - 1;
}

static struct span text_of(const struct output *output, const struct value *value) {
	return span_of(output->texts.data + value->at, value->length);
}

static void add_json_real(struct text *to, double value) {
	char *at = text_reserve(to, NUM_TEXT_MAX);

	if (at)
		to->length += num_write_exact(at, value);
}

static void add_integer(struct text *to, int64_t value) {
	char *at = text_reserve(to, NUM_TEXT_MAX);

	if (at)
		to->length += num_write_int(at, value);
}

static void print_json_value(
	struct text *to, const struct output *output, const struct value *value) {
	switch (value->type) {
	case VALUE_INTEGER: add_integer(to, value->integer); break;
	case VALUE_REAL: add_json_real(to, value->real); break;
	case VALUE_TEXT:
	case VALUE_BLOB: text_add_json_string(to, text_of(output, value)); break;
	case VALUE_NULL: text_add(to, SPAN("null")); break;
	}
}

static void print_json_row(struct text *to, const struct output *output, const struct value *row) {
	text_add_char(to, '{');
	for (size_t c = 0; c < output->columns; c++) {
		if (c > 0)
			text_add_char(to, ',');
		text_add_json_string(to, text_of(output, &output->values[c]));
		text_add_char(to, ':');
		print_json_value(to, output, &row[c]);
	}
	text_add_char(to, '}');
}

static void print_json(struct text *to, const struct output *output) {
	text_add_char(to, '[');
	for (size_t at = output->columns; at < output->count; at += output->columns) {
		text_add(to, at > output->columns ? SPAN(",\n") : SPAN("\n"));
		print_json_row(to, output, &output->values[at]);
	}
	text_add(to, SPAN("\n]\n"));
}

static void print_cell(struct text *to, const struct output *output, const struct value *value) {
	switch (value->type) {
	case VALUE_INTEGER: add_integer(to, value->integer); break;
	case VALUE_REAL: text_add_format(to, "%.*g", TABLE_DIGITS, value->real); break;
	case VALUE_TEXT:
	case VALUE_BLOB: text_add(to, text_of(output, value)); break;
	case VALUE_NULL: text_add_char(to, '-'); break;
	}
}

/* Characters of UTF-8 text: bytes that continue none. */
static size_t count_characters(struct span text) {
	size_t count = 0;

	for (size_t i = 0; i < text.length; i++)
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return count;
}

static size_t cell_width(
	struct text *scratch, const struct output *output, const struct value *value) {
	text_reset(scratch);
	print_cell(scratch, output, value);
	return count_characters(text_span(scratch));
}

struct column {
	size_t width;
	bool right; /* holds numbers */
};

static void measure_columns(
	struct column *columns, const struct output *output, struct text *scratch) {
	for (size_t at = 0; at < output->count; at++) {
		struct column *column = &columns[at % output->columns];
		const struct value *value = &output->values[at];
		size_t width = cell_width(scratch, output, value);

		if (width > column->width)
			column->width = width;
		if (value->type == VALUE_INTEGER || value->type == VALUE_REAL)
			column->right = true;
	}
}

static void add_blanks(struct text *to, size_t count) {
	for (size_t i = 0; i < count; i++)
		text_add_char(to, ' ');
}

static void print_table_row(struct text *to, const struct output *output, const struct value *row,
	const struct column *columns, struct text *scratch) {
	for (size_t c = 0; c < output->columns; c++) {
		size_t blanks = columns[c].width - cell_width(scratch, output, &row[c]);
		bool last = c + 1 == output->columns;

		add_blanks(to, columns[c].right ? blanks : 0);
		text_add(to, text_span(scratch));
		add_blanks(to, columns[c].right || last ? 0 : blanks);
		text_add(to, last ? SPAN("\n") : SPAN("  "));
	}
}

static void print_table(struct text *to, const struct output *output) {
	struct column *columns = calloc(output->columns, sizeof(*columns));
	struct text scratch = { 0 };

	if (!columns) {
		to->failed = true;
		return;
	}
	measure_columns(columns, output, &scratch);
	for (size_t at = 0; at < output->count; at += output->columns)
		print_table_row(to, output, &output->values[at], columns, &scratch);
	if (text_failed(&scratch))
		to->failed = true;
	text_finish(&scratch);
	free(columns);
}

int output_print(struct output *output, FILE *file, bool json) {
	struct text text = { 0 };
	int r = -ENOMEM;

	if (!output->failed && !text_failed(&output->texts)) {
		if (json)
			print_json(&text, output);
		else
			print_table(&text, output);
		if (!text_failed(&text))
			r = fwrite(text.data, 1, text.length, file) == text.length ? 0 : -EIO;
	}
	text_finish(&text);
	return r;
}

static void add_from(struct output *output, const struct rows *rows, int column) {
	switch (rows_type(rows, column)) {
	case VALUE_INTEGER: output_add_integer(output, rows_integer(rows, column)); break;
	case VALUE_REAL: output_add_real(output, rows_real(rows, column)); break;
	case VALUE_TEXT:
	case VALUE_BLOB: output_add_text(output, rows_text(rows, column)); break;
	case VALUE_NULL: output_add_null(output); break;
	}
}

int output_create_from(struct output **ret_output, struct rows *rows) {
	struct output *output;
	int columns = rows_columns(rows);
	int r = output_create(&output, NULL, 0);
	if (r < 0)
		return r;

	output->columns = (size_t)columns;
	for (int c = 0; c < columns; c++)
		output_add_text(output, span_text(rows_column_name(rows, c)));
	while ((r = rows_next(rows)) == 1) {
		for (int c = 0; c < columns; c++)
			add_from(output, rows, c);
	}
	if (r < 0) {
		output_destroy(output);
		return r;
	}
	*ret_output = output;
	return 0;
}

void output_add_json(struct text *json, const struct rows *rows, int column) {
	switch (rows_type(rows, column)) {
	case VALUE_INTEGER: add_integer(json, rows_integer(rows, column)); break;
	case VALUE_REAL: add_json_real(json, rows_real(rows, column)); break;
	case VALUE_TEXT:
	case VALUE_BLOB: text_add_json_string(json, rows_text(rows, column)); break;
	case VALUE_NULL: text_add(json, SPAN("null")); break;
	}
}
