/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest.h"

#include "backtest_feed.h"
#include "backtest_report.h"
#include "error.h"
#include "network.h"
#include "num.h"
#include "verbs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Ticks worked on at a time, as by the daemon: what is in one batch sees each other. */
#define BATCH 256

/* Rows between two looks at the progress. */
#define PROGRESS_ROWS 512

/* What a backtest works with. */
struct backtest {
	const struct backtest_options *options;
	struct csv_reader *csv;
	struct registry *registry;
	struct xlstm_model *model; /* NULL: none */
	struct text model_name;
	struct engine *engine;
	struct batch *batch;
	struct feed *feed;
	struct scorer *scorer;
	FILE *forecasts;
	double (*experts)[HORIZON_MAX];
	uint64_t verdicts[VERDICTS]; /* of attempts to learn, by kind */
	int result; /* first error of on_forecast */
};

static void write_heading(FILE *file) {
	fputs("origin,target,series,lead,mean", file);
	for (int q = 1; q <= QUANTILES; q++)
		fprintf(file, ",q0.%d", q);
	fputc('\n', file);
}

static void write_number(FILE *file, double value) {
	char text[NUM_TEXT_MAX];
	fputc(',', file);
	fwrite(text, 1, num_write(text, value), file);
}

static void write_forecast(FILE *file, const struct detector *detector, uint32_t channel,
	const struct forecast *forecast) {
	char origin[TIME_TEXT_MAX], target[TIME_TEXT_MAX];
	struct span name = detector_name(detector);
	struct span part = detector_channel_name(detector, channel);
	timestamp_write(origin, forecast->issued_ms);
	for (uint32_t h = 1; h <= forecast->horizon; h++) {
		timestamp_write(target, forecast->issued_ms + h * forecast->step_ms);
		fprintf(file, "%s,%s,%.*s/%.*s,%u", origin, target, SPAN_PRINT(name),
			SPAN_PRINT(part), h);
		write_number(file, (double)forecast->mean[h - 1]);
		for (uint32_t q = 0; q < QUANTILES; q++)
			write_number(
				file, (double)forecast->quantiles[q * forecast->horizon + h - 1]);
		fputc('\n', file);
	}
}

static void on_forecast(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast) {
	struct backtest *backtest = user;
	engine_expert_forecasts(backtest->engine, detector, channel, backtest->experts);
	int r = scorer_add(backtest->scorer, tick->number, forecast, backtest->experts);
	if (r < 0)
		backtest->result = r;
	if (backtest->forecasts && tick->number % backtest->options->forecast_every == 0)
		write_forecast(backtest->forecasts, detector, channel, forecast);
}

static int backtest_open(struct backtest *backtest, const struct backtest_options *options) {
	struct registry_limits limits = registry_limits_default();
	*backtest = (struct backtest){ .options = options };

	int r = csv_reader_open(&backtest->csv, options->file);
	if (r == 0)
		r = registry_create(&backtest->registry, &limits, 0);
	if (r == 0)
		r = network_open(options->model, &backtest->model, &backtest->model_name);
	struct engine_options engine_options = { .model = backtest->model,
		.learning = options->learning };
	if (r == 0)
		r = engine_create(&backtest->engine, &engine_options);
	if (r == 0)
		r = batch_create(&backtest->batch, BATCH);
	if (r == 0)
		r = scorer_create(&backtest->scorer, options);
	if (r < 0)
		return r;

	backtest->experts = calloc(EXPERTS, sizeof(*backtest->experts));
	if (!backtest->experts)
		return -ENOMEM;
	return feed_create(
		&backtest->feed, options, backtest->csv, backtest->registry, backtest->engine);
}

static void backtest_close(struct backtest *backtest) {
	feed_destroy(backtest->feed);
	free(backtest->experts);
	scorer_destroy(backtest->scorer);
	batch_destroy(backtest->batch);
	engine_destroy(backtest->engine);
	xlstm_model_unref(backtest->model);
	text_finish(&backtest->model_name);
	registry_destroy(backtest->registry);
	csv_reader_close(backtest->csv);
}

static void count_verdict(struct backtest *backtest, struct verdict *verdict) {
	backtest->verdicts[verdict->kind]++;
	verdict_finish(verdict);
}

