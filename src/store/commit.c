/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32c.h"
#include "num.h"
#include "store_private.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A journal becomes rows. Each put_x binds one record to its prepared statement; store_commit wraps
 * them in one transaction.
 */

/* Waiting readings that a commit drops at least, if the floor has passed them. */
#define DROP_MIN 1000

static int put_detector(struct store *store, const struct detector_row *row) {
	sqlite3_stmt *s = store->statements[PUT_DETECTOR];

	sqlite3_bind_int64(s, 1, row->id);
	bind_text(s, 2, row->name);
	bind_text(s, 3, row->source);
	bind_text(s, 4, row->group);
	bind_text(s, 5, row->aggregate);
	sqlite3_bind_int64(s, 6, row->step_ms);
	sqlite3_bind_double(s, 7, row->latitude);
	sqlite3_bind_double(s, 8, row->longitude);
	return store_run(store, PUT_DETECTOR);
}

static int put_series(struct store *store, const struct series_row *row) {
	sqlite3_stmt *s = store->statements[PUT_SERIES];

	sqlite3_bind_int64(s, 1, row->id);
	sqlite3_bind_int64(s, 2, row->detector);
	sqlite3_bind_int64(s, 3, row->index);
	bind_text(s, 4, row->channel);
	bind_text(s, 5, row->name);
	bind_text(s, 6, row->unit);
	return store_run(store, PUT_SERIES);
}

static int put_reading(struct store *store, const struct reading_row *row) {
	sqlite3_stmt *s = store->statements[PUT_READING];

	sqlite3_bind_int64(s, 1, row->series);
	sqlite3_bind_int64(s, 2, row->time_ms);
	sqlite3_bind_double(s, 3, row->value);
	return store_run(store, PUT_READING);
}

static int put_pending(struct store *store, const struct reading_row *row) {
	sqlite3_stmt *s = store->statements[PUT_PENDING];

	sqlite3_bind_int64(s, 1, (sqlite3_int64)row->sequence);
	sqlite3_bind_int64(s, 2, row->series);
	sqlite3_bind_int64(s, 3, row->time_ms);
	sqlite3_bind_double(s, 4, row->value);
	return store_run(store, PUT_PENDING);
}

static int drop_other_forecasts(struct store *store, const struct forecast_row *row) {
	sqlite3_stmt *s = store->statements[DROP_OTHER_FORECASTS];

	sqlite3_bind_int64(s, 1, row->series);
	sqlite3_bind_int64(s, 2, row->issued_ms);
	return store_run(store, DROP_OTHER_FORECASTS);
}

static int put_forecast(struct store *store, const struct forecast_row *row) {
	sqlite3_stmt *s = store->statements[PUT_FORECAST];

	if (row->replace) {
		int r = drop_other_forecasts(store, row);
		if (r < 0)
			return r;
	}

	sqlite3_bind_int64(s, 1, row->series);
	sqlite3_bind_int64(s, 2, row->issued_ms);
	bind_text(s, 3, row->json);
	store->stats.forecasts++;
	return store_run(store, PUT_FORECAST);
}

static int put_anomaly(struct store *store, const struct anomaly_row *row) {
	sqlite3_stmt *s = store->statements[PUT_ANOMALY];

	sqlite3_bind_int64(s, 1, row->series);
	sqlite3_bind_int64(s, 2, row->time_ms);
	sqlite3_bind_double(s, 3, row->value);
	sqlite3_bind_double(s, 4, row->low);
	sqlite3_bind_double(s, 5, row->high);
	sqlite3_bind_double(s, 6, row->score);
	return store_run(store, PUT_ANOMALY);
}

static int put_score(struct store *store, const struct score_row *row) {
	sqlite3_stmt *s = store->statements[PUT_SCORE];

	sqlite3_bind_int64(s, 1, row->series);
	sqlite3_bind_int64(s, 2, row->lead);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)row->n);
	sqlite3_bind_double(s, 4, row->mae);
	sqlite3_bind_double(s, 5, row->rmse);
	sqlite3_bind_double(s, 6, row->bias);
	sqlite3_bind_double(s, 7, row->skill);
	sqlite3_bind_double(s, 8, row->coverage80);
	sqlite3_bind_double(s, 9, row->mase);
	sqlite3_bind_double(s, 10, row->pinball);
	sqlite3_bind_int64(s, 11, row->updated_ms);
	sqlite3_bind_double(s, 12, row->skill_seasonal);
	return store_run(store, PUT_SCORE);
}

