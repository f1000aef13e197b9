/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_RECORDED_H
#define TRAIN_RECORDED_H

#include "csv_columns.h"
#include "random.h"
#include "train_series.h"

#include <stdbool.h>

/*
 * Series from CSV files. Stretches that begin anywhere are taken out of them as if a sensor had been
 * switched on there. The last tenth of each is held out.
 */
struct recorded;

/* Reads files that share a form; options.file is set for each. Ticks are step_ms apart; rows that
 * fall on one tick: the last counts. until: share of each file's rows that is read. 0; or an error
 * that has been said. */
int recorded_create(struct recorded **ret_recorded, char *const *files, size_t count,
	const struct csv_columns_options *options, double until);
void recorded_destroy(struct recorded *recorded);

size_t recorded_series(const struct recorded *recorded);
uint64_t recorded_ticks(const struct recorded *recorded);

/* A stretch of one series chosen at random, from training's part or the held-out one. */
void recorded_take(const struct recorded *recorded, struct random *random, bool held_out,
	uint32_t ticks, struct train_series *series);

#endif
