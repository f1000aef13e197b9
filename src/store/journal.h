/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "rows.h"
#include "text.h"

#include <stddef.h>

/*
 * What the next transaction holds: typed records in one arena that the loop appends to and hands
 * to the write lane whole. The daemon keeps two: one fills while the other is committed. A journal
 * stays as it is when its commit fails, so it can be committed again; journal_reset empties it.
 * Zero-initialised it is empty and ready.
 *
 * Each journal_x copies what it is given and returns 0; -ENOMEM (nothing was added); E_ENCODING for
 * text that is not UTF-8; E_NAME for text with control characters.
 */
struct journal {
	struct text records;
	struct reading_row *readings;
	size_t reading_count, reading_capacity;
	uint64_t floor; /* journal_floor's, 0 if it was not called */
	uint64_t input; /* journal_input's, likewise */
};

void journal_finish(struct journal *journal);

/* Empties it; keeps the memory. */
void journal_reset(struct journal *journal);

bool journal_is_empty(const struct journal *journal);

/* Bytes held, for a bound on what waits. */
size_t journal_size(const struct journal *journal);

/* Adds a detector or changes the one with this id. So does journal_series. */
int journal_detector(struct journal *journal, const struct detector_row *row);
int journal_series(struct journal *journal, const struct series_row *row);

/* Goes to the history, where it replaces one of the same series and time, and to the readings that
 * wait for a state to contain them, all of them in the order of their sequence. */
int journal_reading(struct journal *journal, const struct reading_row *row);

/* A forecast with the series and issue of an earlier one replaces it. */
int journal_forecast(struct journal *journal, const struct forecast_row *row);
int journal_anomaly(struct journal *journal, const struct anomaly_row *row);
int journal_score(struct journal *journal, const struct score_row *row);
int journal_neighbour(struct journal *journal, const struct neighbour_row *row);
int journal_neighbour_gain(struct journal *journal, const struct neighbour_gain_row *row);

/* Takes row->bytes.length, not row->bytes.data: *ret_bytes is where the caller writes them, before
 * the next call for this journal. */
int journal_state(struct journal *journal, const struct state_row *row, void **ret_bytes);

/* The same for a neighbourhood. */
int journal_neighbourhood(
	struct journal *journal, const struct neighbourhood_row *row, void **ret_bytes);

/* Every detector's saved state, with this journal's, contains all of its readings up to this
 * sequence: recovery begins after it, and what waits is dropped so far. A daemon that keeps no
 * states says so with each journal's last sequence. A floor below an earlier one changes nothing. */
void journal_floor(struct journal *journal, uint64_t sequence);

/* What came in up to this position, and was to be stored, is in this journal or an earlier one:
 * what store_input says once it is committed. */
void journal_input(struct journal *journal, uint64_t position);

/* Waits, as readings do, for states that contain it. */
int journal_batch(struct journal *journal, const struct batch_row *row);

/* All records from here on can be taken back, readings, floor and input apart: a place in the journal,
 * until it is reset. */
size_t journal_place(const struct journal *journal);
void journal_take_back(struct journal *journal, size_t place);

int journal_model(struct journal *journal, const struct model_row *row);
int journal_learning(struct journal *journal, const struct learning_row *row);

/* One row of the table `meta`. The daemon keeps these keys, which `xlstmctl status` shows:
 * "version", "instance", "started" (milliseconds), "model", "stats" (the JSON that it publishes).
 */
int journal_meta(struct journal *journal, struct span key, struct span value);

/* For store_commit: the records in the order they were added, but readings, which lie in
 * journal->readings. */
enum journal_kind {
	JOURNAL_DETECTOR,
	JOURNAL_SERIES,
	JOURNAL_FORECAST,
	JOURNAL_ANOMALY,
	JOURNAL_SCORE,
	JOURNAL_STATE,
	JOURNAL_NEIGHBOURHOOD,
	JOURNAL_NEIGHBOUR,
	JOURNAL_NEIGHBOUR_GAIN,
	JOURNAL_BATCH,
	JOURNAL_MODEL,
	JOURNAL_LEARNING,
	JOURNAL_META,
	JOURNAL_KINDS
};

struct meta_row {
	struct span key;
	struct span value;
};

union journal_row {
	struct detector_row detector;
	struct series_row series;
	struct forecast_row forecast;
	struct anomaly_row anomaly;
	struct score_row score;
	struct state_row state;
	struct neighbourhood_row neighbourhood;
	struct neighbour_row neighbour;
	struct neighbour_gain_row neighbour_gain;
	struct batch_row batch;
	struct model_row model;
	struct learning_row learning;
	struct meta_row meta;
};

/* Reads the record at *at (0 for the first) and moves *at behind it; spans point into the
 * journal. False at the end. */
bool journal_next(const struct journal *journal, size_t *at, enum journal_kind *ret_kind,
	union journal_row *ret_row);

#endif
