/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_reader.h"

#include "error.h"
#include "text.h"

#include <csv.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Bytes parsed at a time. */
#define BLOCK 65536

/* Bytes that wait for the end of their row. */
#define ROW_MAX 100000000

/* One field: where its bytes lie, the line where it ends, and whether a row ends with it. */
struct field {
	size_t at, length;
	uint64_t line;
	bool last;
};

/*
 * The parser of libcsv pushes fields; they queue here and are pulled row by row. When no whole row
 * is left, what the queue still holds moves to its front and the next block is parsed.
 */
struct csv_reader {
	gzFile file;
	int64_t file_size; /* compressed; 0: not known */
	struct csv_parser parser;
	bool parser_made, ended;
	struct text bytes;
	struct field *fields;
	size_t fields_count, fields_room;
	size_t row_first, row_count; /* fields of the current row */
	size_t next; /* first field behind it */
	bool failed;
	uint64_t row;
	uint64_t line; /* that is being parsed, from 0 */
	struct text heading;
	struct field *columns;
	size_t columns_count;
};

static void on_field(void *data, size_t length, void *user) {
	struct csv_reader *reader = user;
	if (reader->fields_count == reader->fields_room) {
		size_t room = reader->fields_room ? 2 * reader->fields_room : 256;
		struct field *fields = realloc(reader->fields, room * sizeof(*fields));
		if (!fields) {
			reader->failed = true;
			return;
		}
		reader->fields = fields;
		reader->fields_room = room;
	}
	reader->fields[reader->fields_count++] = (struct field){
		.at = reader->bytes.length, .length = length, .line = reader->line + 1
	};
	text_add(&reader->bytes, span_of(data, length));
}

static void on_row(int terminator, void *user) {
	struct csv_reader *reader = user;
	(void)terminator;
	if (reader->fields_count > 0)
		reader->fields[reader->fields_count - 1].last = true;
}

/* Forgets the rows that have been pulled. */
static void compact(struct csv_reader *reader) {
	size_t kept = reader->fields_count - reader->next;
	size_t from = kept ? reader->fields[reader->next].at : reader->bytes.length;
	if (reader->bytes.length > from)
		memmove(reader->bytes.data, reader->bytes.data + from, reader->bytes.length - from);
	reader->bytes.length -= from;
	for (size_t i = 0; i < kept; i++) {
		reader->fields[i] = reader->fields[reader->next + i];
		reader->fields[i].at -= from;
	}
	reader->fields_count = kept;
	reader->next = 0;
}

/* Line by line, so that fields know theirs. False: no memory. */
static bool parse(struct csv_reader *reader, const char *block, size_t length) {
	while (length > 0) {
		const char *end = memchr(block, '\n', length);
		size_t part = end ? (size_t)(end - block) + 1 : length;
		if (csv_parse(&reader->parser, block, part, on_field, on_row, reader) != part)
			return false;
		reader->line += end != NULL;
		block += part;
		length -= part;
	}
	return true;
}

/* Parses one more block. 0, -errno or E_CORRUPT. */
static int refill(struct csv_reader *reader) {
	char block[BLOCK];
	compact(reader);
	int length = gzread(reader->file, block, sizeof(block));
	if (length < 0) {
		int code;
		gzerror(reader->file, &code);
		return code == Z_ERRNO ? -errno : E_CORRUPT;
	}
	if (length == 0) {
		reader->ended = true;
		csv_fini(&reader->parser, on_field, on_row, reader);
	} else if (!parse(reader, block, (size_t)length)) {
		return -ENOMEM;
	}
	if (reader->bytes.length > ROW_MAX)
		return E_TOO_LARGE;
	return reader->failed || text_failed(&reader->bytes) ? -ENOMEM : 0;
}

/* Fields of the next whole row; 0: not all of it is there. */
static size_t whole_row(const struct csv_reader *reader) {
	for (size_t i = reader->next; i < reader->fields_count; i++)
		if (reader->fields[i].last)
			return i + 1 - reader->next;
	return 0;
}

