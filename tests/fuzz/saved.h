/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_SAVED_H
#define TESTS_FUZZ_SAVED_H

#include "detector.h"
#include "engine.h"
#include "fuzz.h"
#include "registry.h"

/* What targets that load a saved state share: a clock's readings, changes to the state's bytes, and what must hold of
 * the forecasts that follow. */

#define SAVED_STEP_MS INT64_C(3600000)
#define SAVED_HORIZON 3

/* A piece of a state, in bytes. */
struct piece {
	size_t begin, size;
};

/* Eight bytes or four of a piece, at a place and with a value that the input says. kind: 0x0f the value, 0x20 four
 * bytes. */
void saved_change(struct span *input, unsigned kind, struct piece piece, struct text *state);

/* Puts the check sum at `check` right: of all from `begin` on. */
void saved_put_right(struct text *state, size_t check, size_t begin);

/* The options of every detector: no group. */
struct forecast_options saved_options(void);

/* A detector of one channel that keeps the step. */
struct detector *saved_add_detector(struct registry *registry, const char *name);

/* A reading for tick t of a day's wave; every ninth is missing. */
void saved_put(struct engine *engine, struct detector *detector, int t, double shift);

/* Counts forecasts in *user, a uint64_t; each is finite and its quantiles ascend. */
void saved_check(void *user, struct detector *detector, uint32_t channel, const struct tick *tick,
	const struct forecast *forecast);

/* Works off what waits. */
void saved_run(struct engine *engine, struct batch *batch, uint64_t *forecasts);

#endif
