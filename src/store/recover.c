/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32c.h"
#include "error.h"
#include "store_private.h"

#include <errno.h>
#include <math.h>

static struct span column_text(sqlite3_stmt *s, int column) {
	const unsigned char *data = sqlite3_column_text(s, column);

	return span_of(data, (size_t)sqlite3_column_bytes(s, column));
}

static struct span column_blob(sqlite3_stmt *s, int column) {
	const void *data = sqlite3_column_blob(s, column);

	return span_of(data, (size_t)sqlite3_column_bytes(s, column));
}

static double column_number(sqlite3_stmt *s, int column) {
	return sqlite3_column_type(s, column) == SQLITE_NULL ? NAN
							     : sqlite3_column_double(s, column);
}

/* Calls `row` for each row; what `row` returns unless it is 0, or an error. */
static int step_through(struct store *store, sqlite3_stmt *s,
	int (*row)(sqlite3_stmt *s, void *context), void *context) {
	int result = SQLITE_DONE, r = 0;

	while (r == 0 && (result = sqlite3_step(s)) == SQLITE_ROW)
		r = row(s, context);
	if (r == 0)
		r = store_fail(store, result);
	sqlite3_finalize(s);
	return r;
}

/* The rows of a query with integer parameters. */
static int each_row(struct store *store, const char *sql, const int64_t *parameters,
	int (*row)(sqlite3_stmt *s, void *context), void *context) {
	sqlite3_stmt *s;
	int result = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);
	if (result != SQLITE_OK)
		return store_fail(store, result);

	for (int i = 0; i < sqlite3_bind_parameter_count(s); i++)
		sqlite3_bind_int64(s, i + 1, parameters[i]);
	return step_through(store, s, row, context);
}

struct detector_visit {
	int (*visit)(void *user, const struct detector_row *row);
	void *user;
};

static int visit_detector(sqlite3_stmt *s, void *context) {
	const struct detector_visit *visit = context;
	struct detector_row row = {
		.id = (uint32_t)sqlite3_column_int64(s, 0),
		.name = column_text(s, 1),
		.source = column_text(s, 2),
		.group = column_text(s, 3),
		.aggregate = column_text(s, 4),
		.step_ms = sqlite3_column_int64(s, 5),
		.latitude = column_number(s, 6),
		.longitude = column_number(s, 7),
	};

	return visit->visit(visit->user, &row);
}

int store_each_detector(
	struct store *store, int (*visit)(void *user, const struct detector_row *row), void *user) {
	return each_row(store,
		"SELECT id,name,source,\"group\",aggregate,step_ms,latitude,longitude"
		" FROM detector ORDER BY id",
		NULL, visit_detector, &(struct detector_visit){ visit, user });
}

struct series_visit {
	int (*visit)(void *user, const struct series_row *row);
	void *user;
};

static int visit_series(sqlite3_stmt *s, void *context) {
	const struct series_visit *visit = context;
	struct series_row row = {
		.id = (uint32_t)sqlite3_column_int64(s, 0),
		.detector = (uint32_t)sqlite3_column_int64(s, 1),
		.index = (uint32_t)sqlite3_column_int64(s, 2),
		.channel = column_text(s, 3),
		.name = column_text(s, 4),
		.unit = column_text(s, 5),
	};

	return visit->visit(visit->user, &row);
}

int store_each_series(
	struct store *store, int (*visit)(void *user, const struct series_row *row), void *user) {
	return each_row(store,
		"SELECT id,detector,channel_index,channel,name,unit FROM series ORDER BY id", NULL,
		visit_series, &(struct series_visit){ visit, user });
}

struct neighbourhood_visit {
	int (*visit)(void *user, const struct neighbourhood_row *row);
	void *user;
};

static int visit_neighbourhood(sqlite3_stmt *s, void *context) {
	const struct neighbourhood_visit *visit = context;
	struct neighbourhood_row row = {
		.id = (uint32_t)sqlite3_column_int64(s, 0),
		.saved_ms = sqlite3_column_int64(s, 1),
		.bytes = column_blob(s, 3),
	};

	if (crc32c(0, row.bytes.data, row.bytes.length) != (uint32_t)sqlite3_column_int64(s, 2))
		row.bytes = SPAN_EMPTY;
	return visit->visit(visit->user, &row);
}