/* 1, 0 at the end, or an error. */
static int pull(struct csv_reader *reader) {
	size_t count = whole_row(reader);
	while (count == 0) {
		if (reader->ended)
			return 0;
		int r = refill(reader);
		if (r < 0)
			return r;
		count = whole_row(reader);
	}
	reader->row_first = reader->next;
	reader->row_count = count;
	reader->next += count;
	reader->row++;
	return 1;
}

static int open_file(struct csv_reader *reader, const char *path) {
	struct stat status;
	bool standard = strcmp(path, "-") == 0;
	errno = 0;
	reader->file = standard ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rb");
	if (!reader->file)
		return errno ? -errno : -ENOMEM;
	if (!standard && stat(path, &status) == 0 && S_ISREG(status.st_mode))
		reader->file_size = status.st_size;
	return 0;
}

/* Keeps the first row as the heading, without a byte order mark. */
static int read_heading(struct csv_reader *reader) {
	int r = pull(reader);
	if (r <= 0)
		return r < 0 ? r : E_EMPTY;
	reader->columns = calloc(reader->row_count, sizeof(*reader->columns));
	if (!reader->columns)
		return -ENOMEM;
	for (size_t i = 0; i < reader->row_count; i++) {
		struct span name = csv_reader_field(reader, i);
		if (i == 0 && span_starts_with(name, SPAN("\xef\xbb\xbf")))
			name = span_of(name.data + 3, name.length - 3);
		reader->columns[i] =
			(struct field){ .at = reader->heading.length, .length = name.length };
		text_add(&reader->heading, name);
	}
	reader->columns_count = reader->row_count;
	return text_failed(&reader->heading) ? -ENOMEM : 0;
}

int csv_reader_open(struct csv_reader **ret_reader, const char *path) {
	struct csv_reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;

	int r = open_file(reader, path);
	if (r < 0)
		goto fail;

	reader->parser_made = csv_init(&reader->parser, 0) == 0;
	r = reader->parser_made ? read_heading(reader) : -ENOMEM;
	if (r < 0)
		goto fail;

	*ret_reader = reader;
	return 0;

fail:
	csv_reader_close(reader);
	return r;
}

void csv_reader_close(struct csv_reader *reader) {
	if (!reader)
		return;
	if (reader->parser_made)
		csv_free(&reader->parser);
	if (reader->file)
		gzclose(reader->file);
	text_finish(&reader->bytes);
	text_finish(&reader->heading);
	free(reader->fields);
	free(reader->columns);
	free(reader);
}

size_t csv_reader_column_count(const struct csv_reader *reader) {
	return reader->columns_count;
}

struct span csv_reader_column_name(const struct csv_reader *reader, size_t column) {
	const struct field *field = &reader->columns[column];
	return span_of(reader->heading.data + field->at, field->length);
}

int csv_reader_column_find(const struct csv_reader *reader, struct span name) {
	for (size_t i = 0; i < reader->columns_count; i++)
		if (span_equal(csv_reader_column_name(reader, i), name))
			return (int)i;
	return -1;
}

int csv_reader_next(struct csv_reader *reader) {
	int r = pull(reader);
	if (r <= 0)
		return r;
	return reader->row_count == reader->columns_count ? 1 : E_SYNTAX;
}

struct span csv_reader_field(const struct csv_reader *reader, size_t column) {
	const struct field *field = &reader->fields[reader->row_first + column];
	return span_of(reader->bytes.data + field->at, field->length);
}

uint64_t csv_reader_row(const struct csv_reader *reader) {
	return reader->row;
}

uint64_t csv_reader_line(const struct csv_reader *reader) {
	return reader->fields[reader->row_first + reader->row_count - 1].line;
}

double csv_reader_progress(const struct csv_reader *reader) {
	return reader->file_size ? (double)gzoffset(reader->file) / (double)reader->file_size : -1;
}
