/* SPDX-License-Identifier: Apache-2.0 */
/* The saved state of a neighbourhood, with any bytes in it: refused by name with nothing changed, or its members go
 * on with finite, ascending quantiles, whatever the numbers in it were, and it can be saved and loaded again.
 *
 * Input: options, then changes to the bytes of a neighbourhood that has learned: which kind, where, and a value. The
 * check sum is put right afterwards, else nothing would ever get past it. */
#include "error.h"
#include "neighbourhood.h"
#include "saved.h"

#include <errno.h>
#include <string.h>

/* So that the perceptron has begun to learn, which it does from 256 examples on, and the nearest have been chosen. */
#define MEMBERS       4
#define MORE          5
#define LEARNED_TICKS 100
#define TICKS_AFTER   12

/* Of the saved bytes: where the check sum lies, and from where on it counts. */
#define CHECK_AT   8
#define CHECK_FROM 12

/* What the first byte of the input chooses. */
#define RAW      1 /* the bytes as they are, instead of changes */
#define STRANGER 2 /* somebody sits there already */
#define CROWD    4 /* more come than there is room for */

/* Of a change: where. */
#define PIECES(kind) ((kind) >> 6)
enum { ANYWHERE, HEADING, SEATS, LEARNED };

struct bed {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *members[MEMBERS + MORE];
	int count; /* of them */
	uint64_t forecasts;
};

static void bed_init(struct bed *bed) {
	struct registry_limits limits = registry_limits_default();
	struct engine_options options = { .model = NULL };

	bed->forecasts = 0;
	bed->count = 0;
	FUZZ_ASSERT(registry_create(&bed->registry, &limits, 1) == 0);
	FUZZ_ASSERT(engine_create(&bed->engine, &options) == 0);
	FUZZ_ASSERT(batch_create(&bed->batch, MEMBERS + MORE) == 0);
}

static void bed_finish(struct bed *bed) {
	batch_destroy(bed->batch);
	engine_destroy(bed->engine);
	registry_destroy(bed->registry);
}

/* Those that see the neighbours, and the least that they stand on: a run is short. */
#define EXPERTS_SEEN                                                                               \
	(1u << EXPERT_PERSISTENCE | 1u << EXPERT_CLOSED | 1u << EXPERT_ALONE |                     \
		1u << EXPERT_NEIGHBOURS | 1u << EXPERT_NEIGHBOURS_OWN |                            \
		1u << EXPERT_NEIGHBOURS_PERCEPTRON)

/* As at a start: neighbourhoods first, then detectors, then their rows. */
static void bed_add(struct bed *bed, int count) {
	struct forecast_options options = saved_options();

	strcpy(options.group, "road");
	options.experts = EXPERTS_SEEN;
	while (count-- > 0) {
		char name[2] = { (char)('a' + bed->count), '\0' };
		struct detector *detector = saved_add_detector(bed->registry, name);

		FUZZ_ASSERT(engine_add(bed->engine, detector, &options) == 0);
		bed->members[bed->count++] = detector;
	}
}

static void bed_tick(struct bed *bed, int t) {
	for (int i = 0; i < bed->count; i++)
		saved_put(bed->engine, bed->members[i], t, 0.3 * i);
	saved_run(bed->engine, bed->batch, &bed->forecasts);
}

static void bed_save(const struct bed *bed, size_t index, struct text *to) {
	size_t size = engine_neighbourhood_size(bed->engine, index);

	text_reset(to);
	FUZZ_ASSERT(text_reserve(to, size));
	engine_neighbourhood_save(bed->engine, index, to->data);
	to->length = size;
}

/* What the members have learned together, and each of them. */
static struct text learned, rows[MEMBERS];
static struct piece pieces[4];

/* Where things lie in the saved neighbourhood. */
static void find_pieces(void) {
	size_t heading = learned.length;
	struct neighbourhood hood;

	/* What comes before the neighbourhood is as long as what its own size leaves. */
	heading -= neighbourhood_size(8, SAVED_HORIZON);
	neighbourhood_open(&hood, learned.data + heading);
	FUZZ_ASSERT(hood.head->room == 8 && hood.head->horizon == SAVED_HORIZON);
	pieces[ANYWHERE] = (struct piece){ CHECK_FROM, learned.length - CHECK_FROM };
	pieces[HEADING] = (struct piece){ heading, sizeof(*hood.head) };
	pieces[SEATS] = (struct piece){ (size_t)((char *)hood.seats - learned.data),
		MEMBERS * sizeof(*hood.seats) };
	pieces[LEARNED] = (struct piece){ (size_t)((char *)hood.pool - learned.data),
		(size_t)((char *)hood.replay - (char *)hood.pool) + sizeof(*hood.replay) };
}