static int put_state(struct store *store, const struct state_row *row) {
	sqlite3_stmt *s = store->statements[PUT_STATE];

	sqlite3_bind_int64(s, 1, row->detector);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)row->layout);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)row->sequence);
	sqlite3_bind_int64(s, 4, row->saved_ms);
	sqlite3_bind_int64(s, 5, crc32c(0, row->bytes.data, row->bytes.length));
	bind_blob(s, 6, row->bytes);
	return store_run(store, PUT_STATE);
}

static int drop_model(struct store *store, const struct model_row *row) {
	bind_text(store->statements[DROP_MODEL], 1, row->name);
	return store_run(store, DROP_MODEL);
}

static int put_model(struct store *store, const struct model_row *row) {
	sqlite3_stmt *s = store->statements[PUT_MODEL];

	bind_text(s, 1, row->name);
	bind_text(s, 2, row->parent);
	bind_text(s, 3, row->note);
	sqlite3_bind_int64(s, 4, row->created_ms);
	sqlite3_bind_int64(s, 5, (sqlite3_int64)row->layout);
	bind_blob(s, 6, row->weights);
	return store_run(store, PUT_MODEL);
}

static int put_learning(struct store *store, const struct learning_row *row) {
	sqlite3_stmt *s = store->statements[PUT_LEARNING];

	sqlite3_bind_int64(s, 1, row->time_ms);
	bind_text(s, 2, row->model);
	bind_text(s, 3, row->candidate);
	bind_text(s, 4, row->subject);
	sqlite3_bind_double(s, 5, row->loss_before);
	sqlite3_bind_double(s, 6, row->loss_after);
	sqlite3_bind_int64(s, 7, row->adopted);
	bind_text(s, 8, row->reason);
	sqlite3_bind_int64(s, 9, row->duration_ms);
	return store_run(store, PUT_LEARNING);
}

static int put_meta(struct store *store, const struct meta_row *row) {
	sqlite3_stmt *s = store->statements[PUT_META];

	bind_text(s, 1, row->key);
	bind_text(s, 2, row->value);
	return store_run(store, PUT_META);
}

static int put_neighbourhood(struct store *store, const struct neighbourhood_row *row) {
	sqlite3_stmt *s = store->statements[PUT_NEIGHBOURHOOD];

	sqlite3_bind_int64(s, 1, row->id);
	sqlite3_bind_int64(s, 2, row->saved_ms);
	sqlite3_bind_int64(s, 3, crc32c(0, row->bytes.data, row->bytes.length));
	bind_blob(s, 4, row->bytes);
	return store_run(store, PUT_NEIGHBOURHOOD);
}

static int put_neighbour(struct store *store, const struct neighbour_row *row) {
	enum statement statement = row->neighbour ? PUT_NEIGHBOUR : DROP_NEIGHBOUR;
	sqlite3_stmt *s = store->statements[statement];

	sqlite3_bind_int64(s, 1, row->series);
	sqlite3_bind_int64(s, 2, row->rank);
	if (row->neighbour) {
		sqlite3_bind_int64(s, 3, row->neighbour);
		sqlite3_bind_double(s, 4, row->correlation);
		sqlite3_bind_double(s, 5, row->distance_m);
	}
	return store_run(store, statement);
}

static int put_neighbour_gain(struct store *store, const struct neighbour_gain_row *row) {
	enum statement statement = row->lead ? PUT_NEIGHBOUR_GAIN : DROP_NEIGHBOUR_GAINS;
	sqlite3_stmt *s = store->statements[statement];

	sqlite3_bind_int64(s, 1, row->series);
	if (row->lead) {
		sqlite3_bind_int64(s, 2, row->lead);
		sqlite3_bind_double(s, 3, row->alone);
		sqlite3_bind_double(s, 4, row->together);
	}
	return store_run(store, statement);
}

static int put_batch(struct store *store, const struct batch_row *row) {
	sqlite3_stmt *s = store->statements[PUT_BATCH];

	sqlite3_bind_int64(s, 1, (sqlite3_int64)row->sequence);
	bind_blob(s, 2, row->detectors);
	bind_blob(s, 3, row->seats);
	return store_run(store, PUT_BATCH);
}

