/* SPDX-License-Identifier: Apache-2.0 */
#include "rhythm.h"

#include "chance.h"
#include "standard.h"

#include <string.h>

/* Points that a shape is drawn with. */
#define SHAPE_POINTS 512

/* A function of the phase 0..1, about unit variance; the last point is the first again. */
struct shape {
	double points[SHAPE_POINTS + 1];
};

static double shape_at(const struct shape *shape, double phase) {
	double place = (phase - floor(phase)) * SHAPE_POINTS;
	size_t lower = (size_t)place;
	double share = place - (double)lower;
	return shape->points[lower] * (1 - share) + shape->points[lower + 1] * share;
}

/* Distance of two phases, 0 to 0.5. */
static double phase_distance(double a, double b) {
	double d = a - b + 0.5;
	return fabs(d - floor(d) - 0.5);
}

static void draw_harmonics(struct random *random, double *y) {
	size_t top = 1 + draw_below(random, 8);
	double fall = draw_uniform(random, 0.5, 2.5);
	memset(y, 0, SHAPE_POINTS * sizeof(*y));
	for (size_t order = 1; order <= top; order++) {
		double size = random_normal(random) * pow((double)order, -fall);
		double phase = random_uniform(random);
		for (int i = 0; i < SHAPE_POINTS; i++)
			y[i] += size * sin(2 * M_PI * ((double)order * i / SHAPE_POINTS + phase));
	}
}

static void draw_bumps(struct random *random, double *y) {
	size_t bumps = 1 + draw_below(random, 3);
	double sign = draw_below(random, 3) ? 1 : -1;
	memset(y, 0, SHAPE_POINTS * sizeof(*y));
	for (size_t bump = 0; bump < bumps; bump++) {
		double place = random_uniform(random), height = draw_uniform(random, 0.3, 1);
		double width = draw_uniform(random, 0.015, 0.15);
		for (int i = 0; i < SHAPE_POINTS; i++) {
			double d = phase_distance((double)i / SHAPE_POINTS, place) / width;
			y[i] += sign * height * exp(-0.5 * d * d);
		}
	}
}

static void draw_sun(struct random *random, double *y) {
	double place = random_uniform(random), above = draw_uniform(random, -0.4, 0.4);
	double power = draw_uniform(random, 0.7, 2);
	for (int i = 0; i < SHAPE_POINTS; i++) {
		double height = cos(2 * M_PI * ((double)i / SHAPE_POINTS - place)) + above;
		y[i] = pow(fmax(0, height), power);
	}
}

static void draw_box(struct random *random, double *y) {
	double width = draw_uniform(random, 0.05, 0.6), place = random_uniform(random);
	double edge = draw_uniform(random, 0.002, 0.03);
	for (int i = 0; i < SHAPE_POINTS; i++) {
		double d = phase_distance((double)i / SHAPE_POINTS, place);
		y[i] = 1 / (1 + exp(fmax(-50, fmin(50, (d - width / 2) / edge))));
	}
}

static void draw_saw(struct random *random, double *y) {
	double rise = draw_uniform(random, 0.03, 0.5), place = random_uniform(random);
	double power = draw_uniform(random, 0.5, 2);
	for (int i = 0; i < SHAPE_POINTS; i++) {
		double phase = (double)i / SHAPE_POINTS + place;
		phase -= floor(phase);
		y[i] = pow(phase < rise ? phase / rise : (1 - phase) / (1 - rise), power);
	}
}

/* Turns the shape so that it is high by day and low by night. */
static void turn_to_day(struct random *random, double *y) {
	double real = 0, imaginary = 0, turned[SHAPE_POINTS];
	for (int i = 0; i < SHAPE_POINTS; i++) {
		real += y[i] * cos(2 * M_PI * i / SHAPE_POINTS);
		imaginary += y[i] * sin(2 * M_PI * i / SHAPE_POINTS);
	}
	double peak = atan2(imaginary, real) / (2 * M_PI);
	double wanted = (14.5 + 2.5 * random_normal(random)) / 24;
	long shift = lround((wanted - peak) * SHAPE_POINTS);
	for (long i = 0; i < SHAPE_POINTS; i++)
		turned[(((i + shift) % SHAPE_POINTS) + SHAPE_POINTS) % SHAPE_POINTS] = y[i];
	memcpy(y, turned, sizeof(turned));
}

static void draw_shape(struct random *random, struct shape *shape, bool usual) {
	static const double shares[] = { 0.4, 0.25, 0.12, 0.13, 0.1 };
	static void (*const kinds[])(struct random *, double *) = { draw_harmonics, draw_bumps,
		draw_sun, draw_box, draw_saw };
	kinds[draw_share(random, shares, 5)](random, shape->points);
	standardise(shape->points, SHAPE_POINTS);
	if (usual)
		turn_to_day(random, shape->points);
	shape->points[SHAPE_POINTS] = shape->points[0];
}

