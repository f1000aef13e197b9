/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SERIES_FIXTURE_H
#define TESTS_SERIES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "error.h"
#include "registry.h"

#include <math.h>
#include <stdlib.h>

/* One detector "d" with a number of channels, fed by hand. */

struct fixture {
	struct registry *registry;
	struct detector *detector;
	uint64_t message; /* of the latest reading */
	struct tick tick; /* the latest pulled */
};

static inline struct clock_options every(int64_t step_ms) {
	struct clock_options options = clock_options_default();

	options.step_ms = step_ms;
	return options;
}

static inline void fixture_init(
	struct fixture *fixture, uint32_t channels, struct clock_options options) {
	struct registry_limits limits = registry_limits_default();
	static const char *const names[] = { "a", "b", "c", "e", "f", "g", "h", "i" };

	*fixture = (struct fixture){ 0 };
	assert_int_equal(registry_create(&fixture->registry, &limits, 1), 0);
	assert_int_equal(registry_find_or_add_detector(
				 fixture->registry, SPAN("d"), &options, &fixture->detector),
		1);
	for (uint32_t i = 0; i < channels; i++) {
		uint32_t index;
		assert_int_equal(registry_find_or_add_channel(fixture->registry, fixture->detector,
					 span_text(names[i]), SPAN_EMPTY, &index),
			1);
		assert_int_equal(index, i);
	}
}

static inline void fixture_finish(struct fixture *fixture) {
	registry_destroy(fixture->registry);
}

/* A reading in the same message as the one before. */
static inline int put_along(struct fixture *fixture, uint32_t channel, int64_t ms, double value) {
	struct arrival arrival = { .now_ms = TIME_NONE, .message = fixture->message };

	return detector_put(fixture->detector, channel, ms, value, &arrival);
}

/* A reading in a message of its own. */
static inline int put(struct fixture *fixture, uint32_t channel, int64_t ms, double value) {
	fixture->message++;
	return put_along(fixture, channel, ms, value);
}

static inline bool pull(struct fixture *fixture) {
	return detector_next_tick(fixture->detector, &fixture->tick);
}

#define assert_put(fixture, channel, ms, value)                                                    \
	assert_int_equal(put(fixture, channel, ms, value), 0)

/* The next tick is that of `number` at `ms` and channel 0 alone steps in it, with `value`. */
#define assert_tick(fixture, tick_number, ms, value)                                               \
	do {                                                                                       \
		assert_true(pull(fixture));                                                        \
		assert_int_equal((fixture)->tick.number, tick_number);                             \
		assert_int_equal((fixture)->tick.time_ms, ms);                                     \
		assert_int_equal((fixture)->tick.included[0], 1);                                  \
		assert_value((fixture)->tick.values[0], value);                                    \
	} while (0)

#define assert_value(got, wanted)                                                                  \
	do {                                                                                       \
		double got_ = (got), wanted_ = (wanted);                                           \
		if (isnan(wanted_))                                                                \
			assert_true(isnan(got_));                                                  \
		else                                                                               \
			assert_true(fabs(got_ - wanted_) <= 1e-12 * (1 + fabs(wanted_)));          \
	} while (0)

#define assert_no_tick(fixture) assert_false(pull(fixture))

#endif
