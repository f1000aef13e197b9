/* SPDX-License-Identifier: Apache-2.0 */
#include "recorded.h"

#include "chance.h"
#include "csv_reader.h"
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Share of each series, at its end, that training never sees. */
#define HELD_OUT 0.1

/* Steps in a day for which the daemon assumes the day as season, docs/network.md. */
#define DAY_MS        INT64_C(86400000)
#define DAY_TICKS_MIN 4
#define DAY_TICKS_MAX 1440

/* Times in 1970 are counts of ticks; 1970 began on a Thursday. */
#define YEAR_MS  (365 * DAY_MS)
#define THURSDAY 3

/* Ticks that a gap in the file's times may be filled up with. */
#define GAP_MAX 100000

struct series {
	double *values;
	size_t count, room;
	int64_t first_ms;
	size_t file; /* that it is from */
};

struct recorded {
	struct series *series;
	size_t count;
	uint64_t ticks;
	int64_t step_ms;
};

void recorded_destroy(struct recorded *recorded) {
	if (!recorded)
		return;
	for (size_t i = 0; i < recorded->count; i++)
		free(recorded->series[i].values);
	free(recorded->series);
	free(recorded);
}

size_t recorded_file(const struct recorded *recorded, size_t series) {
	return recorded->series[series].file;
}

size_t recorded_series(const struct recorded *recorded) {
	return recorded->count;
}

uint64_t recorded_ticks(const struct recorded *recorded) {
	return recorded->ticks;
}

