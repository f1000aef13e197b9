/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group that grows while its components are saved one after the other, each at another moment: from what was saved,
 * and from the batches with the seats that were taken in them, the same group comes about again, bit for bit.
 */
#include "batch.h"
#include "random.h"
#include "road.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 1600

/* Members that are new in each period, until all are there; periods, and after which the kill comes. */
#define NEW   100
#define FIRST 10
#define LAST  16

/* Ticks of a batch at the most. */
#define TOGETHER 64
#define BATCHES  (LAST * (MEMBERS / TOGETHER + 1))

#define HOODS_MAX 64

/* What a database would hold. */
struct saved {
	struct text clock, row;
	uint32_t sequence; /* of the last batch that it contains; 0: it was never saved */
};

struct noted {
	int members[TOGETHER];
	int count, period;
	struct text seats;
};

struct database {
	struct saved members[MEMBERS];
	struct text hoods[HOODS_MAX + 1]; /* by number */
	struct noted batches[BATCHES + 1]; /* by sequence, from 1 */
};

struct life {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[MEMBERS];
	struct database *database;
	const struct scene *scene;
	uint32_t sequence, large;
};

/* Where the members are: nowhere that is known, or all over a square; batches after which a component is
 * saved. */
struct scene {
	bool placed;
	uint32_t pause;
};

static struct place place_of(const struct scene *scene, int member) {
	uint64_t chance = random_bits((uint64_t)member);
	return scene->placed
		       ? place_on_plane((double)(chance % 1000), (double)(chance / 1000 % 1000))
		       : PLACE_UNKNOWN;
}

/* A wave that passes along. */
static double value_of(int member, int period) {
	uint64_t noise = random_bits((uint64_t)member * LAST + (uint64_t)period) % 1000;
	return 50 + 10 * sin(0.4 * period - 0.01 * member) + (double)noise / 500;
}

static void life_open(struct life *life, const struct scene *scene, struct database *database) {
	struct registry_limits limits = registry_limits_default();
	struct forecast_options options = road_options("many", 1);
	struct engine_options engine_options = { 0 };
	*life = (struct life){ .database = database, .scene = scene };
	options.season_max = 2;
	options.experts = 1u << EXPERT_PERSISTENCE | 1u << EXPERT_NEIGHBOURS;
	assert_int_equal(registry_create(&life->registry, &limits, 1), 0);
	assert_int_equal(engine_create(&life->engine, &engine_options), 0);
	assert_int_equal(batch_create(&life->batch, TOGETHER), 0);
	for (uint32_t id = 1; id <= HOODS_MAX; id++) {
		struct text *hood = &database->hoods[id];
		if (hood->length > 0)
			assert_int_equal(engine_neighbourhood_load(
						 life->engine, id, hood->data, hood->length),
				0);
	}
	road_add(life->registry, life->engine, life->detectors, MEMBERS, &options);
	for (int m = 0; m < MEMBERS; m++) {
		struct place place = place_of(scene, m);
		engine_place(life->engine, life->detectors[m], &place);
	}
}

static void life_close(struct life *life) {
	batch_destroy(life->batch);
	engine_destroy(life->engine);
	registry_destroy(life->registry);
}

static void database_close(struct database *database) {
	for (int m = 0; m < MEMBERS; m++) {
		text_finish(&database->members[m].clock);
		text_finish(&database->members[m].row);
	}
	for (int i = 0; i <= HOODS_MAX; i++)
		text_finish(&database->hoods[i]);
	for (int i = 0; i <= BATCHES; i++)
		text_finish(&database->batches[i].seats);
	free(database);
}

static void put_reading(struct life *life, int member, int period) {
	struct arrival arrival = { .now_ms = TIME_NONE,
		.message = (uint64_t)(period * MEMBERS + member) + 1 };
	assert_int_equal(detector_put(life->detectors[member], 0, (period + 1) * STEP_MS,
				 value_of(member, period), &arrival),
		0);
}

static void pass_over(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast) {
	(void)user;
	(void)detector;
	(void)channel;
	(void)tick;
	(void)forecast;
}

static void run(struct life *life) {
	batch_run(life->batch);
	engine_apply(life->engine, life->batch, pass_over, NULL);
}

static void save_row(const struct life *life, int member, struct text *to) {
	const struct detector *detector = life->detectors[member];
	size_t size = engine_state_size(life->engine, detector, 0);
	text_reset(to);
	assert_non_null(text_reserve(to, size));
	engine_state_save(life->engine, detector, 0, to->data);
	to->length = size;
}

static void save_hood(const struct life *life, size_t index, struct text *to) {
	size_t size = engine_neighbourhood_size(life->engine, index);
	text_reset(to);
	assert_non_null(text_reserve(to, size));
	engine_neighbourhood_save(life->engine, index, to->data);
	to->length = size;
}

static void save_component(struct life *life, uint32_t component) {
	for (int m = 0; m < MEMBERS; m++) {
		struct saved *saved = &life->database->members[m];
		if (engine_component(life->engine, life->detectors[m]) != component)
			continue;
		text_reset(&saved->clock);
		detector_save(life->detectors[m], &saved->clock);
		save_row(life, m, &saved->row);
		saved->sequence = life->sequence;
	}
	for (size_t i = 0; i < engine_neighbourhoods(life->engine); i++) {
		uint32_t id = engine_neighbourhood_id(life->engine, i);
		assert_in_range(id, 1, HOODS_MAX);
		if (engine_neighbourhood_component(life->engine, i) == component)
			save_hood(life, i, &life->database->hoods[id]);
	}
	engine_component_saved(life->engine, component);
}

