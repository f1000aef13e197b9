/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_DETECTOR_H
#define SERIES_DETECTOR_H

#include "record.h"
#include "span.h"
#include "text.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A detector turns the readings of its channels into ticks: one row of channel values per period
 * of a clock that its channels share.
 *
 *   readings -> order (waits for late ones) -> grid (periods, aggregation) -> ticks, to be pulled
 *
 * A tick leaves the moment its reading arrives, as long as a channel sends one reading per period
 * and no lateness is configured: the channels of one message step together, channels that come in
 * a message of their own make a further tick of the same period, and what had nothing by the end
 * of a period steps as missing. Channels that send several readings per period are aggregated,
 * and with lateness periods stay open: then one tick per period leaves when the period is over.
 *
 * Ticks wait until they are pulled. Which ticks leave depends only on the readings that were
 * accepted, their order and their messages, never on when somebody pulls or on a wall clock, so
 * that replaying stored readings gives the same ticks.
 */
struct detector;

/* How several readings of a channel within one period become one value. */
enum aggregate {
	AGGREGATE_MEAN,
	AGGREGATE_LAST,
	AGGREGATE_SUM,
	AGGREGATE_MAX,
};

struct clock_options {
	int64_t step_ms; /* the period, 0: inferred from the first readings */
	int64_t lateness_ms; /* how much older than the newest reading others may arrive */
	int64_t future_ms; /* how far ahead of `now` a reading's time may lie, else E_TIME */
	uint32_t gap_ticks_max; /* missing ticks made for a gap at the most; then the clock jumps */
	enum aggregate aggregate;
};

/* The defaults: an inferred step, no lateness, ten minutes ahead, a thousand ticks, the mean. */
struct clock_options clock_options_default(void);

/* How a reading came. */
struct arrival {
	int64_t now_ms; /* the receiver's clock; TIME_NONE when history is replayed: then no time is
	                 * too far ahead */
	uint64_t message; /* any number that differs from the previous message's; the readings
	                   * of one message step together */
};

/* Identity. Spans and channels live as long as the registry; indices and ids never change. */
uint32_t detector_id(const struct detector *detector);
struct span detector_name(const struct detector *detector);
uint32_t detector_channel_count(const struct detector *detector);
struct span detector_channel_name(const struct detector *detector, uint32_t channel);
struct span detector_channel_unit(const struct detector *detector, uint32_t channel);

/* The registry-wide id of the channel's series. */
uint32_t detector_channel_series(const struct detector *detector, uint32_t channel);

/* The period in milliseconds, always positive. Until it is known the best guess from the readings so
 * far, one minute before the second one. A configured step is known from the start; an inferred one
 * after some readings, and is learned anew if they no longer keep to it. */
int64_t detector_step_ms(const struct detector *detector);
bool detector_step_is_known(const struct detector *detector);

/* Time of the newest accepted reading; TIME_NONE before the first. */
int64_t detector_newest_ms(const struct detector *detector);

/* Readings that were accepted but step in no tick, because their channel had stepped in that period
 * already and the clock had not learned yet that several readings fall into one. */
uint64_t detector_unused(const struct detector *detector);

/* Everything but the step may change while the clock runs. */
void detector_set_options(struct detector *detector, const struct clock_options *options);

/*
 * Once the receiver's clock has been set back, what it accepted before may lie further ahead than
 * future_ms. Then the times before were wrong, and the next reading that lies as far behind them
 * begins anew: what the channels have learned stays.
 *
 * Accepts a reading of a channel (an index below detector_channel_count). NAN is a value: the
 * sensor says that it has none. Pull ticks between messages, not within one. 0, or with nothing
 * changed:
 *   E_LATE       older than the clock accepts
 *   E_DUPLICATE  repeats a reading that has been worked off; within an open period or the same
 *                message a reading of the same time replaces the earlier one instead
 *   E_TIME       TIME_NONE, outside 1970 to 2200, or further ahead of now than future_ms
 *   E_NUMBER     infinite
 *   E_OVERFLOW   the registry holds as many unpulled readings as its limits allow
 *   -ENOMEM
 */
int detector_put(struct detector *detector, uint32_t channel, int64_t time_ms, double value,
	const struct arrival *arrival);

/* The same for a reading that is replayed in the order of arrival and was accepted the first time:
 * where only beginning anew can have let it in, it begins anew. */
int detector_put_again(struct detector *detector, uint32_t channel, int64_t time_ms, double value,
	uint64_t message);

/* Whether detector_next_tick would give one. */
bool detector_has_tick(const struct detector *detector);

/* Hands out the oldest waiting tick; false if there is none. Missing ticks of a gap are made here,
 * one at a time, so that a gap of a year costs no memory. */
bool detector_next_tick(struct detector *detector, struct tick *ret_tick);

/* Closes the periods that are over, seen from a clock that runs on from the newest reading at the
 * receiver's pace (a sensor whose own clock is wrong is not cut short). Only aggregated or late
 * periods wait for it. 0, E_OVERFLOW or -ENOMEM. */
int detector_expire(struct detector *detector, int64_t now_ms);

/* Closes the next of them, for a replay that knows that detector_expire did so the first time. */
int detector_expire_again(struct detector *detector);

/* When detector_expire has something to do, on the receiver's clock; TIME_NONE: never. */
int64_t detector_expires_ms(const struct detector *detector);

/*
 * The clock's whole state, waiting ticks included, as bytes beside which the engine's state row of
 * the same moment is stored. Appends to `to`; look at text_failed. Loading puts it into a detector
 * that has (at least) the same channels in the same order and the same configured step.
 * 0, E_CORRUPT, E_VERSION, E_MISMATCH, E_OVERFLOW or -ENOMEM; a detector that failed to load is as
 * it was.
 */
void detector_save(const struct detector *detector, struct text *to);
int detector_load(struct detector *detector, struct span bytes);

#endif