static void learn_once(void) {
	struct bed bed;

	if (learned.length > 0)
		return;
	bed_init(&bed);
	bed_add(&bed, MEMBERS);
	for (int t = 0; t < LEARNED_TICKS; t++)
		bed_tick(&bed, t);
	FUZZ_ASSERT(bed.forecasts == MEMBERS * LEARNED_TICKS);
	FUZZ_ASSERT(engine_neighbourhoods(bed.engine) == 1);
	bed_save(&bed, 0, &learned);
	for (int i = 0; i < MEMBERS; i++) {
		size_t size = engine_state_size(bed.engine, bed.members[i], 0);

		FUZZ_ASSERT(text_reserve(&rows[i], size));
		engine_state_save(bed.engine, bed.members[i], 0, rows[i].data);
		rows[i].length = size;
	}
	bed_finish(&bed);
	find_pieces();
}

static void make_state(struct text *state, bool raw, struct span input) {
	if (raw) {
		text_add(state, input);
		return;
	}
	text_add(state, text_span(&learned));
	while (input.length > 0) {
		uint8_t kind = fuzz_take(&input);
		saved_change(&input, kind, pieces[PIECES(kind)], state);
	}
	saved_put_right(state, CHECK_AT, CHECK_FROM);
}

/* Where nobody sits two of the same are none too many. */
static bool has_members(struct text *saved) {
	struct neighbourhood hood;
	uint32_t i = 0;

	neighbourhood_open(&hood, saved->data + pieces[HEADING].begin);
	while (i < hood.head->count && hood.seats[i].series == 0)
		i++;
	return i < hood.head->count;
}

/* What was taken over is saved as it came, or refused as it was. */
static void load(struct bed *bed, const struct text *state) {
	size_t before = engine_neighbourhoods(bed->engine);
	struct text again = { 0 };

	uint32_t id = (uint32_t)before + 1;
	int r = engine_neighbourhood_load(bed->engine, id, state->data, state->length);
	FUZZ_ASSERT(r == 0 || r == E_CORRUPT || r == E_VERSION || r == E_MISMATCH);
	FUZZ_ASSERT(engine_neighbourhoods(bed->engine) == before + (r == 0));
	if (r == 0) {
		bed_save(bed, before, &again);
		FUZZ_ASSERT(again.length == state->length);
		/* But for what stands behind the names before it. */
		size_t begin = pieces[HEADING].begin;
		FUZZ_ASSERT(
			memcmp(again.data + begin, state->data + begin, again.length - begin) == 0);
		FUZZ_ASSERT(!has_members(&again) || engine_neighbourhood_load(bed->engine, id + 1,
							    again.data, again.length) < 0);
	}
	text_finish(&again);
}

/* Its members go on, one leaves and comes again, and what has become of it is a neighbourhood, too. */
static void live_on(struct bed *bed) {
	struct text state = { 0 };
	struct bed next;

	for (int t = LEARNED_TICKS; t < LEARNED_TICKS + TICKS_AFTER; t++)
		bed_tick(bed, t);
	FUZZ_ASSERT(bed->forecasts == (uint64_t)bed->count * TICKS_AFTER);
	engine_remove(bed->engine, bed->members[0]);
	bed_init(&next);
	for (size_t i = 0; i < engine_neighbourhoods(bed->engine); i++) {
		bed_save(bed, i, &state);
		FUZZ_ASSERT(engine_neighbourhood_load(next.engine,
				    engine_neighbourhood_id(bed->engine, i), state.data,
				    state.length) == 0);
	}
	bed_finish(&next);
	text_finish(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span input = span_of(data, size);
	uint8_t options = fuzz_take(&input);
	struct text state = { 0 };
	struct bed bed;

	learn_once();
	bed_init(&bed);
	if (options & STRANGER)
		FUZZ_ASSERT(engine_neighbourhood_load(
				    bed.engine, 1, learned.data, learned.length) == 0);
	make_state(&state, options & RAW, input);
	load(&bed, &state);
	bed_add(&bed, MEMBERS);
	for (int i = 0; i < MEMBERS; i++)
		FUZZ_ASSERT(engine_state_load(bed.engine, bed.members[i], 0, rows[i].data,
				    rows[i].length) == 0);
	if (options & CROWD)
		bed_add(&bed, MORE);
	live_on(&bed);
	bed_finish(&bed);
	text_finish(&state);
	return 0;
}
