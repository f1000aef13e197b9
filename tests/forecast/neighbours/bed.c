/* SPDX-License-Identifier: Apache-2.0 */
#include "bed.h"

#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bed_open_with(struct bed *bed, const char *group, bool blind) {
	struct registry_limits limits = registry_limits_default();
	struct forecast_options options = road_options(group, HORIZON);
	struct engine_options engine_options = { .model = bed->model };
	options.blind = blind;
	memset(bed->errors, 0, sizeof(bed->errors));
	memset(bed->median_errors, 0, sizeof(bed->median_errors));
	assert_int_equal(registry_create(&bed->registry, &limits, 1), 0);
	assert_int_equal(engine_create(&bed->engine, &engine_options), 0);
	assert_int_equal(batch_create(&bed->batch, 64), 0);
	road_add(bed->registry, bed->engine, bed->detectors, MEMBERS, &options);
}

void bed_open(struct bed *bed, const char *group) {
	bed_open_with(bed, group, false);
}

void bed_close(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

void make_road(struct bed *bed) {
	struct random random;
	double wave[TICKS] = { 0 };
	random_init(&random, 11);
	for (int t = 1; t < TICKS; t++)
		wave[t] = 0.95 * wave[t - 1] + random_normal(&random);
	for (int t = 0; t < TICKS; t++)
		for (int d = 0; d < MEMBERS; d++)
			bed->values[t][d] =
				50 + (t >= d ? wave[t - d] : 0) + 0.2 * random_normal(&random);
}
static void keep(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	struct bed *bed = user;
	(void)channel;
	int t = (int)(tick->time_ms / STEP_MS) - 1;
	for (int d = 0; d < MEMBERS; d++) {
		if (bed->detectors[d] != detector)
			continue;
		memcpy(bed->forecasts[d], forecast->mean, sizeof(bed->forecasts[d]));
		const float *medians = forecast->quantiles + QUANTILE_MEDIAN * HORIZON;
		for (int h = 0; h < HORIZON && t >= WARM && t + h + 1 < TICKS; h++) {
			double x = bed->values[t + h + 1][d];
			bed->errors[d][h] += fabs((double)forecast->mean[h] - x);
			bed->median_errors[d] += fabs((double)medians[h] - x);
		}
	}
}

void bed_feed(struct bed *bed, int t, int order) {
	for (int i = 0; i < MEMBERS; i++) {
		int d = order > 0 ? i : MEMBERS - 1 - i;
		if (d < bed->absent)
			continue;
		struct arrival arrival = { .now_ms = TIME_NONE,
			.message = (uint64_t)t * MEMBERS + (uint64_t)i + 1 };
		detector_put(bed->detectors[d], 0, (int64_t)(t + 1) * STEP_MS, bed->values[t][d],
			&arrival);
		engine_want(bed->engine, bed->detectors[d]);
	}
	while (engine_is_due(bed->engine)) {
		engine_fill(bed->engine, bed->batch);
		batch_run(bed->batch);
		engine_apply(bed->engine, bed->batch, keep, bed);
	}
}

void bed_feed_all(struct bed *bed) {
	for (int t = 0; t < TICKS; t++)
		bed_feed(bed, t, 1);
}
int bed_set_up(void **state) {
	*state = calloc(1, sizeof(struct bed));
	return 0;
}

int bed_tear_down(void **state) {
	free(*state);
	return 0;
}
