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

/* A number of one series at a time, NAN: none, or it is held out. */
double recorded_value(const struct recorded *recorded, size_t series, int64_t time_ms);

/* Which file a series is from. */
size_t recorded_file(const struct recorded *recorded, size_t series);

int64_t recorded_step(const struct recorded *recorded);

/* The end of what training sees of the series that goes on for longest. */
int64_t recorded_border(const struct recorded *recorded);

size_t recorded_series(const struct recorded *recorded);
uint64_t recorded_ticks(const struct recorded *recorded);

/* A stretch of one series chosen at random, from training's part or the held-out one. */
void recorded_take(const struct recorded *recorded, struct random *random, bool held_out,
	uint32_t ticks, struct train_series *series);

/* In two: which series and from where on; and that time's stretch of any series, which may not have
 * values everywhere. */
struct stretch {
	size_t series;
	int64_t start_ms;
	bool held_out;
};

struct stretch recorded_choose(
	const struct recorded *recorded, struct random *random, bool held_out, uint32_t ticks);
void recorded_cut(const struct recorded *recorded, const struct stretch *stretch, size_t member,
	uint32_t ticks, struct train_series *series);

#endif
