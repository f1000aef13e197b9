/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_CHANCE_H
#define TRAIN_CHANCE_H

#include "random.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Draws from the distributions that synthetic series are made of. */

static inline double draw_uniform(struct random *random, double low, double high) {
	return low + (high - low) * random_uniform(random);
}

static inline double draw_log_uniform(struct random *random, double low, double high) {
	return exp(draw_uniform(random, log(low), log(high)));
}

/* 0 to count - 1. */
static inline size_t draw_below(struct random *random, size_t count) {
	return (size_t)(random_uniform(random) * (double)count);
}

static inline bool draw_chance(struct random *random, double probability) {
	return random_uniform(random) < probability;
}

static inline double draw_exponential(struct random *random) {
	return -log(1 - random_uniform(random));
}

/* An index, each with its share; shares add up to one. */
static inline size_t draw_share(struct random *random, const double *shares, size_t count) {
	double left = random_uniform(random);
	size_t i = 0;
	while (i + 1 < count && left >= shares[i])
		left -= shares[i++];
	return i;
}

/* Knuth's product of uniforms for small means, the normal distribution for large ones. */
static inline double draw_poisson(struct random *random, double mean) {
	if (mean > 40)
		return fmax(0, round(mean + sqrt(mean) * random_normal(random)));
	double limit = exp(-mean), product = random_uniform(random);
	double count = 0;
	for (; product > limit; count++)
		product *= random_uniform(random);
	return count;
}

#endif
