/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"
#include "store_private.h"

/* Series that one call looks at, so that a call stays short even where nothing is old. */
#define SERIES_PER_CALL 512

struct prune {
	struct store *store;
	const struct store_retention *retention;
	int64_t now_ms;
	int rows_left;
};

/* Deletes from one table what of one series is older than `keep_ms`. Counts what it deleted. */
static int prune_table(
	struct prune *prune, enum statement which, int64_t keep_ms, uint32_t series) {
	struct store *store = prune->store;
	sqlite3_stmt *s = store->statements[which];

	if (keep_ms == 0 || prune->rows_left <= 0)
		return 0;

	sqlite3_bind_int64(s, 1, series);
	sqlite3_bind_int64(s, 2, prune->now_ms - keep_ms);
	sqlite3_bind_int64(s, 3, prune->rows_left);
	int r = store_run(store, which);
	if (r == 0)
		prune->rows_left -= sqlite3_changes(store->db);
	return r;
}

static int prune_series(struct prune *prune, uint32_t series) {
	const struct store_retention *keep = prune->retention;

	int r = prune_table(prune, PRUNE_READING, keep->readings, series);
	if (r == 0)
		r = prune_table(prune, PRUNE_FORECAST, keep->forecasts, series);
	if (r == 0)
		r = prune_table(prune, PRUNE_ANOMALY, keep->anomalies, series);
	return r;
}

/* 1 and the series after `after`, 0 if that was the last, or an error. */
static int next_series(struct store *store, int64_t after, uint32_t *ret_series) {
	sqlite3_stmt *s = store->statements[NEXT_SERIES];

	sqlite3_bind_int64(s, 1, after);
	int result = sqlite3_step(s);
	int r = store_fail(store, result);
	if (r == 0 && result == SQLITE_ROW) {
		*ret_series = (uint32_t)sqlite3_column_int64(s, 0);
		r = 1;
	}
	sqlite3_reset(s);
	return r;
}

/* Goes on with the round: 1 if it is not complete, 0 if it is. The series at which the rows ran out
 * is looked at again. */
static int prune_round(struct prune *prune) {
	struct store *store = prune->store;

	int r = prune_table(prune, PRUNE_LEARNING, prune->retention->learning, 0);
	for (int i = 0; r == 0 && i < SERIES_PER_CALL; i++) {
		uint32_t series = 0;

		r = next_series(store, store->prune_after, &series);
		if (r == 0)
			store->prune_after = -1;
		if (r <= 0)
			return r;

		r = prune_series(prune, series);
		if (r == 0 && prune->rows_left <= 0)
			return 1;
		store->prune_after = series;
	}
	return r < 0 ? r : 1;
}

int store_prune(struct store *store, const struct store_retention *retention, int64_t now_ms,
	int rows_max) {
	struct prune prune = {
		.store = store, .retention = retention, .now_ms = now_ms, .rows_left = rows_max
	};

	int r = store_begin(store);
	if (r < 0)
		return r;

	int more = prune_round(&prune);
	r = store_end(store, more < 0 ? more : 0);
	if (r < 0)
		return r;
	store->stats.pruned += (uint64_t)(rows_max - prune.rows_left);
	store_keep_log_short(store);
	return more;
}
