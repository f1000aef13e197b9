/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "forecast.h"
#include "now.h"
#include "replay_options.h"
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How long the broker may keep us waiting: for the connection, for room, for what is left. */
#define PATIENCE_MS 30000

/* Rows after which all that was sent must have been acknowledged, so that after a broken connection
 * we can say where to go on. */
#define CHECKPOINT_ROWS 1000

/* How long a row in lockstep waits for its forecasts: readings may be refused. */
#define LOCKSTEP_MS 1000

/* How often the terminal hears how far we are. */
#define PROGRESS_MS 200

#define CLOSE_MS 1000

struct replay {
	struct replay_options options;
	struct link link;
	struct text topic, payload;
	struct span *names; /* channels of a message, and their values */
	double *values;
	int64_t begin_ms; /* monotonic, when we set out */
	int64_t start_ms; /* monotonic, when the file's first row was due */
	int64_t first_ms; /* its own time; TIME_NONE before it */
	uint64_t first_row; /* its number among all rows */
	int64_t progress_ms;
	uint64_t rows, messages; /* sent */
	uint64_t safe_rows; /* that have been acknowledged for sure */
	const struct csv_columns
		*columns; /* of the row that was sent last; NULL before the first */
	uint64_t forecasts; /* of its detectors, received since it was sent */
	uint64_t forecasts_per_row; /* as the first row had them */
	bool connected;
	bool lost;
	char trouble[160];
};

/* ---- The broker ---- */

/* Whether a topic "base/forecast/.../detector/channel" is the detector's. */
static bool topic_is_of(struct span topic, struct span detector) {
	while (topic.length > 0 && topic.data[topic.length - 1] != '/')
		topic.length--;
	if (topic.length < detector.length + 2)
		return false;
	const char *at = topic.data + topic.length - 1 - detector.length;
	return at[-1] == '/' && span_equal(span_of(at, detector.length), detector);
}

/* Others' forecasts pass by as well. */
static bool answers_row(const struct replay *replay, struct span topic) {
	const struct csv_columns *columns = replay->columns;
	size_t detectors = !columns ? 0 : columns->options.wide ? columns->count : 1;

	for (size_t i = 0; i < detectors; i++) {
		if (topic_is_of(topic, csv_columns_detector(columns, i)))
			return true;
	}
	return false;
}

static void hear(struct replay *replay, const struct mail *mail) {
	switch (mail->kind) {
	case MAIL_MESSAGE: replay->forecasts += answers_row(replay, mail->topic); return;
	case MAIL_CONNECTED: replay->connected = true; return;
	case MAIL_LOST: replay->lost = true; break;
	case MAIL_REFUSED:
	case MAIL_FILTER_REFUSED: break;
	}
	snprintf(replay->trouble, sizeof(replay->trouble), "%.*s", SPAN_PRINT(mail->payload));
}

/* Tends the connection and hears what there is to hear, waiting at most so long for it. */
static void attend(struct replay *replay, int64_t wait_ms) {
	struct mail mail;

	int64_t tend_ms = link_tend(&replay->link);
	link_wait(&replay->link, tend_ms < wait_ms ? tend_ms : wait_ms);
	while (link_next(&replay->link, &mail))
		hear(replay, &mail);
	(void)link_tend(&replay->link);
}

static int await_connection(struct replay *replay) {
	int64_t deadline = monotonic_ms() + PATIENCE_MS;

	while (!replay->connected && monotonic_ms() < deadline)
		attend(replay, deadline - monotonic_ms());
	if (replay->connected)
		return 0;
	fprintf(stderr, "xlstmctl replay: %s: %s\n", replay->options.link.mqtt.server,
		replay->trouble[0] ? replay->trouble : "no answer");
	return E_BROKER;
}

static int open_link(struct replay *replay) {
	struct text filter = { 0 };

	int r = link_open(&replay->link, &replay->options.link);
	if (r < 0)
		return r;
	if (replay->options.lockstep) {
		text_add_format(&filter, "%s/forecast/#", replay->options.base);
		text_add_char(&filter, '\0');
		r = text_failed(&filter) ? -ENOMEM
					 : mqtt_subscribe(replay->link.mqtt, filter.data, 0);
		text_finish(&filter);
	}
	if (r == 0)
		r = await_connection(replay);
	if (r < 0)
		link_close(&replay->link, 0);
	return r;
}

static int broken(const struct replay *replay) {
	fprintf(stderr,
		"xlstmctl replay: the connection broke (%s) after %" PRIu64
		" rows, of which %" PRIu64 " have arrived for sure; go on with --skip %" PRIu64
		"\n",
		replay->trouble[0] ? replay->trouble : "no answer", replay->rows, replay->safe_rows,
		replay->options.skip + replay->safe_rows);
	return E_BROKER;
}

