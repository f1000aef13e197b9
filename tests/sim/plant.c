/* SPDX-License-Identifier: Apache-2.0 */
#include "plant.h"

#include "forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_MS INT64_C(1735689600000) /* 2025-01-01 */
#define WEEK_MS  (7 * DAY_MS)

#define HORIZON 4

/* Share of readings that are lost on the way. */
#define LOST 0.01

/* A detector is silent for SILENT_DAYS out of each SILENT_EVERY. */
#define SILENT_DAYS  3
#define SILENT_EVERY 91

/* Bytes of a journal at which it is committed before the day is over. */
#define COMMIT_BYTES (4u << 20)

#define PRUNE_ROWS 10000

static void must(int r, const char *what) {
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %d\n", what, r);
	exit(1);
}

static void *take(size_t count, size_t size) {
	void *memory = calloc(count, size);
	if (!memory)
		must(-1, "memory");
	return memory;
}

static void invent_sensor(struct plant *plant, struct plant_sensor *sensor) {
	struct random *random = &plant->random;

	*sensor = (struct plant_sensor){
		.level = 100 * random_normal(random),
		.day_size = 2 + 8 * random_uniform(random),
		.day_phase = 2 * M_PI * random_uniform(random),
		.week_size = 4 * random_uniform(random),
		.noise = 0.5 + random_uniform(random),
		.expected_ms = TIME_NONE,
	};
}

static double value_at(struct plant *plant, const struct plant_sensor *sensor) {
	double day = (double)(plant->now_ms % DAY_MS) / (double)DAY_MS;
	double week = (double)(plant->now_ms % WEEK_MS) / (double)WEEK_MS;

	return sensor->level + sensor->day_size * sin(2 * M_PI * day + sensor->day_phase) +
	       sensor->week_size * sin(2 * M_PI * week) +
	       sensor->noise * random_normal(&plant->random);
}

static void add_channel(struct plant *plant, struct detector *detector, uint32_t index) {
	char channel[8], name[SERIES_NAME_MAX];

	snprintf(channel, sizeof(channel), "c%u", index);
	must(registry_find_or_add_channel(
		     plant->registry, detector, span_text(channel), SPAN("bar"), &index),
		"channel");
	uint32_t series = detector_channel_series(detector, index);
	struct series_row row = {
		.id = series,
		.detector = detector_id(detector),
		.index = index,
		.channel = span_text(channel),
		.name = registry_series_name(plant->registry, series, name),
		.unit = SPAN("bar"),
	};
	must(journal_series(&plant->journal, &row), "journal");
	invent_sensor(plant, &plant->sensors[series]);
}

static void add_detector(struct plant *plant, uint32_t index) {
	struct clock_options clock = clock_options_default();
	struct forecast_options forecast;
	struct detector *detector;
	char name[32];

	clock.step_ms = plant->options.step_ms;
	forecast_options_init(&forecast);
	forecast.horizon = HORIZON;
	snprintf(name, sizeof(name), "hall%u/pump%u", index % 10, index);
	must(registry_find_or_add_detector(plant->registry, span_text(name), &clock, &detector),
		"detector");
	struct detector_row row = {
		.id = detector_id(detector),
		.name = span_text(name),
		.source = SPAN("plant"),
		.aggregate = SPAN("mean"),
		.step_ms = clock.step_ms,
		.latitude = NAN,
		.longitude = NAN,
	};
	must(journal_detector(&plant->journal, &row), "journal");
	for (uint32_t c = 0; c < PLANT_CHANNELS; c++)
		add_channel(plant, detector, c);
	must(engine_add(plant->engine, detector, &forecast), "engine");
	plant->detectors[index] = detector;
}

void plant_init(struct plant *plant, const struct plant_options *options) {
	struct registry_limits limits = registry_limits_default();
	struct engine_options engine = { .model = options->model };
	/* A small cache is full before the first week is over. */
	struct store_options store = {
		.path = options->database, .create = true, .cache_bytes = 1 << 20
	};

	*plant = (struct plant){ .options = *options, .now_ms = BEGIN_MS };
	random_init(&plant->random, 1);
	must(registry_create(&plant->registry, &limits, 1), "registry");
	must(engine_create(&plant->engine, &engine), "engine");
	must(batch_create(&plant->batch, 256), "batch");
	must(store_open(&plant->store, &store, NULL), "store");
	plant->detectors = take(options->detectors, sizeof(struct detector *));
	plant->saved = take(options->detectors, sizeof(*plant->saved));
	plant->sensors = take(options->detectors * PLANT_CHANNELS + 1, sizeof(*plant->sensors));
	for (uint32_t i = 0; i < options->detectors; i++)
		add_detector(plant, i);
}

void plant_finish(struct plant *plant) {
	batch_destroy(plant->batch);
	engine_destroy(plant->engine);
	registry_destroy(plant->registry);
	store_close(plant->store);
	journal_finish(&plant->journal);
	text_finish(&plant->json);
	text_finish(&plant->clock);
	free(plant->detectors);
	free(plant->saved);
	free(plant->sensors);
}

/* Every commit says from where on readings wait, as the daemon does: each drops some that no longer do. */
static void commit(struct plant *plant) {
	journal_floor(&plant->journal, plant->floor);
	must(store_commit(plant->store, &plant->journal), "commit");
	journal_reset(&plant->journal);
}

/* The value that came against the forecast that was made one tick before. */
static void score(
	struct plant *plant, struct plant_sensor *sensor, const struct forecast *forecast) {
	struct plant_errors *errors = &plant->errors;
	double value = forecast->observed;

	if (sensor->expected_ms != forecast->issued_ms || isnan(value))
		return;
	errors->count++;
	errors->absolute += fabs(value - sensor->median) / sensor->noise;
	errors->covered += value >= sensor->low && value <= sensor->high;
}

