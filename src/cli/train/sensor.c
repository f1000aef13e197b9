/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor.h"

#include "chance.h"
#include "standard.h"

#include <stdlib.h>
#include <string.h>

/* Student's t with three degrees of freedom, over its deviation. */
static double draw_student(struct random *random) {
	double squares = 0;
	for (int i = 0; i < 3; i++) {
		double z = random_normal(random);
		squares += z * z;
	}
	double t = random_normal(random) / sqrt(squares / 3);
	return fmax(-20, fmin(20, t)) / sqrt(3);
}

static double draw_laplace(struct random *random) {
	double sign = draw_chance(random, 0.5) ? 1 : -1;
	return sign * draw_exponential(random) / M_SQRT2;
}

void white_noise(struct random *random, double *y, size_t length) {
	size_t kind = draw_below(random, 4);
	double power = draw_uniform(random, 0.5, 1.3);
	for (size_t t = 0; t < length; t++) {
		switch (kind) {
		case 0: y[t] = random_normal(random); break;
		case 1: y[t] = draw_laplace(random); break;
		case 2: y[t] = draw_student(random); break;
		default: y[t] = pow(draw_exponential(random), power); break;
		}
	}
	if (kind == 3)
		standardise(y, length);
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sorted copy of y, and a value that this share of it lies below. */
static const double *sorted(const double *y, double *work, size_t length) {
	memcpy(work, y, length * sizeof(*y));
	qsort(work, length, sizeof(*work), compare);
	return work;
}

static double quantile(const double *in_order, double share, size_t length) {
	return in_order[(size_t)(share * (double)(length - 1))];
}

static void limit(double *y, double low, double high, size_t length) {
	for (size_t t = 0; t < length; t++)
		y[t] = fmin(fmax(y[t], low), high);
}

static void add_scaled(double *y, const double *noise, double size, size_t length) {
	for (size_t t = 0; t < length; t++)
		y[t] += size * noise[t];
}

enum transform { NONE, EXPONENT, POWER, FLOOR, CEILING, BOTH, COUNT, RARE, SWITCH, TRANSFORMS };

static void bend(struct random *random, enum transform kind, double *y, size_t length) {
	double gain = draw_uniform(random, 0.3, 1.1), lift = draw_uniform(random, 0, 3);
	double power = draw_uniform(random, 0.5, 2.5);
	for (size_t t = 0; t < length; t++) {
		if (kind == EXPONENT)
			y[t] = exp(fmax(-6, fmin(6, gain * y[t])));
		else
			y[t] = pow(fmax(y[t] + lift, 0), power);
	}
}

static void censor(struct random *random, enum transform kind, double *y, const double *noise,
	double *work, size_t length) {
	const double *in_order = sorted(y, work, length);
	double low = -INFINITY, high = INFINITY;
	if (kind == FLOOR) {
		low = quantile(in_order, draw_uniform(random, 0.02, 0.7), length);
	} else if (kind == CEILING) {
		high = quantile(in_order, draw_uniform(random, 0.2, 0.98), length);
	} else {
		double share = draw_uniform(random, 0.02, 0.5);
		low = quantile(in_order, share, length);
		high = quantile(in_order, draw_uniform(random, share + 0.2, 0.99), length);
	}
	limit(y, low, high, length);
	if (draw_chance(random, 0.6))
		add_scaled(y, noise, draw_log_uniform(random, 0.02, 0.4), length);
}

static void count_events(struct random *random, double *y, size_t length) {
	double rate = draw_log_uniform(random, 0.2, 60), gain = draw_uniform(random, 0.2, 0.9);
	for (size_t t = 0; t < length; t++)
		y[t] = draw_poisson(random, rate * exp(fmax(-4, fmin(3, gain * y[t]))));
}

static void make_rare(struct random *random, double *y, size_t length) {
	double gain = draw_uniform(random, 0.3, 2), lift = draw_uniform(random, 0.5, 3);
	for (size_t t = 0; t < length; t++) {
		double chance = 1 / (1 + exp(lift - gain * y[t]));
		double size = draw_exponential(random) + draw_exponential(random);
		y[t] = draw_chance(random, chance) ? size : 0;
	}
}

static void make_switch(
	struct random *random, double *y, const double *noise, double *work, size_t length) {
	static const double sizes[] = { 0, 0.02, 0.1 };
	const double *in_order = sorted(y, work, length);
	double edge = quantile(in_order, draw_uniform(random, 0.2, 0.8), length);
	for (size_t t = 0; t < length; t++)
		y[t] = y[t] > edge;
	add_scaled(y, noise, sizes[draw_below(random, 3)], length);
}

void sensor_transform(
	struct random *random, double *y, double *noise, double *work, size_t length) {
	static const double shares[TRANSFORMS] = { 0.44, 0.12, 0.05, 0.08, 0.08, 0.06, 0.09, 0.04,
		0.04 };
	enum transform kind = (enum transform)draw_share(random, shares, TRANSFORMS);
	switch (kind) {
	case EXPONENT:
	case POWER: bend(random, kind, y, length); break;
	case FLOOR:
	case CEILING:
	case BOTH: censor(random, kind, y, noise, work, length); break;
	case COUNT: count_events(random, y, length); break;
	case RARE: make_rare(random, y, length); break;
	case SWITCH: make_switch(random, y, noise, work, length); break;
	default: break;
	}
}

static size_t smaller(size_t a, size_t b) {
	return a < b ? a : b;
}

static void add_spikes(struct random *random, double *y, double spread, size_t length) {
	size_t spikes = 1 + draw_below(random, 1 + length / 150);
	for (size_t i = 0; i < spikes; i++) {
		size_t at = draw_below(random, length);
		double size = spread * random_normal(random) * draw_log_uniform(random, 1, 8);
		size_t run = smaller((size_t)draw_log_uniform(random, 1, 20), length - at);
		double fall = fmax((double)run / 3, 0.3);
		for (size_t k = 0; k < run; k++)
			y[at + k] += size * exp(-(double)k / fall);
	}
}

static void add_shifts(struct random *random, double *y, double spread, size_t length) {
	size_t shifts = 1 + draw_below(random, 3);
	for (size_t i = 0; i < shifts; i++) {
		size_t at = draw_below(random, length);
		double size = spread * random_normal(random) * draw_uniform(random, 0.5, 4);
		for (size_t t = at; t < length; t++)
			y[t] += size;
	}
}

static double least_of(const double *y, size_t length) {
	double least = y[0];
	for (size_t t = 1; t < length; t++)
		least = fmin(least, y[t]);
	return least;
}

static void stick(struct random *random, double *y, size_t length) {
	size_t at = 1 + draw_below(random, length - 1);
	size_t run = smaller((size_t)draw_log_uniform(random, 5, 300), length - at);
	const double stuck[] = { y[at - 1], least_of(y, length), 0 };
	double value = stuck[draw_below(random, 3)];
	for (size_t k = 0; k < run; k++)
		y[at + k] = value;
}

void sensor_disturb(struct random *random, double *y, size_t length) {
	double spread = moments_of(y, length).deviation;
	if (draw_chance(random, 0.15))
		add_spikes(random, y, spread, length);
	if (draw_chance(random, 0.15))
		add_shifts(random, y, spread, length);
	if (draw_chance(random, 0.04))
		stick(random, y, length);
	if (draw_chance(random, 0.4)) {
		double grain = spread * draw_log_uniform(random, 0.003, 0.5);
		for (size_t t = 0; t < length; t++)
			y[t] = round(y[t] / grain) * grain;
	}
}

void sensor_place(struct random *random, double *y, size_t length) {
	static const double shares[] = { 0.5, 0.35, 0.15 }, offsets[] = { 0, 4, 60 };
	double unit = pow(10, draw_uniform(random, -2, 3));
	double offset = offsets[draw_share(random, shares, 3)] * random_normal(random) *
			moments_of(y, length).deviation;
	for (size_t t = 0; t < length; t++)
		y[t] = unit * (y[t] + offset);
}

static void lose_run(double *y, size_t at, size_t run, size_t length) {
	for (size_t t = at; t < smaller(at + run, length); t++)
		y[t] = NAN;
}

void sensor_lose(struct random *random, double *y, size_t ticks, size_t length) {
	if (draw_chance(random, 0.3)) {
		double share = draw_log_uniform(random, 0.003, 0.3);
		double run = draw_log_uniform(random, 1, 60);
		size_t runs = (size_t)fmax(1, share * (double)length / run);
		for (size_t i = 0; i < runs; i++) {
			size_t at = 1 + draw_below(random, length - 1);
			lose_run(y, at, 1 + (size_t)(run * draw_exponential(random)), length);
		}
	}
	if (draw_chance(random, 0.05)) {
		size_t at = 1 + draw_below(random, ticks - 1);
		lose_run(y, at, (size_t)draw_log_uniform(random, 20, 400), length);
	}
}
