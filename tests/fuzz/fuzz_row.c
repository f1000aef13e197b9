/* SPDX-License-Identifier: Apache-2.0 */
/* The saved state of a series, with any bytes in it: refused by name with nothing changed, or a series
 * that goes on with finite, ascending quantiles, whatever the numbers in it were.
 *
 * Input: options, then changes to the bytes of a state that has learned: which kind, where, and a
 * value. The check sum is put right afterwards, else nothing would ever get past it. */
#include "crc32c.h"
#include "engine.h"
#include "error.h"
#include "fuzz.h"
#include "registry.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#include <math.h>
#include <string.h>

#define LEARNED_TICKS 80
#define TICKS_AFTER   8
#define STEP_MS       3600000
#define BEGIN_MS      (INT64_C(500000) * STEP_MS)
#define HORIZON       3

/* Of the state's own heading: where the check sum of what follows lies, and its length. */
#define CHECK_AT  12
#define HEAD_SIZE 24

/* Of the row: the part that everything else depends on. */
#define ROW_HEAD_SIZE 400

struct bed {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *detector;
	uint64_t forecasts;
};

/* What the first byte of the input chooses. */
#define WITH_NETWORK 1
#define LEAN         2
#define KINDS        4 /* of states, by these two */
#define RAW          4 /* the bytes as they are, instead of changes */

static struct xlstm_model *model;

static void bed_init(struct bed *bed, unsigned kind) {
	struct registry_limits limits = registry_limits_default();
	struct clock_options clock = clock_options_default();
	struct engine_options engine = { .model = kind & WITH_NETWORK ? model : NULL };
	struct forecast_options options;
	uint32_t channel;

	clock.step_ms = STEP_MS;
	clock.gap_ticks_max = 5;
	forecast_options_init(&options);
	options.horizon = HORIZON;
	options.season_max = 24;
	options.rows = kind & LEAN ? ROWS_LEAN : options.rows;
	bed->forecasts = 0;
	FUZZ_ASSERT(registry_create(&bed->registry, &limits, 1) == 0);
	FUZZ_ASSERT(engine_create(&bed->engine, &engine) == 0);
	FUZZ_ASSERT(batch_create(&bed->batch, 1) == 0);
	FUZZ_ASSERT(registry_find_or_add_detector(
			    bed->registry, SPAN("d"), &clock, &bed->detector) == 1);
	FUZZ_ASSERT(registry_find_or_add_channel(
			    bed->registry, bed->detector, SPAN("c"), SPAN_EMPTY, &channel) == 1);
	FUZZ_ASSERT(engine_add(bed->engine, bed->detector, &options) == 0);
}

static void bed_finish(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

static void check_forecast(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast) {
	struct bed *bed = user;

	(void)detector;
	(void)channel;
	(void)tick;
	bed->forecasts++;
	for (uint32_t h = 0; h < forecast->horizon; h++) {
		FUZZ_ASSERT(isfinite(forecast->mean[h]));
		for (uint32_t q = 0; q < QUANTILES; q++)
			FUZZ_ASSERT(isfinite(forecast->quantiles[q * forecast->horizon + h]));
		for (uint32_t q = 1; q < QUANTILES; q++)
			FUZZ_ASSERT(forecast->quantiles[(q - 1) * forecast->horizon + h] <=
				    forecast->quantiles[q * forecast->horizon + h]);
	}
}

/* A reading for tick t, a day's wave; every ninth is missing. */
static void bed_tick(struct bed *bed, int t) {
	struct arrival arrival = { TIME_NONE, (uint64_t)t };
	double value = t % 9 == 8 ? NAN : 20 + 5 * sin(t * 6.2832 / 24) + t * t % 7 * 0.1;

	FUZZ_ASSERT(detector_put(bed->detector, 0, BEGIN_MS + t * (int64_t)STEP_MS, value,
			    &arrival) == 0);
	engine_want(bed->engine, bed->detector);
	while (engine_fill(bed->engine, bed->batch) > 0) {
		batch_run(bed->batch);
		engine_apply(bed->engine, bed->batch, check_forecast, bed);
	}
}

static void bed_save(const struct bed *bed, struct text *to) {
	size_t size = engine_state_size(bed->engine, bed->detector, 0);

	text_reset(to);
	FUZZ_ASSERT(text_reserve(to, size));
	engine_state_save(bed->engine, bed->detector, 0, to->data);
	to->length = size;
}

/* What a series has learned. */
static struct text learned[KINDS];

static void learn_once(void) {
	struct xlstm_weights *weights;

	if (model)
		return;
	FUZZ_ASSERT(xlstm_weights_open(&weights, MODEL, NULL) == 0);
	FUZZ_ASSERT(xlstm_model_create(&model, weights) == 0);
	xlstm_weights_destroy(weights);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct bed bed;

		bed_init(&bed, kind);
		for (int t = 0; t < LEARNED_TICKS; t++)
			bed_tick(&bed, t);
		FUZZ_ASSERT(bed.forecasts == LEARNED_TICKS);
		bed_save(&bed, &learned[kind]);
		bed_finish(&bed);
	}
}

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

static void change(struct span *input, struct text *state) {
	uint8_t kind = fuzz_take(input);
	size_t room = kind & 0x10 ? ROW_HEAD_SIZE : state->length - HEAD_SIZE;
	size_t at = take_number(input, 3) % (room / 4) * 4;
	char value[8];

	take_value(input, kind & 0x0f, value);
	size_t length = kind & 0x20 ? 4 : 8;
	if (at + length <= state->length - HEAD_SIZE)
		memcpy(state->data + HEAD_SIZE + at, value, length);
}

static void put_right(struct text *state) {
	uint32_t check = crc32c(0, state->data + HEAD_SIZE, state->length - HEAD_SIZE);

	memcpy(state->data + CHECK_AT, &check, sizeof(check));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span input = span_of(data, size);
	uint8_t options = fuzz_take(&input);
	struct text state = { 0 }, before = { 0 }, after = { 0 };
	struct bed bed;

	learn_once();
	bed_init(&bed, options % KINDS);
	if (options & RAW) {
		text_add(&state, input);
	} else {
		text_add(&state, text_span(&learned[options % KINDS]));
		while (input.length > 0)
			change(&input, &state);
		put_right(&state);
	}
	bed_save(&bed, &before);
	int r = engine_state_load(bed.engine, bed.detector, 0, state.data, state.length);
	FUZZ_ASSERT(r <= 0);
	if (r < 0) {
		bed_save(&bed, &after);
		FUZZ_ASSERT(r == E_CORRUPT || r == E_VERSION || r == E_MISMATCH);
		FUZZ_ASSERT(span_equal(text_span(&before), text_span(&after)));
	}
	for (int t = LEARNED_TICKS; t < LEARNED_TICKS + TICKS_AFTER; t++)
		bed_tick(&bed, t);
	FUZZ_ASSERT(bed.forecasts > 0);
	bed_finish(&bed);
	text_finish(&state);
	text_finish(&before);
	text_finish(&after);
	return 0;
}