int store_each_neighbourhood(struct store *store,
	int (*visit)(void *user, const struct neighbourhood_row *row), void *user) {
	return each_row(store, "SELECT id,saved_ms,checksum,bytes FROM neighbourhood ORDER BY id",
		NULL, visit_neighbourhood, &(struct neighbourhood_visit){ visit, user });
}

struct reading_visit {
	int (*visit)(void *user, const struct reading_row *row);
	int (*batch)(void *user, const struct batch_row *row);
	void *user;
};

static int visit_reading(sqlite3_stmt *s, void *context) {
	const struct reading_visit *visit = context;
	struct reading_row row = {
		.series = (uint32_t)sqlite3_column_int64(s, 0),
		.detector = (uint32_t)sqlite3_column_int64(s, 1),
		.time_ms = sqlite3_column_int64(s, 2),
		.value = column_number(s, 3),
		.sequence = (uint64_t)sqlite3_column_int64(s, 4),
	};

	return visit->visit(visit->user, &row);
}

/* A reading, or a batch where the column behind the sequence is not NULL. */
static int visit_waiting(sqlite3_stmt *s, void *context) {
	const struct reading_visit *visit = context;

	if (sqlite3_column_type(s, 5) == SQLITE_NULL)
		return visit_reading(s, context);
	if (!visit->batch)
		return 0;
	return visit->batch(visit->user, &(struct batch_row){ (uint64_t)sqlite3_column_int64(s, 4),
						 column_blob(s, 5), column_blob(s, 6) });
}

int store_each_waiting(struct store *store, uint64_t after,
	int (*reading)(void *user, const struct reading_row *row),
	int (*batch)(void *user, const struct batch_row *row), void *user) {
	return each_row(store,
		"SELECT p.series,s.detector,p.time_ms,p.value,p.sequence AS sequence,NULL,NULL"
		" FROM pending p CROSS JOIN series s ON s.id=p.series WHERE p.sequence>?1"
		" UNION ALL SELECT 0,0,0,NULL,sequence,detectors,seats FROM batch"
		" WHERE sequence>?1"
		" ORDER BY sequence",
		(const int64_t[1]){ (int64_t)after }, visit_waiting,
		&(struct reading_visit){ reading, batch, user });
}

struct whole_visit {
	int (*visit)(void *user, uint32_t detector);
	void *user;
};

static int visit_whole(sqlite3_stmt *s, void *context) {
	const struct whole_visit *visit = context;

	return visit->visit(visit->user, (uint32_t)sqlite3_column_int64(s, 0));
}

int store_each_waiting_whole(
	struct store *store, int (*visit)(void *user, uint32_t detector), void *user) {
	return each_row(store,
		"SELECT s.detector FROM series s LEFT JOIN"
		" (SELECT series, min(time_ms) AS first_ms FROM pending GROUP BY series) p"
		" ON p.series=s.id GROUP BY s.detector HAVING NOT max(EXISTS"
		" (SELECT 1 FROM reading r WHERE r.series=s.id"
		"  AND (p.first_ms IS NULL OR r.time_ms<p.first_ms)))",
		NULL, visit_whole, &(struct whole_visit){ visit, user });
}

int store_each_past_reading(struct store *store, uint32_t detector, uint32_t latest,
	int (*visit)(void *user, const struct reading_row *row), void *user) {
	return each_row(store,
		"SELECT r.series,s.detector,r.time_ms,r.value,0"
		" FROM series s JOIN reading r ON r.series=s.id"
		" AND r.time_ms>coalesce((SELECT time_ms FROM reading WHERE series=s.id"
		" ORDER BY time_ms DESC LIMIT 1 OFFSET ?2),-1)"
		" WHERE s.detector=?1 ORDER BY r.time_ms,r.series",
		(const int64_t[2]){ detector, latest }, visit_reading,
		&(struct reading_visit){ visit, NULL, user });
}

struct forecast_visit {
	int (*visit)(void *user, const struct forecast_row *row);
	void *user;
};

static int visit_forecast(sqlite3_stmt *s, void *context) {
	const struct forecast_visit *visit = context;
	struct forecast_row row = {
		.series = (uint32_t)sqlite3_column_int64(s, 0),
		.json = column_text(s, 1),
	};

	return visit->visit(visit->user, &row);
}

