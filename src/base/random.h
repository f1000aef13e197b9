/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

/* A reproducible stream of random numbers (xoshiro256++, Blackman and Vigna 2019). */
struct random {
	uint64_t state[4];
};

/* Bits without a pattern for each n: its place in the stream of splitmix64 (Steele, Lea and Flood 2014). */
uint64_t random_bits(uint64_t n);

void random_init(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);

/* Uniform in [0, 1). */
double random_uniform(struct random *random);

/* Normal with mean 0 and deviation 1. */
double random_normal(struct random *random);

/* A seed from the kernel, for what must not be guessable. */
uint64_t random_seed(void);

#endif