/* What the train lane does beside the daemon is done here in between. */
static void learn(struct backtest *backtest) {
	struct verdict verdict;
	struct study *study = engine_study(backtest->engine);
	if (study) {
		study_work(study, NULL, NULL);
		engine_conclude(backtest->engine, study, &verdict);
		count_verdict(backtest, &verdict);
	}
	if (engine_review(backtest->engine, &verdict))
		count_verdict(backtest, &verdict);
}

static void show_progress(const struct backtest *backtest) {
	double progress = csv_reader_progress(backtest->csv);
	if (progress >= 0)
		fprintf(stderr, "\r%3.0f%% ", 100 * progress);
}

/* Walks through the file. */
static int backtest_walk(struct backtest *backtest) {
	bool show = isatty(STDERR_FILENO);
	int r;
	while ((r = csv_reader_next(backtest->csv)) > 0) {
		r = feed_row(backtest->feed);
		if (r < 0)
			return VERB_FAILED;
		while (engine_is_due(backtest->engine) && backtest->result == 0) {
			engine_fill(backtest->engine, backtest->batch);
			batch_run(backtest->batch);
			engine_apply(backtest->engine, backtest->batch, on_forecast, backtest);
			learn(backtest);
		}
		if (backtest->result < 0)
			return backtest->result;
		if (show && csv_reader_row(backtest->csv) % PROGRESS_ROWS == 0)
			show_progress(backtest);
	}
	if (show)
		fputs("\r      \r", stderr);
	return r;
}

static void set_seasons(struct backtest *backtest) {
	const uint32_t *configured = backtest->options->forecast.seasons;
	for (uint32_t i = 1; i <= registry_series_count(backtest->registry); i++) {
		struct series series = registry_series(backtest->registry, i);
		uint32_t season = configured[0] ? configured[0]
						: engine_season(backtest->engine, series.detector,
							  series.channel);
		scorer_set_season(backtest->scorer, i, season);
	}
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int fail(const struct backtest_options *options, int code) {
	if (code == E_USAGE || code == E_CONFIG) /* has been said */
		return VERB_USAGE;
	fprintf(stderr, "xlstmctl backtest: %s: %s\n", options->file, error_text(code));
	return VERB_FAILED;
}

/* Opens the file for forecasts, if one is wanted. */
static int open_forecasts(struct backtest *backtest) {
	const char *path = backtest->options->forecasts;
	if (!path)
		return 0;
	backtest->forecasts = fopen(path, "w");
	if (!backtest->forecasts) {
		perror(path);
		return VERB_FAILED;
	}
	write_heading(backtest->forecasts);
	return VERB_OK;
}

static int close_forecasts(struct backtest *backtest) {
	if (!backtest->forecasts)
		return VERB_OK;
	bool failed = ferror(backtest->forecasts);
	if (fclose(backtest->forecasts) == 0 && !failed)
		return VERB_OK;
	perror(backtest->options->forecasts);
	return VERB_FAILED;
}

static int backtest_all(struct backtest *backtest, const struct backtest_options *options) {
	double began = now();
	int r = backtest_open(backtest, options);
	if (r < 0)
		return fail(options, r);
	if (open_forecasts(backtest) != VERB_OK)
		return VERB_FAILED;
	r = backtest_walk(backtest);
	if (close_forecasts(backtest) != VERB_OK || r == VERB_FAILED)
		return VERB_FAILED;
	if (r < 0)
		return fail(options, r);
	if (feed_refused(backtest->feed))
		fprintf(stderr, "xlstmctl backtest: %llu readings were refused as late or double\n",
			(unsigned long long)feed_refused(backtest->feed));
	set_seasons(backtest);
	struct backtest_facts facts = { .model = text_span(&backtest->model_name),
		.seconds = now() - began };
	memcpy(facts.verdicts, backtest->verdicts, sizeof(facts.verdicts));
	r = backtest_report(options, backtest->scorer, &facts, stdout);
	return r < 0 ? fail(options, r) : VERB_OK;
}

int backtest_run(int argc, char **argv) {
	struct backtest_options options;
	int status = backtest_options_parse(&options, argc, argv);
	if (status < 0) {
		struct backtest backtest;
		status = backtest_all(&backtest, &options);
		backtest_close(&backtest);
	}
	backtest_options_finish(&options);
	return status;
}
