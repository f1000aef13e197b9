/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_feed.h"

#include "csv_columns.h"
#include "error.h"
#include "group_tables.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct feed {
	const struct backtest_options *options;
	struct registry *registry;
	struct engine *engine;
	struct clock_options clock;
	struct csv_columns columns;
	struct group_table group;
	uint64_t row;
	uint64_t refused;
};

/* What is wrong with the files is said on standard error. */
static int load_group(struct feed *feed) {
	const struct backtest_options *options = feed->options;
	struct text problems = { 0 };
	int r = group_table_load(&feed->group, options->forecast.group, options->positions,
		options->adjacency, &problems);
	fprintf(stderr, "%.*s", SPAN_PRINT(text_span(&problems)));
	text_finish(&problems);
	return r;
}

int feed_create(struct feed **ret_feed, const struct backtest_options *options,
	const struct csv_reader *csv, struct registry *registry, struct engine *engine) {
	const struct csv_columns_options columns = {
		.verb = "backtest",
		.file = options->file,
		.time = options->time,
		.step_ms = options->step_ms,
		.channels = options->channels,
		.detector_column = options->detector_column,
		.wide = options->wide,
		.missing = options->missing,
	};

	struct feed *feed = calloc(1, sizeof(*feed));
	if (!feed)
		return -ENOMEM;

	feed->options = options;
	feed->registry = registry;
	feed->engine = engine;
	feed->clock = clock_options_default();
	feed->clock.step_ms = options->step_ms;
	int r = csv_columns_init(&feed->columns, &columns, csv);
	if (r == 0)
		r = load_group(feed);
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
	csv_columns_finish(&feed->columns);
	group_table_finish(&feed->group);
	free(feed);
}

uint64_t feed_refused(const struct feed *feed) {
	return feed->refused;
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
	if (added > 0 && r == 0)
		r = group_table_apply(
			&feed->group, feed->engine, feed->registry, detector, NAN, NAN);
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

int feed_row(struct feed *feed) {
	const struct csv_columns *columns = &feed->columns;
	int64_t time_ms;

	int r = csv_columns_time(columns, feed->row, &time_ms);
	feed->row++;
	for (size_t i = 0; i < columns->count && r == 0; i++) {
		struct span detector = csv_columns_detector(columns, i);
		double value;
		r = csv_columns_value(columns, i, &value);
		if (r < 0)
			return r;
		r = put(feed, detector, csv_columns_channel(columns, i), time_ms, value);
		if (r < 0)
			fprintf(stderr, "xlstmctl backtest: \"%.*s\": %s\n", SPAN_PRINT(detector),
				error_text(r));
	}
	return r;
}
