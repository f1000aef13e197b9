/* SPDX-License-Identifier: Apache-2.0 */
/* How long it takes to read a message of each format and to write a forecast: nanoseconds of CPU time
 * each, the median of several runs. Decides whether reading needs anything cleverer. */
#include "forecast.h"
#include "registry.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS    7
#define REPEATS 100000

static double now(void) {
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values) {
	qsort(values, RUNS, sizeof(*values), compare);
	return values[RUNS / 2];
}

static int bench_read(const char *name, enum wire_format format, struct span payload) {
	struct wire_source_options options = { .topic = SPAN("plant/{site}/{detector}"),
		.format = format };
	struct wire_source *source;
	struct reading_list list = { 0 };
	const char *problem;
	double runs[RUNS];

	if (wire_source_create(&source, &options, &problem) < 0)
		return 1;
	for (int run = 0; run < RUNS; run++) {
		double start = now();
		for (int i = 0; i < REPEATS; i++) {
			if (wire_read(source, SPAN("plant/north/pump7"), payload, 0, &list) < 0)
				return 1;
		}
		runs[run] = (now() - start) / REPEATS;
	}
	printf("read %-22s %3zu bytes, %zu readings: %6.0f ns\n", name, payload.length, list.count,
		median(runs));
	reading_list_finish(&list);
	wire_source_destroy(source);
	return 0;
}

static int bench_write(void) {
	static float mean[24], quantiles[QUANTILES * 24];
	struct forecast forecast = { .issued_ms = 1790000000000,
		.step_ms = 60000,
		.horizon = 24,
		.status = FORECAST_OK,
		.seen = 5123,
		.observed = 4.21,
		.anomaly = 0.3,
		.skill = 0.41,
		.mean = mean,
		.quantiles = quantiles };
	struct wire_names names = { SPAN("pump7/pressure"), SPAN("bar"), SPAN("base-3") };
	struct text text = { 0 };
	double runs[RUNS];

	for (int i = 0; i < 24; i++)
		mean[i] = 4.2f + 0.0137f * (float)i;
	for (int i = 0; i < QUANTILES * 24; i++)
		quantiles[i] = 3.7f + 0.0073f * (float)i;
	for (int run = 0; run < RUNS; run++) {
		double start = now();
		for (int i = 0; i < REPEATS / 10; i++) {
			text_reset(&text);
			wire_write_forecast(&text, &forecast, &names);
		}
		runs[run] = (now() - start) / (REPEATS / 10);
	}
	printf("write forecast 24 x 9       %zu bytes: %6.0f ns\n", text.length, median(runs));
	text_finish(&text);
	return 0;
}

static int bench_put(uint32_t detectors) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options options = clock_options_default();
	struct registry *registry;
	double runs[RUNS], add = 0;
	char name[32];

	options.step_ms = 60000;
	if (registry_create(&registry, &limits, 1) < 0)
		return 1;
	for (int run = 0; run < RUNS; run++) {
		double start = now();
		for (uint32_t i = 0; i < detectors; i++) {
			struct arrival arrival = { 1790000000000 + run * 60000,
				(uint64_t)run * detectors + i };
			struct detector *detector;
			struct tick tick;
			uint32_t channel;
			int length = snprintf(name, sizeof(name), "site/pump%u", i);

			if (registry_find_or_add_detector(registry, span_of(name, (size_t)length),
				    &options, &detector) < 0 ||
				registry_find_or_add_channel(registry, detector, SPAN("pressure"),
					SPAN_EMPTY, &channel) < 0 ||
				detector_put(detector, channel, arrival.now_ms, i, &arrival) < 0)
				return 1;
			while (detector_next_tick(detector, &tick))
				;
		}
		runs[run] = (now() - start) / detectors;
		if (run == 0)
			add = runs[0];
	}
	printf("%u detectors: adding one %.0f ns, a reading to its tick %.0f ns\n", detectors, add,
		median(runs));
	registry_destroy(registry);
	return 0;
}

int main(void) {
	int failed = 0;

	failed |= bench_read("number", WIRE_NUMBER, SPAN("21.53"));
	failed |= bench_read("json", WIRE_JSON,
		SPAN("{\"time\":1790000000.25,\"speed\":61.5,\"volume\":12,\"occ\":0.25}"));
	failed |= bench_read("json, auto", WIRE_AUTO,
		SPAN("{\"time\":1790000000.25,\"speed\":61.5,\"volume\":12,\"occ\":0.25}"));
	failed |= bench_read("senml", WIRE_SENML,
		SPAN("[{\"bn\":\"urn:dev:x:\",\"bt\":1790000000,\"n\":\"t\",\"v\":21.5},"
		     "{\"n\":\"h\",\"v\":40}]"));
	failed |= bench_read("line protocol", WIRE_LINE_PROTOCOL,
		SPAN("m,host=a speed=61.5,volume=12i,occ=0.25 1790000000000000000"));
	failed |= bench_write();
	failed |= bench_put(1000);
	failed |= bench_put(100000);
	return failed;
}
