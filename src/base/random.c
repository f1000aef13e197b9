/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"

#include <math.h>
#include <sys/random.h>
#include <time.h>

#define SPLITMIX_STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t splitmix(uint64_t z) {
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, int bits) {
	return x << bits | x >> (64 - bits);
}

uint64_t random_bits(uint64_t n) {
	return splitmix((n + 1) * SPLITMIX_STEP);
}

/* splitmix64 spreads a small seed over the whole state. */
void random_init(struct random *random, uint64_t seed) {
	for (uint64_t i = 1; i <= 4; i++)
		random->state[i - 1] = splitmix(seed + i * SPLITMIX_STEP);
}

uint64_t random_next(struct random *random) {
	uint64_t *s = random->state;
	uint64_t result = rotate(s[0] + s[3], 23) + s[0];
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

double random_uniform(struct random *random) {
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

/* Box and Muller's cosine half. */
double random_normal(struct random *random) {
	double radius = sqrt(-2 * log(1 - random_uniform(random)));

	return radius * cos(2 * M_PI * random_uniform(random));
}

uint64_t random_seed(void) {
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		return seed;

	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
}
