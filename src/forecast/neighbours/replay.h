/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_REPLAY_H
#define FORECAST_REPLAY_H

#include "perceptron.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Examples of the past that a neighbourhood learns from again and again (reservoir sampling, Vitter 1985): each
 * tick of a member has the same chance to be among them, until one in REPLAY_RARE comes in, from when on old ones
 * fade. Inputs come first, labels as they arrive. Numbers have eight significant bits. Plain bytes; zeros
 * are empty.
 */
#define REPLAY_RARE 32

/* Examples for each seat of the neighbourhood, and of all at least. */
#define REPLAY_SEAT  64
#define REPLAY_LEAST 1024

struct replay_example {
	uint32_t series;
	uint32_t reserved;
	uint64_t tick; /* of the series */
	uint16_t inputs[PERCEPTRON_INPUTS];
	uint16_t labels[PERCEPTRON_OUTPUTS]; /* NAN: not arrived */
	uint16_t padding[2];
};

struct replay {
	uint64_t offered;
	uint32_t count;
	uint32_t reserved;
	struct replay_example examples[];
};

/* No example. */
#define REPLAY_NONE UINT32_MAX

static inline uint32_t replay_room(uint32_t seats) {
	return seats * REPLAY_SEAT > REPLAY_LEAST ? seats * REPLAY_SEAT : REPLAY_LEAST;
}

size_t replay_size(uint32_t seats);

/* Whether counts that came from outside are such as could come about. */
bool replay_is_sound(const struct replay *replay, uint32_t seats);

/* Everything of `from`, which has at most as much room, goes to empty bytes. */
void replay_copy(struct replay *to, const struct replay *from);

/* Offers the inputs of a tick; returns the example that it became, or REPLAY_NONE. */
uint32_t replay_offer(struct replay *replay, uint32_t seats, uint32_t series, uint64_t tick,
	const float inputs[PERCEPTRON_INPUTS]);

/* A label arrived for the example that a tick became; nothing if that has given way since. */
void replay_label(struct replay *replay, uint32_t example, uint32_t series, uint64_t tick,
	uint32_t output, float label);

/* Reads an example. */
void replay_read(const struct replay *replay, uint32_t example, float inputs[PERCEPTRON_INPUTS],
	float labels[PERCEPTRON_OUTPUTS]);

/* The perceptron learns from examples drawn by chance, the more the more members there are: one round. */
void replay_practise(const struct replay *replay, struct perceptron *perceptron, uint32_t members);

#endif
