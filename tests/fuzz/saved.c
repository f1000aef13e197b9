/* SPDX-License-Identifier: Apache-2.0 */
#include "saved.h"

#include "crc32c.h"

#include <math.h>
#include <string.h>

#define BEGIN_MS (500000 * SAVED_STEP_MS)

static size_t take_number(struct span *input, int bytes) {
	size_t number = 0;

	for (int i = 0; i < bytes; i++)
		number = number << 8 | fuzz_take(input);
	return number;
}

/* Eight bytes: one of the numbers that programs stumble over, or any. */
static void take_value(struct span *input, unsigned kind, char value[8]) {
	static const double numbers[] = { NAN, INFINITY, 1e308, -1e308, 1e-308, -1, 0 };
	static const uint32_t counts[] = { 0, 1, 0xffffffff, 0x80000000, 1000, 24, 25 };

	if (kind < 7) {
		memcpy(value, &numbers[kind], 8);
	} else if (kind < 14) {
		memcpy(value, &counts[kind - 7], 4);
		memcpy(value + 4, &counts[kind - 7], 4);
	} else {
		for (int i = 0; i < 8; i++)
			value[i] = (char)fuzz_take(input);
	}
}

void saved_change(struct span *input, unsigned kind, struct piece piece, struct text *state) {
	size_t at = piece.begin + take_number(input, 3) % (piece.size / 4) * 4;
	size_t length = kind & 0x20 ? 4 : 8;
	char value[8];

	take_value(input, kind & 0x0f, value);
	if (at + length <= state->length)
		memcpy(state->data + at, value, length);
}

void saved_put_right(struct text *state, size_t check, size_t begin) {
	uint32_t sum = crc32c(0, state->data + begin, state->length - begin);

	memcpy(state->data + check, &sum, sizeof(sum));
}

struct forecast_options saved_options(void) {
	struct forecast_options options;

	forecast_options_init(&options);
	options.horizon = SAVED_HORIZON;
	options.season_max = 24;
	return options;
}

struct detector *saved_add_detector(struct registry *registry, const char *name) {
	struct clock_options clock = clock_options_default();
	struct detector *detector;
	uint32_t channel;

	clock.step_ms = SAVED_STEP_MS;
	clock.gap_ticks_max = 5;
	FUZZ_ASSERT(
		registry_find_or_add_detector(registry, span_text(name), &clock, &detector) == 1);
	FUZZ_ASSERT(registry_find_or_add_channel(
			    registry, detector, SPAN("c"), SPAN_EMPTY, &channel) == 1);
	return detector;
}

void saved_put(struct engine *engine, struct detector *detector, int t, double shift) {
	struct arrival arrival = { TIME_NONE, (uint64_t)t };
	double value = t % 9 == 8 ? NAN : 20 + 5 * sin(t * 6.2832 / 24 + shift) + t * t % 7 * 0.1;

	FUZZ_ASSERT(detector_put(detector, 0, BEGIN_MS + t * SAVED_STEP_MS, value, &arrival) == 0);
	engine_want(engine, detector);
}

void saved_check(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast) {
	uint64_t *forecasts = user;

	(void)detector;
	(void)channel;
	(void)tick;
	++*forecasts;
	for (uint32_t h = 0; h < forecast->horizon; h++) {
		FUZZ_ASSERT(isfinite(forecast->mean[h]));
		for (uint32_t q = 0; q < QUANTILES; q++)
			FUZZ_ASSERT(isfinite(forecast->quantiles[q * forecast->horizon + h]));
		for (uint32_t q = 1; q < QUANTILES; q++)
			FUZZ_ASSERT(forecast->quantiles[(q - 1) * forecast->horizon + h] <=
				    forecast->quantiles[q * forecast->horizon + h]);
	}
}

void saved_run(struct engine *engine, struct batch *batch, uint64_t *forecasts) {
	while (engine_fill(engine, batch) > 0) {
		batch_run(batch);
		engine_apply(engine, batch, saved_check, forecasts);
	}
}