/* Between two batches, as the daemon does, but in no order. */
static void save_due(struct life *life) {
	uint32_t large = engine_large_component(life->engine);
	if (large) {
		save_component(life, large);
		life->large++;
	}
	uint64_t chance = random_bits(life->sequence);
	uint32_t component = engine_component(life->engine, life->detectors[chance % MEMBERS]);
	if (component && life->sequence % life->scene->pause == 0)
		save_component(life, component);
}

static void step(struct life *life, const int *members, int count, int period) {
	struct noted *noted = &life->database->batches[++life->sequence];
	noted->period = period;
	noted->count = count;
	for (int i = 0; i < count; i++) {
		noted->members[i] = members[i];
		put_reading(life, members[i], period);
		engine_want(life->engine, life->detectors[members[i]]);
	}
	assert_int_equal(engine_fill(life->engine, life->batch), count);
	text_add(&noted->seats, engine_seats_taken(life->engine));
	run(life);
	save_due(life);
}

/* All members of a period, in an order and in batches that are up to chance. */
static void live(struct life *life, int period, struct random *random) {
	int order[MEMBERS], count = NEW * (period + 1) < MEMBERS ? NEW * (period + 1) : MEMBERS;
	for (int i = 0; i < count; i++) {
		int at = (int)(random_next(random) % (uint64_t)(i + 1));
		order[i] = order[at];
		order[at] = i;
	}
	for (int at = 0; at < count; at += TOGETHER)
		step(life, order + at, count - at < TOGETHER ? count - at : TOGETHER, period);
}

static void load_members(struct life *life) {
	for (int m = 0; m < MEMBERS; m++) {
		const struct saved *saved = &life->database->members[m];
		if (saved->sequence == 0)
			continue;
		assert_int_equal(detector_load(life->detectors[m], text_span(&saved->clock)), 0);
		assert_int_equal(engine_state_load(life->engine, life->detectors[m], 0,
					 saved->row.data, saved->row.length),
			0);
	}
}

static void step_again(struct life *life, uint32_t sequence) {
	const struct noted *noted = &life->database->batches[sequence];
	struct detector *later[TOGETHER];
	size_t count = 0;
	for (int i = 0; i < noted->count; i++) {
		int m = noted->members[i];
		if (life->database->members[m].sequence >= sequence)
			continue;
		put_reading(life, m, noted->period);
		later[count++] = life->detectors[m];
	}
	assert_int_equal(engine_fill_again(
				 life->engine, life->batch, later, count, text_span(&noted->seats)),
		0);
	run(life);
}

static void assert_same(const struct life *a, const struct life *b) {
	struct text one = { 0 }, other = { 0 };
	size_t hoods = engine_neighbourhoods(a->engine);
	assert_int_equal(engine_neighbourhoods(b->engine), hoods);
	for (size_t i = 0; i < hoods; i++) {
		assert_int_equal(engine_neighbourhood_id(a->engine, i),
			engine_neighbourhood_id(b->engine, i));
		save_hood(a, i, &one);
		save_hood(b, i, &other);
		assert_int_equal(one.length, other.length);
		assert_memory_equal(one.data, other.data, one.length);
	}
	for (int m = 0; m < MEMBERS; m++) {
		save_row(a, m, &one);
		save_row(b, m, &other);
		assert_int_equal(one.length, other.length);
		assert_memory_equal(one.data, other.data, one.length);
	}
	text_finish(&one);
	text_finish(&other);
}

/* Sequences that saved components contain, 0 for those that were never saved. */
static int moments(const struct database *database) {
	static bool seen[BATCHES + 1];
	int count = 0;
	memset(seen, 0, sizeof(seen));
	for (int m = 0; m < MEMBERS; m++) {
		uint32_t sequence = database->members[m].sequence;
		count += !seen[sequence];
		seen[sequence] = true;
	}
	return count;
}

/* Killed after so many periods. Returns how many components were large. */
static uint32_t grow_and_be_killed(const struct scene *scene, int periods) {
	struct database *database = calloc(1, sizeof(*database));
	struct life life, next;
	struct random random;
	assert_non_null(database);
	random_init(&random, (uint64_t)periods);
	life_open(&life, scene, database);
	for (int period = 0; period < periods; period++)
		live(&life, period, &random);
	print_message("%zu neighbourhoods, saved at %d moments\n",
		engine_neighbourhoods(life.engine), moments(database));
	assert_true(engine_neighbourhoods(life.engine) > 4);
	assert_true(moments(database) > 1);

	life_open(&next, scene, database);
	load_members(&next);
	for (uint32_t sequence = 1; sequence <= life.sequence; sequence++)
		step_again(&next, sequence);
	assert_same(&life, &next);
	life_close(&life);
	life_close(&next);
	database_close(database);
	return life.large;
}

static void grow(bool placed) {
	for (int periods = FIRST; periods <= LAST; periods += 3)
		for (uint32_t pause = 1; pause <= 16; pause *= 4)
			grow_and_be_killed(&(struct scene){ placed, pause }, periods);
}

static void who_joins_takes_the_same_seat_again(void **state) {
	(void)state;
	grow(false);
}

static void who_joins_somewhere_takes_the_same_seat_again(void **state) {
	(void)state;
	grow(true);
}

/* What has been split too often is saved before it is its turn. */
static void what_grows_faster_than_it_is_saved_is_saved_in_parts(void **state) {
	(void)state;
	assert_true(grow_and_be_killed(&(struct scene){ false, 200 }, LAST) > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_joins_takes_the_same_seat_again),
		cmocka_unit_test(who_joins_somewhere_takes_the_same_seat_again),
		cmocka_unit_test(what_grows_faster_than_it_is_saved_is_saved_in_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
