/* SPDX-License-Identifier: Apache-2.0 */
#include "road.h"

#include <stdio.h>
#include <string.h>

struct forecast_options road_options(const char *group, uint32_t horizon) {
	struct forecast_options options;
	forecast_options_init(&options);
	options.horizon = horizon;
	options.season_max = 50;
	strcpy(options.group, group);
	return options;
}

void road_add(struct registry *registry, struct engine *engine, struct detector **detectors,
	int count, const struct forecast_options *options) {
	struct clock_options clock = clock_options_default();
	clock.step_ms = STEP_MS;
	for (int d = 0; d < count; d++) {
		char name[16];
		uint32_t channel;
		snprintf(name, sizeof(name), "road%d", d);
		registry_find_or_add_detector(registry, span_text(name), &clock, &detectors[d]);
		registry_find_or_add_channel(
			registry, detectors[d], SPAN("speed"), SPAN_EMPTY, &channel);
		assert_int_equal(engine_add(engine, detectors[d], options), 0);
	}
}
