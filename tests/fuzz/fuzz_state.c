/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the saved state of a detector's clock: refused by name, or a clock that runs on. */
#include "error.h"
#include "fuzz.h"
#include "registry.h"

#include <math.h>

static void run_on(struct detector *detector) {
	int64_t start = detector_newest_ms(detector);
	struct tick tick;

	if (start == TIME_NONE || start < 0 || start > TIME_MAX_MS)
		start = 1790000000000;
	for (int i = 0; i < 20; i++) {
		struct arrival arrival = { TIME_NONE, (uint64_t)i };
		int64_t time_ms = start + (i - 2) * detector_step_ms(detector) / 3;

		detector_put(detector, (uint32_t)i % 2, time_ms, i, &arrival);
		for (int j = 0; j < 50 && detector_next_tick(detector, &tick); j++)
			FUZZ_ASSERT(tick.included[0] < 4);
		detector_expire(detector, time_ms + 1000);
		detector_expires_ms(detector);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options options = clock_options_default();
	struct registry *registry;
	struct detector *detector;
	struct text before = { 0 }, after = { 0 };
	uint32_t channel;

	options.gap_ticks_max = 10;
	FUZZ_ASSERT(registry_create(&registry, &limits, 1) == 0);
	FUZZ_ASSERT(registry_find_or_add_detector(registry, SPAN("d"), &options, &detector) == 1);
	FUZZ_ASSERT(registry_find_or_add_channel(
			    registry, detector, SPAN("a"), SPAN_EMPTY, &channel) == 1);
	FUZZ_ASSERT(registry_find_or_add_channel(
			    registry, detector, SPAN("b"), SPAN_EMPTY, &channel) == 1);

	detector_save(detector, &before);
	int r = detector_load(detector, span_of(data, size));
	detector_save(detector, &after);
	if (r < 0)
		FUZZ_ASSERT(span_equal(text_span(&before), text_span(&after)));
	run_on(detector);
	text_finish(&before);
	text_finish(&after);
	registry_destroy(registry);
	return 0;
}
