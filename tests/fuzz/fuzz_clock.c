/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of readings at a detector's clock. The same ticks leave whether they are pulled
 * after every message or at the end, whether the state is saved and loaded in between or not, and
 * when the accepted readings alone are replayed. Numbers and times of ticks rise together, unless a reading lies so far
 * behind an earlier one that the times before were wrong, and from its first reading on each channel steps exactly
 * once in each period that is not jumped over.
 *
 * Input: options, then one operation after the other: what it is, and how far time moves.
 */
#include "error.h"
#include "fuzz.h"
#include "registry.h"

#include <math.h>
#include <string.h>

#define CHANNELS       3
#define OPERATIONS_MAX 400
#define GAP_MAX        5

enum kind {
	PUT,
	EXPIRE,
};

struct operation {
	enum kind kind;
	uint32_t channel;
	int64_t time_ms;
	double value;
	uint64_t message;
	bool accepted;
};

struct tick_list {
	struct tick items[OPERATIONS_MAX * (CHANNELS + GAP_MAX + 2)];
	size_t count;
};

struct clock {
	struct registry *registry;
	struct detector *detector;
};

static void clock_init(struct clock *clock, const struct clock_options *options) {
	struct registry_limits limits = registry_limits_default();
	static const char *const names[CHANNELS] = { "a", "b", "c" };
	uint32_t channel;

	FUZZ_ASSERT(registry_create(&clock->registry, &limits, 1) == 0);
	FUZZ_ASSERT(registry_find_or_add_detector(
			    clock->registry, SPAN("d"), options, &clock->detector) == 1);
	for (int i = 0; i < CHANNELS; i++)
		FUZZ_ASSERT(registry_find_or_add_channel(clock->registry, clock->detector,
				    span_text(names[i]), SPAN_EMPTY, &channel) == 1);
}

static void drain(struct clock *clock, struct tick_list *ticks) {
	while (detector_has_tick(clock->detector)) {
		FUZZ_ASSERT(ticks->count < sizeof(ticks->items) / sizeof(ticks->items[0]));
		FUZZ_ASSERT(detector_next_tick(clock->detector, &ticks->items[ticks->count]));
		ticks->count++;
	}
}

/* A reading comes at the time that it bears. */
static int apply(struct clock *clock, const struct operation *operation) {
	struct arrival arrival = { operation->time_ms, operation->message };

	if (operation->kind == EXPIRE)
		return detector_expire(clock->detector, operation->time_ms);
	return detector_put(clock->detector, operation->channel, operation->time_ms,
		operation->value, &arrival);
}

/* Saves the clock's state and goes on with what is loaded from it. */
static void reload(struct clock *clock, const struct clock_options *options) {
	struct clock fresh;
	struct text state = { 0 }, again = { 0 };

	clock_init(&fresh, options);
	detector_save(clock->detector, &state);
	FUZZ_ASSERT(detector_load(fresh.detector, text_span(&state)) == 0);
	detector_save(fresh.detector, &again);
	FUZZ_ASSERT(span_equal(text_span(&state), text_span(&again)));
	FUZZ_ASSERT(registry_waiting(clock->registry) == registry_waiting(fresh.registry));
	text_finish(&state);
	text_finish(&again);
	registry_destroy(clock->registry);
	*clock = fresh;
}

static void finish(struct clock *clock, struct tick_list *ticks) {
	/* Far beyond everything that waits, twice: the first call may only note the time. */
	detector_expire(clock->detector, 3 * TIME_MAX_MS);
	detector_expire(clock->detector, 6 * TIME_MAX_MS);
	drain(clock, ticks);
	FUZZ_ASSERT(registry_waiting(clock->registry) == 0);
	registry_destroy(clock->registry);
}

/* Whether an accepted reading lies so far behind an earlier one that the clock has begun again. */
static bool begins_again(
	const struct operation *operations, size_t count, const struct clock_options *options) {
	int64_t newest = 0;
	bool begins = false;

	for (size_t i = 0; i < count; i++) {
		const struct operation *operation = &operations[i];
		if (operation->kind != PUT || !operation->accepted)
			continue;
		begins |= newest - operation->time_ms > options->future_ms;
		newest = operation->time_ms > newest ? operation->time_ms : newest;
	}
	return begins;
}

static void check_ticks(const struct tick_list *ticks, bool times_rise) {
	uint64_t stepped = 0, alive = 0;

	for (size_t i = 0; i < ticks->count; i++) {
		const struct tick *tick = &ticks->items[i];

		FUZZ_ASSERT(tick->included[0] != 0);
		FUZZ_ASSERT(tick->channels == CHANNELS);
		FUZZ_ASSERT(tick->included[0] < UINT64_C(1) << CHANNELS);
		if (i == 0) {
			FUZZ_ASSERT(tick->number == 0);
		} else if (tick->number == tick[-1].number) {
			FUZZ_ASSERT(tick->time_ms == tick[-1].time_ms);
		} else {
			FUZZ_ASSERT(tick->number > tick[-1].number);
			FUZZ_ASSERT(!times_rise || tick->time_ms > tick[-1].time_ms);
			FUZZ_ASSERT((stepped & alive) == alive);
			stepped = 0;
		}
		FUZZ_ASSERT((tick->included[0] & stepped) == 0);
		stepped |= tick->included[0];
		alive |= tick->included[0];
		for (uint32_t c = 0; c < CHANNELS; c++)
			FUZZ_ASSERT(!tick_includes(tick, c) || !isinf(tick->values[c]));
	}
}