static int put(struct series *series, size_t at, double value) {
	if (at >= series->room) {
		size_t room = at + at / 2 + 1024;
		double *more = realloc(series->values, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		series->values = more;
		series->room = room;
	}
	while (series->count <= at)
		series->values[series->count++] = NAN;
	if (!isnan(value))
		series->values[at] = value;
	return 0;
}

/* The value of the row for one series; ticks before its first value do not exist. */
static int take_value(struct series *series, int64_t time_ms, int64_t step_ms, double value) {
	if (series->count == 0) {
		if (isnan(value))
			return 0;
		series->first_ms = time_ms;
	}
	int64_t at = (time_ms - series->first_ms + step_ms / 2) / step_ms;
	if (at < 0 || at > (int64_t)series->count + GAP_MAX)
		return E_TIME;
	return put(series, (size_t)at, value);
}

static int take_row(struct series *series, const struct csv_columns *columns, uint64_t row) {
	int64_t time_ms;
	int r = csv_columns_time(columns, row, &time_ms);
	for (size_t i = 0; i < columns->count && r == 0; i++) {
		double value;
		r = csv_columns_value(columns, i, &value);
		if (r == 0)
			r = take_value(&series[i], time_ms, columns->options.step_ms, value);
	}
	return r;
}

static uint64_t rows_of(const char *path) {
	struct csv_reader *csv;
	uint64_t rows = 0;
	if (csv_reader_open(&csv, path) < 0)
		return 0;
	while (csv_reader_next(csv) > 0)
		rows++;
	csv_reader_close(csv);
	return rows;
}

static int read_rows(struct recorded *recorded, struct csv_reader *csv,
	const struct csv_columns *columns, uint64_t rows) {
	struct series *more =
		realloc(recorded->series, (recorded->count + columns->count) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	recorded->series = more;
	struct series *series = more + recorded->count;
	for (size_t i = 0; i < columns->count; i++)
		series[i] = (struct series){ 0 };
	recorded->count += columns->count;

	int r = 1;
	for (uint64_t row = 0; row < rows && r > 0; row++) {
		r = csv_reader_next(csv);
		if (r > 0) {
			int taken = take_row(series, columns, row);
			r = taken < 0 ? taken : r;
		}
	}
	return r < 0 ? r : 0;
}

static int complain(const char *file, int code) {
	if (code != E_USAGE) /* has been said */
		fprintf(stderr, "xlstmctl train: %s: %s\n", file, error_text(code));
	return code;
}

static int read_file(struct recorded *recorded, const struct csv_columns_options *options,
	size_t number, double until) {
	struct csv_reader *csv;
	struct csv_columns columns;
	int r = csv_reader_open(&csv, options->file);
	if (r < 0)
		return complain(options->file, r);
	r = csv_columns_init(&columns, options, csv);
	if (r == 0) {
		uint64_t rows = (uint64_t)(until * (double)rows_of(options->file));
		size_t first = recorded->count;
		r = read_rows(recorded, csv, &columns, rows);
		for (size_t s = first; s < recorded->count; s++)
			recorded->series[s].file = number;
		csv_columns_finish(&columns);
	}
	csv_reader_close(csv);
	return r < 0 ? complain(options->file, r) : 0;
}

/* Leaves out what is too short to take anything from. */
static void keep_long_ones(struct recorded *recorded) {
	size_t kept = 0;
	for (size_t i = 0; i < recorded->count; i++) {
		struct series *series = &recorded->series[i];
		if ((double)series->count * HELD_OUT < 2) {
			free(series->values);
			continue;
		}
		recorded->ticks += series->count;
		recorded->series[kept++] = *series;
	}
	recorded->count = kept;
}

int recorded_create(struct recorded **ret_recorded, char *const *files, size_t count,
	const struct csv_columns_options *options, double until) {
	struct recorded *recorded = calloc(1, sizeof(*recorded));
	if (!recorded)
		return complain("memory", -ENOMEM);
	recorded->step_ms = options->step_ms;
	for (size_t i = 0; i < count; i++) {
		struct csv_columns_options one = *options;
		one.file = files[i];
		int r = read_file(recorded, &one, i, until);
		if (r < 0) {
			recorded_destroy(recorded);
			return r;
		}
	}
	keep_long_ones(recorded);
	if (recorded->count == 0) {
		recorded_destroy(recorded);
		return complain(files[0], E_EMPTY);
	}
	*ret_recorded = recorded;
	return 0;
}

/* What the daemon would know: the calendar's day and week where the step divides them. */
static void reveal(const struct recorded *recorded, int64_t time_ms, struct train_series *series) {
	int64_t step_ms = recorded->step_ms;
	int64_t day = DAY_MS / step_ms;
	bool divides = DAY_MS % step_ms == 0 && day >= DAY_TICKS_MIN && day <= DAY_TICKS_MAX;
	series->awake = 0;
	series->m1 = divides ? (uint32_t)day : 0;
	series->m2 = divides && 7 * day <= SERIES_SEASON_MAX ? 7 * (uint32_t)day : 0;
	series->per_day = (uint32_t)day;
	series->start = -1;
	if (day > 0 && DAY_MS % step_ms == 0 && time_ms >= YEAR_MS)
		series->start = (time_ms + THURSDAY * DAY_MS) % (7 * DAY_MS) / step_ms;
}

/* A place to begin in [from, to) that has a value; NAN runs are walked over, around the end. */
static size_t choose_start(
	const struct series *series, struct random *random, size_t from, size_t to) {
	size_t at = from + draw_below(random, to - from);
	for (size_t tries = 0; isnan(series->values[at]) && tries < to - from; tries++)
		at = at + 1 < to ? at + 1 : from;
	return at;
}

/* Where what is held out of a series begins. */
static size_t border_of(const struct series *series) {
	return series->count - (size_t)((double)series->count * HELD_OUT);
}

struct stretch recorded_choose(
	const struct recorded *recorded, struct random *random, bool held_out, uint32_t ticks) {
	size_t which = draw_below(random, recorded->count);
	const struct series *from = &recorded->series[which];
	size_t border = border_of(from);
	size_t first = held_out ? border : 0, end = held_out ? from->count : border;
	size_t latest = end - first > ticks ? end - ticks : first + (end - first) / 2 + 1;
	size_t at = choose_start(from, random, first, latest);
	return (struct stretch){ which, from->first_ms + (int64_t)at * recorded->step_ms,
		held_out };
}

/* What a series begins with: its first value, 0 if there is none. */
static double first_value(const struct train_series *series) {
	for (uint32_t t = 0; t < series->ticks; t++)
		if (!isnan(series->values[t]))
			return series->values[t];
	return 0;
}

void recorded_cut(const struct recorded *recorded, const struct stretch *stretch, size_t member,
	uint32_t ticks, struct train_series *series) {
	const struct series *from = &recorded->series[member];
	int64_t at = (stretch->start_ms - from->first_ms) / recorded->step_ms;
	int64_t end = (int64_t)(stretch->held_out ? from->count : border_of(from));
	series->ticks = ticks;
	for (int64_t t = 0; t < (int64_t)ticks + SERIES_FUTURE; t++) {
		bool there = at + t >= 0 && at + t < end;
		series->values[t] = there ? from->values[at + t] : NAN;
	}
	series->values[0] = first_value(series);
	reveal(recorded, stretch->start_ms, series);
}

void recorded_take(const struct recorded *recorded, struct random *random, bool held_out,
	uint32_t ticks, struct train_series *series) {
	struct stretch stretch = recorded_choose(recorded, random, held_out, ticks);
	recorded_cut(recorded, &stretch, stretch.series, ticks, series);
}

double recorded_value(const struct recorded *recorded, size_t series, int64_t time_ms) {
	const struct series *from = &recorded->series[series];
	int64_t at = (time_ms - from->first_ms) / recorded->step_ms;
	bool there = time_ms >= from->first_ms && at < (int64_t)border_of(from);
	return there ? from->values[at] : NAN;
}

int64_t recorded_step(const struct recorded *recorded) {
	return recorded->step_ms;
}

int64_t recorded_border(const struct recorded *recorded) {
	int64_t border = INT64_MIN;
	for (size_t i = 0; i < recorded->count; i++) {
		const struct series *series = &recorded->series[i];
		int64_t end = series->first_ms + (int64_t)border_of(series) * recorded->step_ms;
		border = end > border ? end : border;
	}
	return border;
}
