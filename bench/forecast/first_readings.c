/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How good are the first forecasts of a series, and what is the network worth by itself? Walks through
 * a file as `xlstmctl backtest` does and prints, for each horizon of --horizons, the pinball loss
 * (nine quantiles, times two; mean over steps 1 to h, series weighted by one over their deviation) of
 *
 *   persistence, season   the last value, and that of a day before (the last one as long as there is
 *                         none), with normal quantiles of their own tracked errors
 *   naive, naive_season   the same values with the quantiles of their own errors so far at that lead of that
 *                         series (none yet: the value itself), as simple models are usually scored
 *   closed                the network's anchors with a silent head
 *   network, reset        the network alone; reset: its state emptied before every tick
 *   without, with         the daemon's forecasts, without and with the network
 *
 *   first_readings MODEL LATER FILE.csv [OPTION...]    options of backtest
 *
 * over origins in the first two days of each series, by the readings that it has had; with LATER 1
 * also over every 16th origin of the last three quarters of the first 6000 ticks (not for the
 * daemon's forecasts).
 */
#include "backtest.h"
#include "backtest_feed.h"
#include "calibrate.h"
#include "csv_columns.h"
#include "error.h"
#include "network_inputs.h"
#include "network_outputs.h"
#include "xlstm/file.h"
#include "xlstm/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX  512
#define RING        4096
#define SEASON_MAX  2016
#define DAY_MS      INT64_C(86400000)
#define TICKS       6000
#define LATER_FROM  (TICKS / 4)
#define LATER_EVERY 16

enum method {
	PERSISTENCE,
	SEASON,
	NAIVE,
	NAIVE_SEASON,
	CLOSED,
	NETWORK,
	RESET,
	WITHOUT,
	WITH,
	METHODS
};
static const char *const method_names[METHODS] = { "persistence", "season", "naive", "naive_season",
	"closed", "network", "reset", "without", "with" };

/* Origins by readings so far: the first seven, up to half a day, a day, two days; and later. */
enum stage { READINGS_1, READINGS_8, HALF_DAY, SECOND_DAY, LATER, STAGES };
static const char *const stage_names[STAGES] = { "1-7", "8-half", "half-day", "day2", "later" };

struct sum {
	double loss, inside, count;
};

#define NAIVES 2

/* Errors of persistence or season at one lead, ascending. */
struct errors {
	double *sorted;
	size_t count, room;
};

/* What was forecast at one tick; stage STAGES: not to be scored. */
struct origin {
	enum stage stage;
	uint64_t tick;
	float quantiles[METHODS][HORIZON_MAX][QUANTILES];
};

struct subject {
	char name[2 * NAME_MAX_LENGTH + 2];
	double count, sum, square; /* of all values of the file */
	uint64_t ticks, seen;
	struct track track;
	double filled[RING], profile[SEASON_MAX];
	uint8_t visits[SEASON_MAX];
	struct track_view view;
	void *kept, *emptied; /* states */
	struct origin *origins; /* ring, [horizon] */
	struct errors errors[NAIVES][HORIZON_MAX]; /* of persistence and season */
	struct sum *sums; /* [STAGES][METHODS][horizon] */
};

struct bench {
	const struct backtest_options *options;
	uint32_t horizon;
	bool later, alone; /* alone: the daemon's forecasts are not looked at */
	enum method daemon; /* whose forecasts the engine's are */
	struct xlstm_model *model;
	struct xlstm_workspace *workspace;
	struct subject *subjects[SERIES_MAX];
	size_t count;
	size_t unfinished;
};

static void die(const char *what, int code) {
	fprintf(stderr, "first_readings: %s: %s\n", what, error_text(code));
	exit(1);
}

static void *memory(size_t count, size_t size) {
	void *taken = calloc(count, size);
	if (!taken)
		die("memory", -12);
	return taken;
}

static struct subject *find_subject(
	struct bench *bench, struct span detector, struct span channel) {
	char name[2 * NAME_MAX_LENGTH + 2];
	snprintf(name, sizeof(name), "%.*s/%.*s", SPAN_PRINT(detector), SPAN_PRINT(channel));
	for (size_t i = 0; i < bench->count; i++)
		if (!strcmp(bench->subjects[i]->name, name))
			return bench->subjects[i];
	if (bench->count == SERIES_MAX)
		die("too many series", E_TOO_LARGE);
	struct subject *subject = bench->subjects[bench->count++] = memory(1, sizeof(*subject));
	memcpy(subject->name, name, sizeof(name));
	subject->view = (struct track_view){ .track = &subject->track,
		.filled = subject->filled,
		.length = RING,
		.leads = track_leads(bench->horizon),
		.profile = subject->profile,
		.visits = subject->visits };
	subject->kept = memory(1, xlstm_state_size(bench->model));
	subject->emptied = memory(1, xlstm_state_size(bench->model));
	subject->origins = memory(bench->horizon, sizeof(*subject->origins));
	subject->sums = memory((size_t)STAGES * METHODS * bench->horizon, sizeof(*subject->sums));
	return subject;
}

static struct sum *sum_at(const struct bench *bench, struct subject *subject, enum stage stage,
	enum method method, uint32_t h) {
	size_t row = (size_t)stage * METHODS + method;
	return &subject->sums[row * bench->horizon + h - 1];
}

/* Deviations of all series, which weigh them. */
static void look_through(struct bench *bench) {
	const struct backtest_options *options = bench->options;
	const struct csv_columns_options columns_options = { .verb = "backtest",
		.file = options->file,
		.time = options->time,
		.step_ms = options->step_ms,
		.channels = options->channels,
		.detector_column = options->detector_column,
		.wide = options->wide,
		.missing = options->missing };
	struct csv_reader *csv;
	struct csv_columns columns;
	int r = csv_reader_open(&csv, options->file);
	if (r < 0)
		die(options->file, r);
	if (csv_columns_init(&columns, &columns_options, csv) < 0)
		exit(2);
	while (csv_reader_next(csv) > 0) {
		for (size_t i = 0; i < columns.count; i++) {
			double value;
			if (csv_columns_value(&columns, i, &value) < 0 || isnan(value))
				continue;
			struct subject *subject =
				find_subject(bench, csv_columns_detector(&columns, i),
					csv_columns_channel(&columns, i));
			subject->count++;
			subject->sum += value;
			subject->square += value * value;
		}
	}
	csv_columns_finish(&columns);
	csv_reader_close(csv);
}

static double deviation(const struct subject *subject) {
	double mean = subject->sum / subject->count;
	return sqrt(fmax(0, subject->square / subject->count - mean * mean)) + 1e-9;
}

static void score(struct bench *bench, struct subject *subject, const struct origin *origin,
	uint32_t h, double value) {
	for (enum method method = 0; method < METHODS; method++) {
		bool daemon = method == WITH || method == WITHOUT;
		if (daemon ? method != bench->daemon || origin->stage == LATER
			   : bench->daemon != WITH)
			continue;
		struct sum *sum = sum_at(bench, subject, origin->stage, method, h);
		const float *quantiles = origin->quantiles[method][h - 1];
		for (int q = 0; q < QUANTILES; q++) {
			double below = value < (double)quantiles[q];
			sum->loss += 2.0 / QUANTILES * (below - quantile_level(q)) *
				     ((double)quantiles[q] - value);
		}
		sum->inside +=
			value >= (double)quantiles[0] && value <= (double)quantiles[QUANTILES - 1];
		sum->count++;
	}
}

static void add_error(struct errors *errors, double error) {
	if (errors->count == errors->room) {
		errors->room = 2 * errors->room + 64;
		errors->sorted = realloc(errors->sorted, errors->room * sizeof(*errors->sorted));
		if (!errors->sorted)
			die("memory", -12);
	}
	size_t at = errors->count++;
	for (; at > 0 && errors->sorted[at - 1] > error; at--)
		errors->sorted[at] = errors->sorted[at - 1];
	errors->sorted[at] = error;
}

/* Quantiles of the errors so far around a value. */
static void naive_quantiles(float to[QUANTILES], double value, const struct errors *errors) {
	for (int q = 0; q < QUANTILES; q++) {
		double place = quantile_level(q) * (double)(errors->count - 1), offset = 0;
		size_t lower = (size_t)place;
		if (errors->count > 1)
			offset = errors->sorted[lower] +
				 (place - (double)lower) *
					 (errors->sorted[lower + 1] - errors->sorted[lower]);
		to[q] = (float)(value + offset);
	}
}

static void settle(struct bench *bench, struct subject *subject, double value) {
	for (uint32_t h = 1; h <= bench->horizon && h <= subject->ticks && !isnan(value); h++) {
		uint64_t tick = subject->ticks - h;
		const struct origin *origin = &subject->origins[tick % bench->horizon];
		if (origin->stage >= STAGES)
			continue;
		score(bench, subject, origin, h, value);
		for (int i = 0; i < NAIVES && bench->daemon == WITH; i++)
			add_error(&subject->errors[i][h - 1],
				value - (double)origin->quantiles[i][h - 1][QUANTILE_MEDIAN]);
	}
}

static enum stage stage_of(const struct bench *bench, const struct subject *subject, uint64_t day) {
	uint64_t t = subject->ticks;
	if (t >= 2 * day)
		return bench->later && t >= LATER_FROM && t % LATER_EVERY == 0 ? LATER : STAGES;
	if (subject->seen < 8)
		return READINGS_1;
	return t < day / 2 ? READINGS_8 : t < day ? HALF_DAY : SECOND_DAY;
}

/* Normal quantiles around a value of which the mean absolute error is known. */
static void normal_quantiles(float to[QUANTILES], double value, double error) {
	static const double normal[QUANTILES] = { -1.28155, -0.84162, -0.52440, -0.25335, 0,
		0.25335, 0.52440, 0.84162, 1.28155 };
	for (int q = 0; q < QUANTILES; q++)
		to[q] = (float)(value + normal[q] * sqrt(M_PI / 2) * error);
}

static double last_error(const struct track *track, uint32_t h) {
	uint32_t lower = 0;
	while (lower < NETWORK_LEADS - 2 && network_leads[lower + 1] <= h)
		lower++;
	double from = network_leads[lower], to = network_leads[lower + 1];
	double share = fmin(1, log(h / from) / log(to / from));
	return track->e[lower] * (1 - share) + track->e[lower + 1] * share;
}

static void forecast_simple(struct bench *bench, struct subject *subject, struct origin *origin) {
	const struct track *track = &subject->track;
	for (uint32_t h = 1; h <= bench->horizon; h++) {
		double season = track->last;
		track_filled(&subject->view, track->m1, h, &season);
		normal_quantiles(
			origin->quantiles[PERSISTENCE][h - 1], track->last, last_error(track, h));
		normal_quantiles(origin->quantiles[SEASON][h - 1], season, track->es1);
		naive_quantiles(origin->quantiles[NAIVE][h - 1], track->last,
			&subject->errors[PERSISTENCE][h - 1]);
		naive_quantiles(origin->quantiles[NAIVE_SEASON][h - 1], season,
			&subject->errors[SEASON][h - 1]);
	}
}

static void forecast_outputs(struct bench *bench, struct subject *subject, struct origin *origin,
	enum method method, const float *outputs) {
	for (uint32_t h = 1; h <= bench->horizon; h++) {
		double quantiles[QUANTILES];
		network_quantiles(&subject->view, outputs, h, quantiles);
		for (int q = 0; q < QUANTILES; q++)
			origin->quantiles[method][h - 1][q] =
				(float)(subject->track.last + quantiles[q]);
	}
}

static void forecast_network(struct bench *bench, struct subject *subject, int64_t time_ms,
	struct origin *origin, bool wanted) {
	static const float silence[NETWORK_OUTPUTS];
	struct network_clock clock = network_clock_at(time_ms);
	float inputs[NETWORK_INPUTS], outputs[NETWORK_OUTPUTS], emptied[NETWORK_OUTPUTS];
	network_inputs(&subject->view, &clock, inputs);
	xlstm_step(bench->model, bench->workspace, 1, &subject->kept, inputs, NULL, outputs);
	if (!wanted)
		return;
	memset(subject->emptied, 0, xlstm_state_size(bench->model));
	xlstm_step(bench->model, bench->workspace, 1, &subject->emptied, inputs, NULL, emptied);
	forecast_simple(bench, subject, origin);
	forecast_outputs(bench, subject, origin, CLOSED, silence);
	forecast_outputs(bench, subject, origin, NETWORK, outputs);
	forecast_outputs(bench, subject, origin, RESET, emptied);
}

static void take_daemon(
	const struct bench *bench, struct origin *origin, const struct forecast *forecast) {
	for (uint32_t h = 1; h <= bench->horizon; h++)
		for (uint32_t q = 0; q < QUANTILES; q++)
			origin->quantiles[bench->daemon][h - 1][q] =
				forecast->quantiles[q * bench->horizon + h - 1];
}

/* Ticks of a series that are walked over. */
static uint64_t last_tick(const struct bench *bench, uint64_t day) {
	return bench->later ? TICKS : 2 * day + bench->horizon;
}

static void on_forecast(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast) {
	struct bench *bench = user;
	struct subject *subject = find_subject(
		bench, detector_name(detector), detector_channel_name(detector, channel));
	uint64_t day = (uint64_t)(DAY_MS / forecast->step_ms), end = last_tick(bench, day);
	if (subject->ticks >= end)
		return;
	if (subject->ticks == 0)
		track_set_seasons(&subject->view, (uint32_t)day,
			7 * day <= SEASON_MAX ? 7 * (uint32_t)day : 0);
	settle(bench, subject, forecast->observed);
	track_step(&subject->view, forecast->observed);
	subject->seen += !isnan(forecast->observed);
	struct origin *origin = &subject->origins[subject->ticks % bench->horizon];
	origin->stage = stage_of(bench, subject, day);
	if (bench->daemon == WITH)
		forecast_network(bench, subject, tick->time_ms, origin, origin->stage < STAGES);
	if (!bench->alone)
		take_daemon(bench, origin, forecast);
	bench->unfinished -= ++subject->ticks == end;
}

static void restart(struct bench *bench) {
	bench->unfinished = bench->count;
	for (size_t i = 0; i < bench->count; i++) {
		struct subject *subject = bench->subjects[i];
		subject->ticks = subject->seen = 0;
		for (int k = 0; k < NAIVES; k++)
			for (uint32_t h = 0; h < bench->horizon; h++)
				subject->errors[k][h].count = 0;
		memset(&subject->track, 0, sizeof(subject->track));
		memset(subject->profile, 0, sizeof(subject->profile));
		memset(subject->visits, 0, sizeof(subject->visits));
		memset(subject->kept, 0, xlstm_state_size(bench->model));
	}
}

static void walk_rows(struct bench *bench, struct csv_reader *csv, struct engine *engine,
	struct registry *registry) {
	struct batch *batch;
	struct feed *feed;
	if (batch_create(&batch, 64) < 0 ||
		feed_create(&feed, bench->options, csv, registry, engine) < 0)
		exit(1);
	while (bench->unfinished > 0 && csv_reader_next(csv) > 0 && feed_row(feed) == 0) {
		while (engine_is_due(engine)) {
			engine_fill(engine, batch);
			batch_run(batch);
			engine_apply(engine, batch, on_forecast, bench);
		}
	}
	feed_destroy(feed);
	batch_destroy(batch);
}

/* One way through the file with the daemon's engine. */
static void walk(struct bench *bench, enum method daemon) {
	struct engine_options options = { .model = daemon == WITH && !bench->alone ? bench->model
										   : NULL };
	struct registry_limits limits = registry_limits_default();
	struct registry *registry;
	struct engine *engine;
	struct csv_reader *csv;
	bench->daemon = daemon;
	restart(bench);
	if (csv_reader_open(&csv, bench->options->file) < 0 ||
		registry_create(&registry, &limits, 0) < 0 || engine_create(&engine, &options) < 0)
		exit(1);
	walk_rows(bench, csv, engine, registry);
	engine_destroy(engine);
	registry_destroy(registry);
	csv_reader_close(csv);
}

/* Mean over series, each weighted by one over its deviation, and over steps 1 to h. */
static struct sum mean_of(struct bench *bench, enum stage stage, enum method method, uint32_t h) {
	struct sum mean = { .count = 0 };
	for (uint32_t lead = 1; lead <= h; lead++) {
		struct sum all = { .count = 0 };
		for (size_t i = 0; i < bench->count; i++) {
			const struct sum *sum =
				sum_at(bench, bench->subjects[i], stage, method, lead);
			all.loss += sum->loss / deviation(bench->subjects[i]);
			all.inside += sum->inside;
			all.count += sum->count;
		}
		mean.loss += all.loss / fmax(all.count, 1) / h;
		mean.inside += all.inside / fmax(all.count, 1) / h;
		mean.count += all.count / h;
	}
	return mean;
}

static void print_all(struct bench *bench) {
	for (uint32_t i = 0; i < bench->options->horizons_count; i++) {
		uint32_t h = bench->options->horizons[i];
		for (enum stage stage = 0; stage < STAGES; stage++) {
			for (enum method method = 0; method < METHODS; method++) {
				struct sum mean = mean_of(bench, stage, method, h);
				if (mean.count > 0)
					printf("%u %s %s %.6g %.4f %.0f\n", h, stage_names[stage],
						method_names[method], mean.loss, mean.inside,
						mean.count);
			}
		}
	}
}

int main(int argc, char **argv) {
	static struct bench bench;
	struct backtest_options options;
	struct xlstm_weights *weights;
	if (argc < 4) {
		fprintf(stderr, "usage: first_readings MODEL LATER FILE.csv [OPTION...]\n");
		return 2;
	}
	int status = backtest_options_parse(&options, argc - 2, argv + 2);
	if (status >= 0)
		return status;
	if (xlstm_weights_open(&weights, argv[1], NULL) < 0 ||
		xlstm_model_create(&bench.model, weights) < 0 ||
		xlstm_workspace_create(&bench.workspace, bench.model, XLSTM_BEST) < 0)
		die(argv[1], E_CORRUPT);
	bench.options = &options;
	bench.horizon = options.forecast.horizon;
	bench.later = bench.alone = atoi(argv[2]) > 0;
	if (bench.alone)
		options.forecast.experts = 1U << EXPERT_PERSISTENCE;
	look_through(&bench);
	if (!bench.alone)
		walk(&bench, WITHOUT);
	walk(&bench, WITH);
	print_all(&bench);
	backtest_options_finish(&options);
	return 0;
}
