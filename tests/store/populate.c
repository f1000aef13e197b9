/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes a database like that of a daemon that has run for two hours, for tests of what reads it:
 *
 *   populate_store PATH NOW [hold]
 *
 * NOW is the time of the last readings in seconds since 1970. With "hold" it keeps the database open
 * as the daemon does, says so on standard output, and waits for its standard input to end.
 */
#include "store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PUMPS    3
#define MINUTES  120
#define HORIZON  24
#define STEP_MS  60000
#define CHANNELS 2

static void check(int r) {
	if (r == 0)
		return;
	fprintf(stderr, "populate_store: %d\n", r);
	exit(1);
}

static double value_at(uint32_t series, int64_t minute) {
	return series + sin((double)minute / 10) + 4;
}

static void add_pump(struct journal *journal, uint32_t id) {
	static const char *const channels[CHANNELS] = { "pressure", "flow" };
	static const char *const units[CHANNELS] = { "bar", "l/s" };
	char name[32], series[64];

	snprintf(name, sizeof(name), "pump%u", id + 6);
	check(journal_detector(journal, &(struct detector_row){ .id = id,
						.name = span_text(name),
						.source = SPAN("plant"),
						.step_ms = STEP_MS,
						.latitude = 48.3 + id / 100.0,
						.longitude = 14.3 }));
	for (uint32_t i = 0; i < CHANNELS; i++) {
		snprintf(series, sizeof(series), "%s/%s", name, channels[i]);
		check(journal_series(
			journal, &(struct series_row){ .id = (id - 1) * CHANNELS + i + 1,
					 .detector = id,
					 .index = i,
					 .channel = span_text(channels[i]),
					 .name = span_text(series),
					 .unit = span_text(units[i]) }));
	}
}

static void write_steps(struct text *json, uint32_t series, int64_t minute, double offset) {
	text_add_char(json, '[');
	for (int step = 1; step <= HORIZON; step++) {
		if (step > 1)
			text_add_char(json, ',');
		text_add_json_number(json, value_at(series, minute + step) + offset);
	}
	text_add_char(json, ']');
}

static void add_forecast(
	struct journal *journal, uint32_t series, int64_t minute, int64_t time_ms) {
	struct text json = { 0 };

	text_add_format(&json,
		"{\"series\":\"%u\",\"issued\":%lld,\"step\":60,\"horizon\":%d,\"unit\":\"bar\","
		"\"status\":\"ok\",\"seen\":%lld,\"observed\":",
		series, (long long)(time_ms / 1000), HORIZON, (long long)minute + 1);
	text_add_json_number(&json, value_at(series, minute));
	text_add(&json, SPAN(",\"mean\":"));
	write_steps(&json, series, minute, 0.01);
	text_add(&json, SPAN(",\"quantiles\":{"));
	for (int q = 1; q <= 9; q++) {
		text_add_format(&json, "%s\"0.%d\":", q > 1 ? "," : "", q);
		write_steps(&json, series, minute, (q - 5) / 20.0);
	}
	text_add(&json, SPAN("},\"anomaly\":0.3,\"skill\":0.41,\"model\":\"base-3\"}"));
	check(journal_forecast(journal,
		&(struct forecast_row){
			.series = series, .issued_ms = time_ms, .json = text_span(&json) }));
	text_finish(&json);
}

static void add_series(struct journal *journal, uint32_t series, int64_t now_ms) {
	for (int64_t minute = 0; minute < MINUTES; minute++) {
		int64_t time_ms = now_ms - (MINUTES - 1 - minute) * STEP_MS;

		check(journal_reading(
			journal, &(struct reading_row){ .series = series,
					 .time_ms = time_ms,
					 .value = value_at(series, minute),
					 .sequence = (uint64_t)(series * MINUTES + minute) }));
		add_forecast(journal, series, minute, time_ms);
	}
	for (uint32_t lead = 1; lead <= HORIZON; lead++)
		check(journal_score(journal, &(struct score_row){ .series = series,
						     .lead = lead,
						     .n = MINUTES - lead,
						     .mae = 0.01 * lead,
						     .rmse = 0.02 * lead,
						     .bias = 0.001,
						     .skill = 0.5,
						     .skill_seasonal = 0.3,
						     .coverage80 = 0.81,
						     .mase = 0.7,
						     .pinball = 0.01,
						     .updated_ms = now_ms }));
}

