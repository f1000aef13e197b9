/* SPDX-License-Identifier: Apache-2.0 */
/* The saved state of a series, with any bytes in it: refused by name with nothing changed, or a series
 * that goes on with finite, ascending quantiles, whatever the numbers in it were.
 *
 * Input: options, then changes to the bytes of a state that has learned: which kind, where, and a
 * value. The check sum is put right afterwards, else nothing would ever get past it. */
#include "error.h"
#include "saved.h"
#include "xlstm/file.h"
#include "xlstm/model.h"

#define LEARNED_TICKS 80
#define TICKS_AFTER   8

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

/* Of a change: in the row's heading. */
#define IN_HEAD 0x10

static struct xlstm_model *model;

static void bed_init(struct bed *bed, unsigned kind) {
	struct registry_limits limits = registry_limits_default();
	struct engine_options engine = { .model = kind & WITH_NETWORK ? model : NULL };
	struct forecast_options options = saved_options();

	options.rows = kind & LEAN ? ROWS_LEAN : options.rows;
	bed->forecasts = 0;
	FUZZ_ASSERT(registry_create(&bed->registry, &limits, 1) == 0);
	FUZZ_ASSERT(engine_create(&bed->engine, &engine) == 0);
	FUZZ_ASSERT(batch_create(&bed->batch, 1) == 0);
	bed->detector = saved_add_detector(bed->registry, "d");
	FUZZ_ASSERT(engine_add(bed->engine, bed->detector, &options) == 0);
}

static void bed_finish(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

static void bed_tick(struct bed *bed, int t) {
	saved_put(bed->engine, bed->detector, t, 0);
	saved_run(bed->engine, bed->batch, &bed->forecasts);
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

static void change(struct span *input, struct text *state) {
	uint8_t kind = fuzz_take(input);
	struct piece row = { HEAD_SIZE,
		kind & IN_HEAD ? ROW_HEAD_SIZE : state->length - HEAD_SIZE };

	saved_change(input, kind, row, state);
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
		saved_put_right(&state, CHECK_AT, HEAD_SIZE);
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
