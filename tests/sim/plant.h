/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PLANT_H
#define SIM_PLANT_H

#include "batch.h"
#include "engine.h"
#include "random.h"
#include "registry.h"
#include "store.h"

/*
 * A plant whose sensors are read for a year within minutes: detectors, engine and store as the daemon
 * has them, with a clock that the simulation moves. Each detector has four channels:
 *
 *   level + day's wave + week's wave + normal noise
 *
 * so that the best forecast of the next value is known, and how far it strays: by the noise. One
 * reading in a hundred is lost, and each detector falls silent for three days every 91 days.
 */
#define PLANT_CHANNELS 4

/* How long the database keeps what it is given, days. */
#define KEEP_READINGS_DAYS  60
#define KEEP_FORECASTS_DAYS 7

/* Days after which the state of a detector has been saved again. */
#define SAVE_DAYS 28

#define DAY_MS INT64_C(86400000)

struct plant_options {
	uint32_t detectors;
	int64_t step_ms;
	const char *database; /* path; the file must not exist */
	struct xlstm_model *model; /* NULL: without */
};

/* Forecasts of the next value against what came, in units of the noise. */
struct plant_errors {
	uint64_t count;
	double absolute; /* sum of |median - value| / noise */
	uint64_t covered; /* values between the quantiles 0.1 and 0.9 */
};

struct plant_sensor {
	double level, day_size, day_phase, week_size, noise;
	int64_t expected_ms; /* what the forecast below is for; TIME_NONE: nothing */
	double low, median, high;
};

struct plant {
	struct plant_options options;
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct store *store;
	struct journal journal;
	struct detector **detectors;
	uint64_t *saved; /* sequence that each detector's stored state contains */
	struct plant_sensor *sensors; /* by series id */
	struct random random;
	struct text json, clock;
	int64_t now_ms;
	uint64_t sequence;
	uint64_t floor; /* every stored state contains the readings up to this sequence */
	uint64_t ticks; /* of series */
	struct plant_errors errors; /* since the caller emptied them */
};

/* These end the program with a message when anything fails. */
void plant_init(struct plant *plant, const struct plant_options *options);
void plant_finish(struct plant *plant);

/* One day: readings, forecasts, what is due of the states, a commit and the housekeeping. */
void plant_live_a_day(struct plant *plant, uint32_t day);

/* Bytes that the states of all series take when saved. */
size_t plant_state_bytes(const struct plant *plant);

#endif
