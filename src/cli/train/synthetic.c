/* SPDX-License-Identifier: Apache-2.0 */
#include "synthetic.h"

#include "chance.h"
#include "rhythm.h"
#include "sensor.h"
#include "standard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX (SERIES_TICKS_MAX + SERIES_FUTURE)

/* Time scales that a drift of many scales is made of: 4 ticks, and each four times as long. */
#define SCALES 6

struct synthetic_room {
	double rhythm[LENGTH_MAX], part[LENGTH_MAX], sum[LENGTH_MAX];
	double slow[LENGTH_MAX], noise[LENGTH_MAX], work[LENGTH_MAX];
	double other[LENGTH_MAX]; /* the quantity that another one is coupled to */
};

int synthetic_room_create(struct synthetic_room **ret_room) {
	*ret_room = calloc(1, sizeof(**ret_room));
	return *ret_room ? 0 : -ENOMEM;
}

void synthetic_room_destroy(struct synthetic_room *room) {
	free(room);
}

enum kind { DAILY, CYCLE, NO_RHYTHM };

/* What a quantity is drawn with. */
struct plan {
	enum kind kind;
	struct calendar calendar;
	double period; /* of the cycle */
	size_t length;
};

static void draw_plan(struct random *random, struct plan *plan, size_t length) {
	static const uint32_t days[] = { 24, 48, 96, 144, 288 };
	static const double day_shares[] = { 0.42, 0.2, 0.18, 0.08, 0.12 };
	static const double kind_shares[] = { 0.66, 0.12, 0.22 };
	uint32_t per_day = days[draw_share(random, day_shares, 5)];
	plan->calendar.per_day = per_day;
	plan->calendar.start = (int64_t)draw_below(random, 7 * (size_t)per_day);
	plan->kind = (enum kind)draw_share(random, kind_shares, 3);
	plan->period = draw_log_uniform(random, 5, 400);
	if (draw_chance(random, 0.7))
		plan->period = round(plan->period);
	plan->length = length;
}

/* An autoregression of first order in its stationary state, unit variance: it forgets in `time`
 * ticks. y may be its input, white noise; NULL: drawn. */
static void first_order(
	struct random *random, double time, const double *input, double *y, size_t length) {
	double keep = 1 - 1 / time, gain = sqrt(1 - keep * keep);
	double value = 0;
	for (size_t t = 0; t < length; t++) {
		double noise = input ? input[t] : random_normal(random);
		value = t ? keep * value + gain * noise : noise;
		y[t] = value;
	}
}

static void add_scaled(double *sum, const double *part, double size, size_t length) {
	for (size_t t = 0; t < length; t++)
		sum[t] += size * part[t];
}

/* Jumps between a few levels, held for random times. */
static void add_regimes(struct random *random, double *sum, size_t length) {
	double dwell = draw_log_uniform(random, 4, 600), size = draw_log_uniform(random, 0.2, 2);
	double levels[4];
	size_t count = 2 + draw_below(random, 3);
	for (size_t i = 0; i < count; i++)
		levels[i] = size * random_normal(random);
	double left = 0, level = 0;
	for (size_t t = 0; t < length; t++, left--) {
		if (left <= 0) {
			left = 1 + floor(dwell * draw_exponential(random));
			level = levels[draw_below(random, count)];
		}
		sum[t] += level;
	}
}

/* Weather: as much happens on each time scale, or more on the longer ones. */
static void add_many_scales(
	struct synthetic_room *room, struct random *random, double *sum, size_t length) {
	double size = draw_log_uniform(random, 0.1, 2), growth = draw_uniform(random, -0.3, 0.5);
	double time = 4;
	for (int i = 0; i < SCALES; i++, time *= 4) {
		first_order(random, time, NULL, room->part, length);
		add_scaled(sum, room->part, size * 0.5 * exp(growth * i), length);
	}
}

static void add_walk_and_trend(struct random *random, double *sum, size_t length) {
	if (draw_chance(random, 0.12)) {
		double size = draw_log_uniform(random, 0.003, 0.2), place = 0;
		for (size_t t = 0; t < length; t++)
			sum[t] += place += size * random_normal(random);
	}
	if (draw_chance(random, 0.15)) {
		double slope = random_normal(random) * draw_uniform(random, 0.2, 4);
		for (size_t t = 0; t < length; t++)
			sum[t] += slope * (double)t / (double)length;
	}
}

/* The parts that wander. */
static void add_drifts(
	struct synthetic_room *room, struct random *random, const struct plan *plan, double *sum) {
	size_t length = plan->length;
	first_order(random, draw_log_uniform(random, 20, 4000), NULL, room->slow, length);
	if (draw_chance(random, 0.75))
		add_scaled(sum, room->slow, draw_log_uniform(random, 0.1, 3), length);
	if (draw_chance(random, 0.4) || plan->kind == NO_RHYTHM) {
		double time = draw_log_uniform(random, 1.5, 150);
		first_order(random, time, NULL, room->part, length);
		first_order(random, time, room->part, room->part, length);
		double deviation = moments_of(room->part, length).deviation;
		double size = draw_log_uniform(random, 0.1, 2);
		add_scaled(sum, room->part, size / deviation, length);
	}
	if (draw_chance(random, 0.6)) {
		first_order(random, draw_log_uniform(random, 1.01, 60), NULL, room->part, length);
		add_scaled(sum, room->part, draw_log_uniform(random, 0.05, 1.5), length);
	}
	if (draw_chance(random, 0.12))
		add_regimes(random, sum, length);
	if (draw_chance(random, 0.35))
		add_many_scales(room, random, sum, length);
	add_walk_and_trend(random, sum, length);
}