/* One value per day: an autoregression with this spread. */
static void wander(struct random *random, double *days, double spread, double keep) {
	double value = random_normal(random);
	for (int i = 0; i < RHYTHM_DAYS; i++) {
		days[i] = spread * value;
		value = keep * value + sqrt(1 - keep * keep) * random_normal(random);
	}
}

/* What a weekday does to the day's shape. */
struct weekdays {
	double gain[7], shift[7], other[7]; /* other: share of another shape */
	struct shape shape;
};

static void choose_rest(struct random *random, bool rest[7]) {
	static const int candidates[] = { 5, 6, 0 };
	size_t first = draw_below(random, 3), count = 1 + draw_below(random, 2);
	memset(rest, 0, 7 * sizeof(*rest));
	for (size_t i = 0; i < count; i++)
		rest[candidates[(first + i) % 3]] = true;
}

static void draw_weekdays(struct random *random, struct weekdays *week, bool usual) {
	bool rest[7];
	size_t kind = draw_below(random, 4);
	double gain = kind == 3 ? draw_uniform(random, 0.3, 0.8) : random_uniform(random);
	double shift = kind == 0 ? 0.5 * random_normal(random) : 0;
	choose_rest(random, rest);
	for (int day = 0; day < 7; day++) {
		week->gain[day] = rest[day] ? gain : 1;
		week->shift[day] = rest[day] ? shift : 0;
		week->other[day] = 0;
	}
	if (kind == 1) {
		double size = draw_uniform(random, 0.2, 1), lift = 0.7 * random_normal(random);
		draw_shape(random, &week->shape, usual);
		for (int day = 0; day < 7; day++) {
			week->gain[day] = !rest[day];
			week->other[day] = rest[day] ? size : 0;
			week->shift[day] = rest[day] ? lift : 0;
		}
	}
	for (int day = 0; day < 7 && kind == 2; day++) {
		week->gain[day] = draw_uniform(random, 0.4, 1.3);
		week->shift[day] = 0.3 * random_normal(random);
	}
}

static void plain_weekdays(struct weekdays *week) {
	*week = (struct weekdays){ .gain = { 1, 1, 1, 1, 1, 1, 1 } };
}

/* A day like others, its size different from day to day. */
struct habit {
	struct shape shape, later; /* later: from tick `change` on */
	size_t change;
	double jitter[RHYTHM_DAYS], size[RHYTHM_DAYS];
	struct weekdays week;
};

static void draw_habit(struct random *random, struct habit *habit, size_t length) {
	static const double jitters[] = { 0, 0.005, 0.03 }, sizes[] = { 0, 0.1, 0.25, 0.5 };
	bool usual = draw_chance(random, 0.55);
	draw_shape(random, &habit->shape, usual);
	wander(random, habit->jitter, jitters[draw_below(random, 3)], 0.5);
	if (draw_chance(random, 0.55))
		draw_weekdays(random, &habit->week, usual);
	else
		plain_weekdays(&habit->week);
	wander(random, habit->size, sizes[draw_below(random, 4)], draw_uniform(random, 0, 0.9));
	habit->change = length;
	if (draw_chance(random, 0.08)) {
		habit->change = length / 4 + draw_below(random, length - length / 4);
		draw_shape(random, &habit->later, usual);
	}
}

void rhythm_daily(
	struct random *random, const struct calendar *calendar, double *y, size_t length) {
	static _Thread_local struct habit habit;
	draw_habit(random, &habit, length);
	const struct weekdays *week = &habit.week;
	int64_t first_day = calendar->start / calendar->per_day;
	for (size_t t = 0; t < length; t++) {
		int64_t clock = calendar->start + (int64_t)t;
		size_t day = (size_t)(clock / calendar->per_day - first_day);
		size_t weekday = (size_t)(clock / calendar->per_day % 7);
		double part = (double)(clock % calendar->per_day) / calendar->per_day;
		const struct shape *shape = t < habit.change ? &habit.shape : &habit.later;
		double value = week->gain[weekday] * shape_at(shape, part + habit.jitter[day]) +
			       week->shift[weekday];
		if (week->other[weekday] > 0)
			value += week->other[weekday] * shape_at(&week->shape, part);
		y[t] = value * exp(habit.size[day] * (1 - part) + habit.size[day + 1] * part);
	}
}

void rhythm_cycle(struct random *random, double period, double *y, size_t length) {
	static const double drifts[] = { 0, 0, 0.01, 0.05 };
	struct shape shape;
	double drift = drifts[draw_below(random, 4)] / sqrt(period);
	double phase = random_uniform(random);
	draw_shape(random, &shape, false);
	for (size_t t = 0; t < length; t++) {
		y[t] = shape_at(&shape, phase);
		phase += 1 / period + drift * random_normal(random);
	}
}