int store_each_latest_forecast(
	struct store *store, int (*visit)(void *user, const struct forecast_row *row), void *user) {
	return each_row(store,
		"SELECT s.id,f.json FROM series s JOIN forecast f ON f.id="
		"(SELECT id FROM forecast WHERE series=s.id ORDER BY issued_ms DESC LIMIT 1)",
		NULL, visit_forecast, &(struct forecast_visit){ visit, user });
}

static int take_integer(sqlite3_stmt *s, void *context) {
	*(uint64_t *)context = (uint64_t)sqlite3_column_int64(s, 0);
	return 0;
}

/* One integer, 0 where there is none. */
static int read_integer(struct store *store, const char *sql, uint64_t *ret_integer) {
	uint64_t integer = 0;

	int r = each_row(store, sql, NULL, take_integer, &integer);
	if (r == 0)
		*ret_integer = integer;
	return r;
}

int store_floor(struct store *store, uint64_t *ret_sequence) {
	return read_integer(store, "SELECT value FROM meta WHERE key='floor'", ret_sequence);
}

int store_input(struct store *store, uint64_t *ret_position) {
	return read_integer(store, "SELECT value FROM meta WHERE key='input'", ret_position);
}

int store_last_batch(struct store *store, uint64_t *ret_sequence) {
	return read_integer(store, "SELECT max(sequence) FROM batch", ret_sequence);
}

int store_last_sequence(struct store *store, uint64_t *ret_sequence) {
	/* What waits has gone from there once a state contains it. */
	return read_integer(store,
		"SELECT max(sequence) FROM ("
		" SELECT max(sequence) AS sequence FROM pending UNION ALL"
		" SELECT max(sequence) FROM batch UNION ALL"
		" SELECT max(sequence) FROM state UNION ALL"
		" SELECT CAST(value AS INTEGER) FROM meta WHERE key='floor')",
		ret_sequence);
}

struct model_visit {
	int (*visit)(void *user, const struct model_row *row);
	void *user;
};

static int visit_model(sqlite3_stmt *s, void *context) {
	const struct model_visit *visit = context;
	struct model_row row = {
		.name = column_text(s, 0),
		.parent = column_text(s, 1),
		.note = column_text(s, 2),
		.created_ms = sqlite3_column_int64(s, 3),
		.layout = (uint64_t)sqlite3_column_int64(s, 4),
	};

	return visit->visit(visit->user, &row);
}

int store_each_model(
	struct store *store, int (*visit)(void *user, const struct model_row *row), void *user) {
	return each_row(store, "SELECT name,parent,note,created_ms,layout FROM model ORDER BY id",
		NULL, visit_model, &(struct model_visit){ visit, user });
}

/* Appends the one value that `sql` gives for `key`. */
static int append_value(struct store *store, const char *sql, struct span key, struct text *value) {
	sqlite3_stmt *s;
	int result = sqlite3_prepare_v2(store->db, sql, -1, &s, NULL);
	if (result != SQLITE_OK)
		return store_fail(store, result);

	bind_text(s, 1, key);
	result = sqlite3_step(s);
	int r = store_fail(store, result);
	if (r == 0 && result == SQLITE_DONE)
		r = E_NOT_FOUND;
	if (r == 0) {
		text_add(value, column_blob(s, 0));
		r = text_failed(value) ? -ENOMEM : 0;
	}
	sqlite3_finalize(s);
	return r;
}

struct meta_visit {
	int (*visit)(void *user, const struct meta_row *row);
	void *user;
};

static int visit_meta(sqlite3_stmt *s, void *context) {
	const struct meta_visit *visit = context;

	return visit->visit(
		visit->user, &(struct meta_row){ column_text(s, 0), column_text(s, 1) });
}

int store_each_meta(struct store *store, struct span prefix,
	int (*visit)(void *user, const struct meta_row *row), void *user) {
	sqlite3_stmt *s;
	int result = sqlite3_prepare_v2(store->db,
		"SELECT key,value FROM meta WHERE key>=?1 AND substr(key,1,length(?1))=?1", -1, &s,
		NULL);
	if (result != SQLITE_OK)
		return store_fail(store, result);

	bind_text(s, 1, prefix);
	return step_through(store, s, visit_meta, &(struct meta_visit){ visit, user });
}

int store_model(struct store *store, struct span name, struct text *weights) {
	return append_value(store, "SELECT weights FROM model WHERE name=?1", name, weights);
}

int store_meta(struct store *store, struct span key, struct text *value) {
	return append_value(store, "SELECT value FROM meta WHERE key=?1", key, value);
}