static void put_out(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast) {
	struct plant *plant = user;
	struct plant_sensor *sensor = &plant->sensors[forecast->series];
	char name[SERIES_NAME_MAX];
	struct wire_names names = {
		.series = registry_series_name(plant->registry, forecast->series, name),
		.unit = detector_channel_unit(detector, channel),
		.model = SPAN("base"),
	};

	plant->ticks++;
	score(plant, sensor, forecast);
	sensor->expected_ms = forecast->issued_ms + forecast->step_ms;
	sensor->low = (double)forecast->quantiles[0];
	sensor->median = (double)forecast->quantiles[QUANTILE_MEDIAN * forecast->horizon];
	sensor->high = (double)forecast->quantiles[(QUANTILES - 1) * forecast->horizon];
	if (!tick->newest)
		return;
	text_reset(&plant->json);
	wire_write_forecast(&plant->json, forecast, &names);
	struct forecast_row row = { .series = forecast->series,
		.issued_ms = forecast->issued_ms,
		.json = text_span(&plant->json) };
	must(journal_forecast(&plant->journal, &row), "journal");
}

static void read_sensor(struct plant *plant, struct detector *detector, uint32_t channel,
	const struct arrival *arrival) {
	struct reading_row row = {
		.series = detector_channel_series(detector, channel),
		.time_ms = plant->now_ms,
		.value = value_at(
			plant, &plant->sensors[detector_channel_series(detector, channel)]),
		.sequence = plant->sequence + 1,
	};

	if (random_uniform(&plant->random) < LOST)
		return;
	must(detector_put(detector, channel, row.time_ms, row.value, arrival), "reading");
	must(journal_reading(&plant->journal, &row), "journal");
	plant->sequence++;
}

static bool is_silent(uint32_t detector, uint32_t day) {
	return (day + detector * 7) % SILENT_EVERY < SILENT_DAYS && day > SILENT_DAYS;
}

static void tick(struct plant *plant, uint32_t day) {
	for (uint32_t i = 0; i < plant->options.detectors; i++) {
		struct arrival arrival = { plant->now_ms, plant->sequence + 2 };

		if (is_silent(i, day))
			continue;
		for (uint32_t c = 0; c < PLANT_CHANNELS; c++)
			read_sensor(plant, plant->detectors[i], c, &arrival);
		engine_want(plant->engine, plant->detectors[i]);
	}
	while (engine_fill(plant->engine, plant->batch) > 0) {
		batch_run(plant->batch);
		engine_apply(plant->engine, plant->batch, put_out, plant);
	}
	if (journal_size(&plant->journal) > COMMIT_BYTES)
		commit(plant);
}

/* The clock's part and then each channel's, as the daemon saves them. */
static void save(struct plant *plant, uint32_t index) {
	struct detector *detector = plant->detectors[index];
	char *to;
	void *bytes;

	text_reset(&plant->clock);
	detector_save(detector, &plant->clock);
	size_t size = plant->clock.length;
	for (uint32_t c = 0; c < PLANT_CHANNELS; c++)
		size += engine_state_size(plant->engine, detector, c);
	struct state_row row = {
		.detector = detector_id(detector),
		.sequence = plant->sequence,
		.saved_ms = plant->now_ms,
		.bytes = { NULL, size },
	};
	must(journal_state(&plant->journal, &row, &bytes), "journal");
	to = bytes;
	memcpy(to, plant->clock.data, plant->clock.length);
	to += plant->clock.length;
	for (uint32_t c = 0; c < PLANT_CHANNELS; c++) {
		engine_state_save(plant->engine, detector, c, to);
		to += engine_state_size(plant->engine, detector, c);
	}
	plant->saved[index] = plant->sequence;
}

/* A part of all detectors every day; then readings that every state contains wait no longer. */
static void save_due(struct plant *plant, uint32_t day) {
	uint64_t floor = plant->sequence;

	for (uint32_t i = day % SAVE_DAYS; i < plant->options.detectors; i += SAVE_DAYS) {
		save(plant, i);
		if (journal_size(&plant->journal) > COMMIT_BYTES)
			commit(plant);
	}
	for (uint32_t i = 0; i < plant->options.detectors; i++)
		floor = plant->saved[i] < floor ? plant->saved[i] : floor;
	plant->floor = floor;
}

static void keep_house(struct plant *plant) {
	struct store_retention retention = {
		.readings = KEEP_READINGS_DAYS * DAY_MS,
		.forecasts = KEEP_FORECASTS_DAYS * DAY_MS,
		.anomalies = KEEP_READINGS_DAYS * DAY_MS,
	};
	int more;

	do {
		more = store_prune(plant->store, &retention, plant->now_ms, PRUNE_ROWS);
		must(more, "housekeeping");
	} while (more > 0);
	must(store_checkpoint(plant->store), "checkpoint");
}

void plant_live_a_day(struct plant *plant, uint32_t day) {
	int64_t end_ms = BEGIN_MS + (day + 1) * DAY_MS;

	for (; plant->now_ms < end_ms; plant->now_ms += plant->options.step_ms)
		tick(plant, day);
	save_due(plant, day);
	commit(plant);
	keep_house(plant);
}

size_t plant_state_bytes(const struct plant *plant) {
	size_t bytes = 0;

	for (uint32_t i = 0; i < plant->options.detectors; i++)
		for (uint32_t c = 0; c < PLANT_CHANNELS; c++)
			bytes += engine_state_size(plant->engine, plant->detectors[i], c);
	return bytes;
}