/* Waits until everything has been acknowledged. */
static int checkpoint(struct replay *replay) {
	if (mqtt_flush(replay->link.mqtt, PATIENCE_MS) < 0 ||
		mqtt_counters(replay->link.mqtt).send_failures > 0)
		return broken(replay);
	replay->safe_rows = replay->rows;
	return 0;
}

/* ---- Messages ---- */

/* Fills the template in. 0, -ENOMEM or E_NAME. */
static int write_topic(struct replay *replay, struct span detector, struct span channel) {
	struct span rest = span_text(replay->options.topic);

	text_reset(&replay->topic);
	while (rest.length > 0) {
		if (span_starts_with(rest, SPAN("{detector}"))) {
			text_add(&replay->topic, detector);
			rest = span_of(rest.data + 10, rest.length - 10);
		} else if (span_starts_with(rest, SPAN("{channel}"))) {
			text_add(&replay->topic, channel);
			rest = span_of(rest.data + 9, rest.length - 9);
		} else {
			text_add_char(&replay->topic, rest.data[0]);
			rest = span_of(rest.data + 1, rest.length - 1);
		}
	}
	if (text_failed(&replay->topic))
		return -ENOMEM;
	if (replay->topic.length == 0 || memchr(replay->topic.data, '+', replay->topic.length) ||
		memchr(replay->topic.data, '#', replay->topic.length)) {
		fprintf(stderr, "xlstmctl replay: \"%.*s\" is no topic to publish on\n",
			SPAN_PRINT(text_span(&replay->topic)));
		return E_NAME;
	}
	return 0;
}

/* Publishes `count` values of a detector in one message. */
static int publish_values(struct replay *replay, struct span detector, struct span channel,
	int64_t time_ms, size_t count) {
	int r = write_topic(replay, detector, channel);
	if (r < 0)
		return r;

	text_reset(&replay->payload);
	wire_write_row(&replay->payload, time_ms, replay->names, replay->values, count);
	if (text_failed(&replay->payload))
		return -ENOMEM;

	const struct mail mail = {
		.kind = MAIL_MESSAGE,
		.topic = text_span(&replay->topic),
		.payload = text_span(&replay->payload),
		.qos = (uint8_t)replay->options.qos,
	};
	r = mqtt_send(replay->link.mqtt, &mail);
	replay->messages += r == 0;
	return r < 0 ? broken(replay) : 0;
}