/* Noise, which may follow the rhythm, or what is slow. */
static void add_noise(
	struct synthetic_room *room, struct random *random, const struct plan *plan, double *sum) {
	double size = draw_log_uniform(random, 0.01, 1), follows = 0;
	const double *leader = plan->kind == NO_RHYTHM ? room->slow : room->rhythm;
	white_noise(random, room->noise, plan->length);
	if (draw_chance(random, 0.25))
		follows = random_normal(random);
	for (size_t t = 0; t < plan->length; t++)
		sum[t] += size * room->noise[t] * exp(fmax(-2, fmin(2, follows * leader[t])));
}

/* Writes what repeats into room->rhythm, about unit variance. */
static void draw_rhythm(
	struct synthetic_room *room, struct random *random, const struct plan *plan) {
	if (plan->kind == CYCLE)
		rhythm_cycle(random, plan->period, room->rhythm, plan->length);
	else if (plan->kind == DAILY)
		rhythm_daily(random, &plan->calendar, room->rhythm, plan->length);
	else
		memset(room->rhythm, 0, plan->length * sizeof(*room->rhythm));
}

static void add_side_cycle(
	struct synthetic_room *room, struct random *random, const struct plan *plan, double *sum) {
	double period = draw_log_uniform(random, 4, 2.0 * plan->calendar.per_day);
	rhythm_cycle(random, period, room->part, plan->length);
	add_scaled(sum, room->part, draw_log_uniform(random, 0.1, 0.6), plan->length);
}

/* rhythm + sum, or the rhythm times an envelope of what wanders. */
static void join(struct synthetic_room *room, struct random *random, const struct plan *plan,
	const double *sum, double *y) {
	double least = INFINITY;
	for (size_t t = 0; t < plan->length; t++)
		least = fmin(least, room->rhythm[t]);
	bool product = plan->kind == DAILY && draw_chance(random, 0.3);
	double lift = random_uniform(random) - least;
	for (size_t t = 0; t < plan->length; t++)
		y[t] = product ? exp(fmax(-3, fmin(3, 0.5 * sum[t]))) * (room->rhythm[t] + lift)
			       : room->rhythm[t] + sum[t];
}

/* A standardised quantity into y, which is none of the buffers used here. */
static void draw_quantity(
	struct synthetic_room *room, struct random *random, const struct plan *plan, double *y) {
	double *sum = room->sum;
	memset(sum, 0, plan->length * sizeof(*sum));
	draw_rhythm(room, random, plan);
	if (plan->kind == DAILY && draw_chance(random, 0.15))
		add_side_cycle(room, random, plan, sum);
	add_drifts(room, random, plan, sum);
	add_noise(room, random, plan, sum);
	join(room, random, plan, sum, y);
	standardise(y, plan->length);
}

/* Follows another quantity of the same place, some ticks later. */
static void couple(
	struct synthetic_room *room, struct random *random, const struct plan *plan, double *y) {
	size_t lag = (size_t)draw_log_uniform(random, 1, 48);
	double share = draw_uniform(random, 0.2, 1.5);
	draw_quantity(room, random, plan, room->other);
	for (size_t t = 0; t < plan->length; t++)
		y[t] += share * room->other[t > lag ? t - lag : 0];
	standardise(y, plan->length);
}

/* What the daemon would know of seasons and clock: the day, a found cycle, nothing, or wrong. */
static void reveal(struct random *random, const struct plan *plan, struct train_series *series) {
	uint32_t per_day = plan->calendar.per_day;
	double known = random_uniform(random), late = draw_uniform(random, 1.5, 4);
	series->m1 = series->m2 = series->awake = 0;
	if (plan->kind == CYCLE && known < 0.65) {
		series->m1 = (uint32_t)fmax(round(plan->period), 2);
		series->awake = known < 0.15 ? 0 : (uint32_t)(late * plan->period);
	} else if (known < (plan->kind == CYCLE ? 0.9 : 0.92)) {
		series->m1 = per_day;
		if (plan->kind != CYCLE && draw_chance(random, 0.08))
			series->awake = (uint32_t)(late * per_day);
	}
	if (series->m1 == per_day && 7 * per_day <= SERIES_SEASON_MAX && draw_chance(random, 0.85))
		series->m2 = 7 * per_day;
	series->per_day = per_day;
	series->start = draw_chance(random, 0.85) ? plan->calendar.start : -1;
}

void synthetic_make(struct synthetic_room *room, struct random *random, uint32_t ticks,
	struct train_series *series) {
	struct plan plan;
	size_t length = (size_t)ticks + SERIES_FUTURE;
	double *y = series->values;
	series->ticks = ticks;
	draw_plan(random, &plan, length);
	draw_quantity(room, random, &plan, y);
	if (draw_chance(random, 0.12))
		couple(room, random, &plan, y);
	white_noise(random, room->noise, length);
	sensor_transform(random, y, room->noise, room->work, length);
	sensor_disturb(random, y, length);
	sensor_place(random, y, length);
	sensor_lose(random, y, ticks, length);
	reveal(random, &plan, series);
}