/* The first two series see each other; the second gains a quarter of its errors. */
static void add_neighbours(struct journal *journal) {
	for (uint32_t series = 1; series <= 2; series++)
		check(journal_neighbour(journal, &(struct neighbour_row){ .series = series,
							 .rank = 1,
							 .neighbour = 3 - series,
							 .correlation = 0.9 }));
	check(journal_neighbour(
		journal, &(struct neighbour_row){ .series = 2, .rank = 2, .neighbour = 4 }));
	check(journal_neighbour(
		journal, &(struct neighbour_row){ .series = 2, .rank = 2, .neighbour = 0 }));
	for (uint32_t lead = 1; lead <= 2; lead++)
		check(journal_neighbour_gain(journal, &(struct neighbour_gain_row){ .series = 2,
							      .lead = lead,
							      .alone = 2.0 * lead,
							      .together = 1.5 * lead }));
}

static void add_events(struct journal *journal, int64_t now_ms) {
	check(journal_anomaly(journal, &(struct anomaly_row){ .series = 1,
					       .time_ms = now_ms - 10 * STEP_MS,
					       .value = 9.5,
					       .low = 4,
					       .high = 6,
					       .score = 2.75 }));
	check(journal_model(journal, &(struct model_row){ .name = SPAN("base-3"),
					     .parent = SPAN("base-2"),
					     .created_ms = now_ms,
					     .weights = SPAN("weights") }));
	check(journal_learning(journal, &(struct learning_row){ .time_ms = now_ms - STEP_MS,
						.model = SPAN("base-2"),
						.candidate = SPAN("base-3"),
						.subject = SPAN("312 windows of 6 series"),
						.loss_before = 0.31,
						.loss_after = 0.29,
						.adopted = true,
						.reason = SPAN("better on 5 of 6 series"),
						.duration_ms = 2500 }));
	check(journal_meta(journal, SPAN("version"), SPAN("0.1.0")));
	check(journal_meta(journal, SPAN("instance"), SPAN("plant")));
	check(journal_meta(journal, SPAN("started"), SPAN("1790000000000")));
	check(journal_meta(journal, SPAN("model"), SPAN("base-3")));
	check(journal_meta(journal, SPAN("stats"),
		SPAN("{\"uptime\":100,\"readings\":1250,\"refused\":{\"late\":3,\"syntax\":2},"
		     "\"lag\":{\"mean\":0.002},\"mqtt\":{\"connected\":true},"
		     "\"store\":{\"status\":\"ok\"}}")));
}

int main(int argc, char **argv) {
	struct journal journal = { 0 };
	struct store_refusal refusal;
	struct store *store;

	if (argc < 3) {
		fputs("populate_store PATH NOW [hold]\n", stderr);
		return 2;
	}
	int64_t now_ms = atoll(argv[2]) * 1000;
	if (store_open(&store, &(struct store_options){ .path = argv[1], .create = true },
		    &refusal) < 0) {
		fprintf(stderr, "populate_store: %s: %s\n", argv[1], refusal.message);
		return 1;
	}

	for (uint32_t id = 1; id <= PUMPS; id++)
		add_pump(&journal, id);
	for (uint32_t series = 1; series <= PUMPS * CHANNELS; series++)
		add_series(&journal, series, now_ms);
	add_neighbours(&journal);
	add_events(&journal, now_ms);
	check(store_commit(store, &journal));
	journal_finish(&journal);

	if (argc > 3) {
		puts("ready");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	store_close(store);
	return 0;
}