static int put_record(struct store *store, enum journal_kind kind, const union journal_row *row) {
	switch (kind) {
	case JOURNAL_DETECTOR: return put_detector(store, &row->detector);
	case JOURNAL_SERIES: return put_series(store, &row->series);
	case JOURNAL_FORECAST: return put_forecast(store, &row->forecast);
	case JOURNAL_ANOMALY: return put_anomaly(store, &row->anomaly);
	case JOURNAL_SCORE: return put_score(store, &row->score);
	case JOURNAL_STATE: return put_state(store, &row->state);
	case JOURNAL_NEIGHBOURHOOD: return put_neighbourhood(store, &row->neighbourhood);
	case JOURNAL_NEIGHBOUR: return put_neighbour(store, &row->neighbour);
	case JOURNAL_NEIGHBOUR_GAIN: return put_neighbour_gain(store, &row->neighbour_gain);
	case JOURNAL_BATCH: return put_batch(store, &row->batch);
	case JOURNAL_MODEL:
		return row->model.remove ? drop_model(store, &row->model)
					 : put_model(store, &row->model);
	case JOURNAL_LEARNING: return put_learning(store, &row->learning);
	case JOURNAL_META: return put_meta(store, &row->meta);
	case JOURNAL_KINDS: break;
	}
	return -EINVAL;
}

static int compare_readings(const void *a, const void *b) {
	const struct reading_row *x = a, *y = b;

	if (x->series != y->series)
		return x->series < y->series ? -1 : 1;
	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* The readings in the order of their table, so that each of its pages is met once; among equal
 * times the last that arrived comes last and stays. */
static int sort_readings(struct store *store, const struct journal *journal) {
	if (journal->reading_count > store->sorted_capacity) {
		struct reading_row *sorted =
			realloc(store->sorted, journal->reading_capacity * sizeof(*store->sorted));
		if (!sorted)
			return -ENOMEM;
		store->sorted = sorted;
		store->sorted_capacity = journal->reading_capacity;
	}
	memcpy(store->sorted, journal->readings, journal->reading_count * sizeof(*store->sorted));
	qsort(store->sorted, journal->reading_count, sizeof(*store->sorted), compare_readings);
	return 0;
}

static int put_history(struct store *store, const struct journal *journal) {
	if (journal->reading_count == 0)
		return 0;

	int r = sort_readings(store, journal);
	for (size_t i = 0; r == 0 && i < journal->reading_count; i++) {
		if (!store->sorted[i].transient)
			r = put_reading(store, &store->sorted[i]);
	}
	return r;
}

static int put_number(struct store *store, struct span key, uint64_t number) {
	char text[NUM_TEXT_MAX];
	size_t length = num_write_int(text, (int64_t)number);

	return put_meta(store, &(struct meta_row){ key, span_of(text, length) });
}

/* Some of what lies below the floor. */
static int drop_waiting(struct store *store, enum statement which, const struct journal *journal) {
	sqlite3_stmt *s = store->statements[which];

	sqlite3_bind_int64(s, 1, (sqlite3_int64)journal->floor);
	sqlite3_bind_int64(s, 2, DROP_MIN + 2 * (sqlite3_int64)journal->reading_count);
	return store_run(store, which);
}

/* Keeps the floor, unless an earlier journal's was higher, and drops what lies below it. */
static int raise_floor(struct store *store, const struct journal *journal) {

	if (journal->floor > store->floor) {
		int r = put_number(store, SPAN("floor"), journal->floor);
		if (r < 0)
			return r;
	}

	int r = drop_waiting(store, DROP_PENDING, journal);
	return r < 0 ? r : drop_waiting(store, DROP_BATCHES, journal);
}

/* What no state contains after this transaction, as it arrived. */
static int put_waiting(struct store *store, const struct journal *journal) {
	int r = journal->floor > 0 ? raise_floor(store, journal) : 0;

	for (size_t i = 0; r == 0 && i < journal->reading_count; i++) {
		if (journal->readings[i].sequence > journal->floor)
			r = put_pending(store, &journal->readings[i]);
	}
	return r;
}

static int put_journal(struct store *store, const struct journal *journal) {
	enum journal_kind kind;
	union journal_row row;
	size_t at = 0;

	int r = put_history(store, journal);
	if (r == 0)
		r = put_waiting(store, journal);
	if (r == 0 && journal->input > 0)
		r = put_number(store, SPAN("input"), journal->input);
	while (r == 0 && journal_next(journal, &at, &kind, &row)) {
		r = put_record(store, kind, &row);
		store->stats.rows++;
	}
	return r;
}

int store_commit(struct store *store, const struct journal *journal) {
	struct store_stats before = store->stats;

	if (journal_is_empty(journal))
		return 0;

	int r = store_begin(store);
	if (r == 0)
		r = store_end(store, put_journal(store, journal));
	if (r < 0) {
		store->stats = before;
		store->stats.failures++;
		return r;
	}

	if (journal->floor > store->floor)
		store->floor = journal->floor;
	store->stats.commits++;
	store->stats.readings += journal->reading_count;
	store->stats.rows += journal->reading_count;
	store_keep_log_short(store);
	return 0;
}
