/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BACKTEST_FEED_H
#define CLI_BACKTEST_FEED_H

#include "backtest.h"
#include "csv_reader.h"
#include "registry.h"

/* From the rows of a file to the clocks of detectors, as messages would reach them. */
struct feed;

/* Resolves the columns that the options name; the reader is borrowed. 0; -ENOMEM; or E_USAGE, having said on standard error
 * what is wrong. */
int feed_create(struct feed **ret_feed, const struct backtest_options *options,
	const struct csv_reader *csv, struct registry *registry, struct engine *engine);
void feed_destroy(struct feed *feed);

/* Gives the detectors the readings of the row that the reader stands at, and puts them on the
 * engine's due list. 0, or an error that has been said on standard error. */
int feed_row(struct feed *feed);

/* Readings that a clock refused (late, duplicate). */
uint64_t feed_refused(const struct feed *feed);

#endif