/* One message for each value. */
static int send_apart(struct replay *replay, const struct csv_columns *columns, int64_t time_ms) {
	for (size_t i = 0; i < columns->count; i++) {
		int r = csv_columns_value(columns, i, &replay->values[0]);
		if (r < 0)
			return r;
		replay->names[0] = SPAN("value");
		r = publish_values(replay, csv_columns_detector(columns, i),
			csv_columns_channel(columns, i), time_ms, 1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* All values of the row's detector in one message. */
static int send_together(
	struct replay *replay, const struct csv_columns *columns, int64_t time_ms) {
	for (size_t i = 0; i < columns->count; i++) {
		int r = csv_columns_value(columns, i, &replay->values[i]);
		if (r < 0)
			return r;
		replay->names[i] = csv_columns_channel(columns, i);
	}
	return publish_values(
		replay, csv_columns_detector(columns, 0), SPAN_EMPTY, time_ms, columns->count);
}

/* ---- Pace ---- */

/* When the row is due, by the monotonic clock. */
static int64_t due(struct replay *replay, int64_t time_ms) {
	const struct replay_options *options = &replay->options;
	double elapsed = 0;

	if (replay->first_ms == TIME_NONE) {
		replay->first_ms = time_ms;
		replay->start_ms = monotonic_ms();
		replay->first_row = replay->rows;
	}
	if (options->speed > 0)
		elapsed = (double)(time_ms - replay->first_ms) / options->speed;
	else if (options->rate > 0)
		elapsed = (double)(replay->rows - replay->first_row) * 1000 / options->rate;
	return replay->start_ms + (int64_t)fmax(0, fmin(elapsed, 1e15));
}

/* In lockstep: until the row before has been answered. How many forecasts a row brings is learnt
 * from the first. */
static void await_forecasts(struct replay *replay) {
	int64_t deadline = monotonic_ms() + LOCKSTEP_MS;
	bool first = replay->rows == 1;

	while (monotonic_ms() < deadline && !replay->lost &&
		(first || replay->forecasts < replay->forecasts_per_row))
		attend(replay, deadline - monotonic_ms());
	if (first)
		replay->forecasts_per_row = replay->forecasts;
}

static void show_progress(struct replay *replay, const struct csv_reader *csv, int64_t time_ms) {
	char when[TIME_TEXT_MAX];
	int64_t now = monotonic_ms();
	double part = csv_reader_progress(csv);

	if (now < replay->progress_ms || !isatty(STDERR_FILENO))
		return;
	replay->progress_ms = now + PROGRESS_MS;
	timestamp_write(when, time_ms);
	fprintf(stderr, "\r\x1b[K%s  %" PRIu64 " rows", when, replay->rows);
	if (part >= 0)
		fprintf(stderr, "  %.0f%%", 100 * part);
	fprintf(stderr, "  %.0f a second",
		(double)replay->rows * 1000 / (double)(now - replay->begin_ms + 1));
}

static void end_progress(void) {
	if (isatty(STDERR_FILENO))
		fputs("\r\x1b[K", stderr);
}

/* ---- Files ---- */

static int replay_row(struct replay *replay, const struct csv_columns *columns) {
	bool apart = columns->options.wide || strstr(replay->options.topic, "{channel}");
	int64_t time_ms;

	int r = csv_columns_time(columns, 0, &time_ms);
	if (r < 0)
		return r;
	for (int64_t at = due(replay, time_ms); at > monotonic_ms() && !replay->lost;)
		attend(replay, at - monotonic_ms());
	show_progress(replay, columns->csv, time_ms);
	attend(replay, 0);
	if (replay->lost)
		return broken(replay);

	replay->forecasts = 0;
	replay->columns = columns;
	r = apart ? send_apart(replay, columns, time_ms) : send_together(replay, columns, time_ms);
	if (r < 0)
		return r;
	replay->rows++;
	if (replay->options.lockstep)
		await_forecasts(replay);
	return replay->rows % CHECKPOINT_ROWS == 0 ? checkpoint(replay) : 0;
}

static bool enough(const struct replay *replay) {
	return replay->options.limit > 0 && replay->rows >= replay->options.limit;
}

static int replay_rows(struct replay *replay, struct csv_reader *csv, struct csv_columns *columns) {
	uint64_t number = 0;
	int r = 0;

	replay->names = calloc(columns->count + 1, sizeof(*replay->names));
	replay->values = calloc(columns->count + 1, sizeof(*replay->values));
	if (!replay->names || !replay->values)
		r = -ENOMEM;
	while (r == 0 && !enough(replay)) {
		r = csv_reader_next(csv);
		if (r < 0)
			fprintf(stderr, "xlstmctl replay: %s: row %" PRIu64 ": %s\n",
				columns->options.file, csv_reader_row(csv), error_text(r));
		if (r <= 0)
			break;
		r = number++ < replay->options.skip ? 0 : replay_row(replay, columns);
	}
	free(replay->names);
	free(replay->values);
	return r;
}

static int replay_file(struct replay *replay, const char *file) {
	struct csv_columns_options options = replay->options.columns;
	struct csv_columns columns;
	struct csv_reader *csv;

	options.file = file;
	int r = csv_reader_open(&csv, file);
	if (r < 0) {
		fprintf(stderr, "xlstmctl replay: %s: %s\n", file, error_text(r));
		return r;
	}
	r = csv_columns_init(&columns, &options, csv);
	if (r == 0) {
		r = columns.count > 0 ? replay_rows(replay, csv, &columns) : 0;
		csv_columns_finish(&columns);
	}
	csv_reader_close(csv);
	return r;
}

static void print_summary(const struct replay *replay) {
	double seconds = (double)(monotonic_ms() - replay->begin_ms) / 1000;

	if (replay->options.json)
		printf("{\"rows\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"seconds\":%.3f}\n",
			replay->rows, replay->messages, seconds);
	else if (isatty(STDOUT_FILENO))
		printf("%" PRIu64 " rows in %" PRIu64 " messages, %.1f s\n", replay->rows,
			replay->messages, seconds);
}

static int replay_files(struct replay *replay) {
	int r = 0;

	for (int i = 0; i < replay->options.files_count && r == 0 && !enough(replay); i++) {
		replay->first_ms = TIME_NONE;
		r = replay_file(replay, replay->options.files[i]);
	}
	if (r == 0)
		r = checkpoint(replay);
	end_progress();
	return r;
}

int replay_run(int argc, char **argv) {
	struct replay replay = { .first_ms = TIME_NONE };

	int status = replay_options_parse(&replay.options, argc, argv);
	if (status >= 0)
		return status;
	replay.options.link.mqtt.window_wait_ms = PATIENCE_MS;
	if (open_link(&replay) < 0)
		return VERB_FAILED;

	replay.begin_ms = monotonic_ms();
	int r = replay_files(&replay);
	if (r == 0)
		print_summary(&replay);
	link_close(&replay.link, CLOSE_MS);
	text_finish(&replay.topic);
	text_finish(&replay.payload);
	if (r == -ENOMEM)
		fprintf(stderr, "xlstmctl replay: %s\n", error_text(r));
	if (r == E_USAGE)
		return VERB_USAGE;
	return r < 0 ? VERB_FAILED : VERB_OK;
}
