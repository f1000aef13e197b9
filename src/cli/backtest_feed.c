/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_feed.h"

#include "error.h"
#include "num.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct feed {
	const struct backtest_options *options;
	struct registry *registry;
	struct engine *engine;
	struct clock_options clock;
	struct span single; /* name of the detector that the file is, if it is one */
	int time, detector; /* columns; -1: none */
	int *columns; /* of the values */
	size_t columns_count;
	uint64_t row;
	uint64_t refused;
};

static int complain(const char *what, struct span name) {
	fprintf(stderr, "xlstmctl backtest: %s \"%.*s\"\n", what, SPAN_PRINT(name));
	return E_USAGE;
}

static int find_column(const struct csv_reader *csv, const char *name, int *ret_column) {
	*ret_column = -1;
	if (!name)
		return 0;
	*ret_column = csv_reader_column_find(csv, span_text(name));
	return *ret_column < 0 ? complain("the file has no column", span_text(name)) : 0;
}

static int find_named_columns(struct feed *feed, const struct csv_reader *csv) {
	struct span names = span_text(feed->options->channels);
	while (names.data) {
		struct span name = span_trim(span_cut(&names, ','));
		int column = csv_reader_column_find(csv, name);
		if (column < 0)
			return complain("the file has no column", name);
		feed->columns[feed->columns_count++] = column;
	}
	return 0;
}

/* All columns but those of time and detector. */
static void take_other_columns(struct feed *feed, const struct csv_reader *csv) {
	for (int column = 0; column < (int)csv_reader_column_count(csv); column++)
		if (column != feed->time && column != feed->detector)
			feed->columns[feed->columns_count++] = column;
}

static int find_columns(struct feed *feed, const struct csv_reader *csv) {
	int r = find_column(csv, feed->options->time, &feed->time);
	if (r == 0)
		r = find_column(csv, feed->options->detector_column, &feed->detector);
	if (r < 0)
		return r;
	size_t room = csv_reader_column_count(csv);
	for (const char *c = feed->options->channels; c && *c; c++)
		room += *c == ',';
	feed->columns = calloc(room, sizeof(*feed->columns));
	if (!feed->columns)
		return -ENOMEM;
	if (feed->options->channels)
		return find_named_columns(feed, csv);
	take_other_columns(feed, csv);
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

int feed_create(struct feed **ret_feed, const struct backtest_options *options,
	const struct csv_reader *csv, struct registry *registry, struct engine *engine) {
	struct feed *feed = calloc(1, sizeof(*feed));
	if (!feed)
		return -ENOMEM;

	feed->options = options;
	feed->registry = registry;
	feed->engine = engine;
	feed->single = file_stem(options->file);
	feed->clock = clock_options_default();
	feed->clock.step_ms = options->step_ms;
	int r = find_columns(feed, csv);
	if (r < 0) {
		feed_destroy(feed);
		return r;
	}

	*ret_feed = feed;
	return 0;
}

void feed_destroy(struct feed *feed) {
	if (!feed)
		return;
	free(feed->columns);
	free(feed);
}

uint64_t feed_refused(const struct feed *feed) {
	return feed->refused;
}

static bool is_missing(const struct feed *feed, struct span cell, double value) {
	struct span names = span_text(feed->options->missing);
	while (names.data) {
		struct span name = span_trim(span_cut(&names, ','));
		double number;
		if (span_equal(cell, name) || (num_read(name, &number) == 0 && number == value))
			return true;
	}
	return cell.length == 0;
}

/* 0 and the value, NAN for a missing one; or E_NUMBER, said. */
static int read_cell(
	const struct feed *feed, const struct csv_reader *csv, int column, double *ret_value) {
	struct span cell = span_trim(csv_reader_field(csv, (size_t)column));
	double value = NAN;
	int r = num_read(cell, &value);
	if (is_missing(feed, cell, value))
		value = NAN;
	else if (r < 0) {
		fprintf(stderr,
			"xlstmctl backtest: %s: row %llu, column \"%.*s\": \"%.*s\" is not a "
			"number; cells without a value are empty or named by --missing\n",
			feed->options->file, (unsigned long long)csv_reader_row(csv),
			SPAN_PRINT(csv_reader_column_name(csv, (size_t)column)), SPAN_PRINT(cell));
		return E_NUMBER;
	}
	*ret_value = value;
	return 0;
}

static int read_time(const struct feed *feed, const struct csv_reader *csv, int64_t *ret_time) {
	if (feed->time < 0) {
		*ret_time = (int64_t)(feed->row - 1) * feed->options->step_ms;
		return 0;
	}
	struct span cell = csv_reader_field(csv, (size_t)feed->time);
	int r = timestamp_read(span_trim(cell), ret_time);
	if (r < 0)
		fprintf(stderr, "xlstmctl backtest: %s: row %llu: \"%.*s\" is not a time\n",
			feed->options->file, (unsigned long long)csv_reader_row(csv),
			SPAN_PRINT(cell));
	return r;
}

/* One value of the row reaches its detector. Refused readings are counted. */
static int put(struct feed *feed, struct span detector_name, struct span channel_name,
	int64_t time_ms, double value) {
	struct detector *detector;
	uint32_t channel;
	int added = registry_find_or_add_detector(
		feed->registry, detector_name, &feed->clock, &detector);
	if (added < 0)
		return added;
	added = registry_find_or_add_channel(
		feed->registry, detector, channel_name, SPAN_EMPTY, &channel);
	int r = added > 0 ? engine_add(feed->engine, detector, &feed->options->forecast) : added;
	if (r < 0)
		return r;

	struct arrival arrival = { .now_ms = TIME_NONE, .message = feed->row };
	r = detector_put(detector, channel, time_ms, value, &arrival);
	if (r == -ENOMEM)
		return r;
	feed->refused += r < 0;
	engine_want(feed->engine, detector);
	return 0;
}

int feed_row(struct feed *feed, const struct csv_reader *csv) {
	int64_t time_ms;
	feed->row++;
	int r = read_time(feed, csv, &time_ms);
	for (size_t i = 0; i < feed->columns_count && r == 0; i++) {
		struct span name = csv_reader_column_name(csv, (size_t)feed->columns[i]);
		struct span detector =
			feed->detector < 0
				? feed->single
				: span_trim(csv_reader_field(csv, (size_t)feed->detector));
		double value;
		r = read_cell(feed, csv, feed->columns[i], &value);
		if (r < 0)
			return r;
		r = feed->options->wide ? put(feed, name, SPAN("value"), time_ms, value)
					: put(feed, detector, name, time_ms, value);
		if (r < 0)
			fprintf(stderr, "xlstmctl backtest: \"%.*s\": %s\n", SPAN_PRINT(name),
				error_text(r));
	}
	return r;
}