static void check_same(const struct tick_list *a, const struct tick_list *b) {
	FUZZ_ASSERT(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct tick *x = &a->items[i], *y = &b->items[i];
		FUZZ_ASSERT(x->number == y->number);
		FUZZ_ASSERT(x->time_ms == y->time_ms);
		FUZZ_ASSERT(x->included[0] == y->included[0]);
		for (uint32_t c = 0; c < CHANNELS; c++)
			FUZZ_ASSERT(!tick_includes(x, c) || x->values[c] == y->values[c] ||
				    (isnan(x->values[c]) && isnan(y->values[c])));
	}
}

/* A step of time of any size and, seldom, backwards. */
static int64_t take_distance(struct span *input) {
	uint8_t byte = fuzz_take(input);
	int64_t size = byte >> 3;

	switch (byte & 7) {
	case 0: return -size * 500;
	case 1: return size * 10;
	case 2: return size * 100;
	case 3: return size * 1000;
	case 4: return size * 10000;
	case 5: return size * 3600000;
	case 6: return size * 86400000;
	default: return 1000;
	}
}

static struct clock_options take_options(struct span *input) {
	static const int64_t steps[] = { 0, 1000, 60000, 1, 250, 86400000, 999, 7 };
	static const int64_t latenesses[] = { 0, 0, 5000, 100000 };
	uint8_t byte = fuzz_take(input);
	struct clock_options options = clock_options_default();

	options.step_ms = steps[byte & 7];
	options.lateness_ms = latenesses[byte >> 3 & 3];
	options.aggregate = (enum aggregate)(byte >> 5 & 3);
	options.gap_ticks_max = GAP_MAX;
	return options;
}

static void take_operation(
	struct span *input, struct operation *operation, int64_t *now_ms, uint64_t *message) {
	uint8_t byte = fuzz_take(input);

	*now_ms += take_distance(input);
	*message += byte >> 2 & 1;
	*operation = (struct operation){ .kind = (byte & 3) == 3 ? EXPIRE : PUT,
		.channel = (byte >> 3 & 3) % CHANNELS,
		.time_ms = *now_ms,
		.value = byte & 0x80 ? NAN : (double)(byte >> 5),
		.message = *message };
}

/* All that differs between live and replay: who pulls when, what expires, and the wall clock. */
static void run_live(struct operation *operations, size_t count,
	const struct clock_options *options, bool pull_at_once, struct tick_list *ticks) {
	struct clock clock;

	ticks->count = 0;
	clock_init(&clock, options);
	for (size_t i = 0; i < count; i++) {
		bool new_message = i == 0 || operations[i].message != operations[i - 1].message;
		if (pull_at_once && new_message)
			drain(&clock, ticks);
		int r = apply(&clock, &operations[i]);
		FUZZ_ASSERT(r <= 0);
		FUZZ_ASSERT(!pull_at_once || (r == 0) == operations[i].accepted);
		operations[i].accepted = r == 0;
	}
	finish(&clock, ticks);
	check_ticks(ticks, !begins_again(operations, count, options));
}

/* What was accepted, again: as after a crash, with the state saved and loaded now and then. */
static void run_replay(const struct operation *operations, size_t count,
	const struct clock_options *options, struct tick_list *ticks) {
	struct clock clock;
	uint64_t message = 0;

	ticks->count = 0;
	clock_init(&clock, options);
	for (size_t i = 0; i < count; i++) {
		if (operations[i].kind != PUT || !operations[i].accepted)
			continue;
		if (i % 3 == 0 && operations[i].message != message)
			reload(&clock, options);
		message = operations[i].message;
		FUZZ_ASSERT(detector_put_again(clock.detector, operations[i].channel,
				    operations[i].time_ms, operations[i].value, message) == 0);
	}
	finish(&clock, ticks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct operation operations[OPERATIONS_MAX];
	static struct tick_list live, prompt, replayed;
	struct span input = span_of(data, size);
	struct clock_options options = take_options(&input);
	int64_t now_ms = INT64_C(1790000000000);
	uint64_t message = 1;
	size_t count = 0;

	while (input.length > 0 && count < OPERATIONS_MAX)
		take_operation(&input, &operations[count++], &now_ms, &message);

	run_live(operations, count, &options, false, &live);
	run_live(operations, count, &options, true, &prompt);
	check_same(&live, &prompt);
	run_replay(operations, count, &options, &replayed);
	check_same(&live, &replayed);
	return 0;
}
