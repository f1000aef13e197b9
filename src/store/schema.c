/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include "error.h"
#include "sqlite_error.h"
#include "store.h"

/*
 * The tables hold integers and the published bytes; the views are what people read. Each view keeps
 * `series.name` as its column `series`, so that a condition on it goes to the index on that name
 * and from there to the (series, time) order of the big tables: a question about one series never
 * looks at another's rows.
 */

#define TEXT_OF(value)    #value
#define VERSION_OF(value) TEXT_OF(value)

/* Milliseconds as UTC for people, with a fraction only where there is one. */
#define READABLE(ms)                                                                               \
	"datetime(" ms "/1000,'unixepoch')||"                                                      \
	"CASE WHEN " ms "%1000 THEN printf('.%03d'," ms "%1000) ELSE '' END"

#define NOW_MS "CAST(round((julianday('now')-2440587.5)*86400000) AS INTEGER)"

#define QUANTILE(level, name)                                                                      \
	" json_extract(f.json,'$.quantiles.\"" level "\"['||m.key||']') AS " name ","

/* clang-format off */

/* The published JSON of forecast f, expanded: one row for each element m of its means. */
#define STEP_COLUMNS                                                                               \
	" s.id AS series_id, s.name AS series, s.unit AS unit,"                                    \
	" f.issued_ms AS issued_ms, m.key+1 AS lead,"                                              \
	" CAST(round(1000*json_extract(f.json,'$.step')) AS INTEGER) AS step_ms, m.value AS mean," \
	QUANTILE("0.1", "q10") QUANTILE("0.2", "q20") QUANTILE("0.3", "q30")                       \
	QUANTILE("0.4", "q40") QUANTILE("0.5", "q50") QUANTILE("0.6", "q60")                       \
	QUANTILE("0.7", "q70") QUANTILE("0.8", "q80") QUANTILE("0.9", "q90")                       \
	" json_extract(f.json,'$.status') AS status, json_extract(f.json,'$.model') AS model"

#define FORECAST_COLUMNS                                                                           \
	" series, " READABLE("issued_ms") " AS issued, lead, " READABLE("time_ms") " AS time,"     \
	" mean, q10, q20, q30, q40, q50, q60, q70, q80, q90, unit, status, model,"                 \
	" issued_ms, time_ms"

#define STEPS_OF(forecasts)                                                                        \
	" (SELECT *, issued_ms+lead*step_ms AS time_ms FROM (SELECT" STEP_COLUMNS                  \
	" FROM series s JOIN forecast f ON " forecasts " JOIN json_each(f.json,'$.mean') m))"

#define ALL_FORECASTS "f.series=s.id"
#define LATEST_FORECAST                                                                            \
	"f.id=(SELECT id FROM forecast WHERE series=s.id ORDER BY issued_ms DESC LIMIT 1)"

#define ACCURACY_VIEW                                                                              \
	"CREATE VIEW accuracy AS"                                                                  \
	" SELECT s.name AS series, c.lead AS lead, c.n AS n, c.mae AS mae, c.rmse AS rmse,"        \
	"  c.bias AS bias, c.skill AS skill, c.skill_seasonal AS skill_seasonal,"                  \
	"  c.coverage80 AS coverage80, c.mase AS mase, c.pinball AS pinball, s.unit AS unit,"      \
	"  " READABLE("c.updated_ms") " AS updated, c.updated_ms AS updated_ms"                    \
	" FROM series s JOIN score c ON c.series=s.id"

/* Means over the leads that have been scored, long and short ones alike. */
#define NEIGHBOURS_VIEW                                                                            \
	"CREATE VIEW neighbours AS"                                                                \
	" SELECT s.name AS series, n.rank AS rank, o.name AS neighbour,"                           \
	"  n.correlation AS correlation, n.distance_m AS distance_m,"                              \
	"  (SELECT 1-sum(g.together)/sum(g.alone) FROM neighbour_gain g WHERE g.series=s.id)"      \
	"   AS gain"                                                                               \
	" FROM series s JOIN neighbour n ON n.series=s.id JOIN series o ON o.id=n.neighbour"

#define NEIGHBOUR_GAINS_VIEW                                                                       \
	"CREATE VIEW neighbour_gains AS"                                                           \
	" SELECT s.name AS series, g.lead AS lead, g.alone AS mae_alone, g.together AS mae,"       \
	"  1-g.together/g.alone AS gain, s.unit AS unit"                                           \
	" FROM series s JOIN neighbour_gain g ON g.series=s.id"

#define NEIGHBOURHOOD_TABLE                                                                        \
	"CREATE TABLE neighbourhood("                                                              \
	" id INTEGER PRIMARY KEY, saved_ms INTEGER NOT NULL, checksum INTEGER NOT NULL,"           \
	" bytes BLOB NOT NULL) STRICT"

#define NEIGHBOUR_TABLE                                                                            \
	"CREATE TABLE neighbour("                                                                  \
	" series INTEGER NOT NULL REFERENCES series, rank INTEGER NOT NULL,"                       \
	" neighbour INTEGER NOT NULL REFERENCES series, correlation REAL,"                         \
	" distance_m REAL, PRIMARY KEY(series, rank)) STRICT, WITHOUT ROWID"

#define NEIGHBOUR_GAIN_TABLE                                                                       \
	"CREATE TABLE neighbour_gain("                                                             \
	" series INTEGER NOT NULL REFERENCES series, lead INTEGER NOT NULL, alone REAL,"           \
	" together REAL, PRIMARY KEY(series, lead)) STRICT, WITHOUT ROWID"

/* Which detectors of groups stepped together; a replay of what waits keeps to it. */
#define BATCH_TABLE                                                                                \
	"CREATE TABLE batch(sequence INTEGER PRIMARY KEY, detectors BLOB NOT NULL) STRICT"
/* A fresh database gets it as an old one does, so that both have the same schema. */
#define SEATS_COLUMN "ALTER TABLE batch ADD COLUMN seats BLOB"

/* clang-format on */

/* What leads from one version to the next, from 1 on. */
static const char *const upgrades[STORE_SCHEMA_VERSION - 1] = {
	"ALTER TABLE score ADD COLUMN skill_seasonal REAL;"
	"DROP VIEW accuracy;" ACCURACY_VIEW,
	NEIGHBOURHOOD_TABLE ";" NEIGHBOUR_TABLE ";" NEIGHBOUR_GAIN_TABLE ";" NEIGHBOURS_VIEW
			    ";" NEIGHBOUR_GAINS_VIEW,
	BATCH_TABLE,
	/* What neighbours were is found anew. */
	"DROP VIEW neighbours; DROP TABLE neighbour;" NEIGHBOUR_TABLE ";" NEIGHBOURS_VIEW,
	SEATS_COLUMN,
};

/* In the order of creation. */
static const char *const objects[] = {
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
	"INSERT INTO meta VALUES('schema_version','" VERSION_OF(STORE_SCHEMA_VERSION) "')",

	"CREATE TABLE detector("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL,"
	" \"group\" TEXT NOT NULL, aggregate TEXT NOT NULL, step_ms INTEGER NOT NULL,"
	" latitude REAL, longitude REAL) STRICT",
	"CREATE INDEX detector_name ON detector(name)",

	"CREATE TABLE series("
	" id INTEGER PRIMARY KEY, detector INTEGER NOT NULL REFERENCES detector,"
	" channel_index INTEGER NOT NULL, channel TEXT NOT NULL, name TEXT NOT NULL,"
	" unit TEXT NOT NULL) STRICT",
	"CREATE INDEX series_name ON series(name)",
	"CREATE INDEX series_detector ON series(detector)",

	"CREATE TABLE reading("
	" series INTEGER NOT NULL REFERENCES series, time_ms INTEGER NOT NULL, value REAL,"
	" PRIMARY KEY(series, time_ms)) STRICT, WITHOUT ROWID",

	/* Readings that no saved state contains yet, in the order of their arrival. */
	"CREATE TABLE pending("
	" sequence INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series,"
	" time_ms INTEGER NOT NULL, value REAL) STRICT",

	"CREATE TABLE forecast("
	" id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series,"
	" issued_ms INTEGER NOT NULL, json TEXT NOT NULL) STRICT",
	"CREATE UNIQUE INDEX forecast_issued ON forecast(series, issued_ms)",

	"CREATE TABLE score("
	" series INTEGER NOT NULL REFERENCES series, lead INTEGER NOT NULL, n INTEGER NOT NULL,"
	" mae REAL, rmse REAL, bias REAL, skill REAL, coverage80 REAL, mase REAL, pinball REAL,"
	" updated_ms INTEGER NOT NULL, skill_seasonal REAL,"
	" PRIMARY KEY(series, lead)) STRICT, WITHOUT ROWID",

	"CREATE TABLE anomaly("
	" series INTEGER NOT NULL REFERENCES series, time_ms INTEGER NOT NULL, value REAL,"
	" low REAL, high REAL, score REAL, PRIMARY KEY(series, time_ms)) STRICT, WITHOUT ROWID",
	"CREATE INDEX anomaly_time ON anomaly(time_ms)",

	"CREATE TABLE state("
	" detector INTEGER PRIMARY KEY REFERENCES detector, layout INTEGER NOT NULL,"
	" sequence INTEGER NOT NULL, saved_ms INTEGER NOT NULL, checksum INTEGER NOT NULL,"
	" bytes BLOB NOT NULL) STRICT",

	"CREATE TABLE model("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent TEXT NOT NULL,"
	" note TEXT NOT NULL, created_ms INTEGER NOT NULL, layout INTEGER NOT NULL,"
	" weights BLOB NOT NULL) STRICT",

	"CREATE TABLE learning("
	" id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, model TEXT NOT NULL,"
	" candidate TEXT NOT NULL, subject TEXT NOT NULL, loss_before REAL, loss_after REAL,"
	" adopted INTEGER NOT NULL, reason TEXT NOT NULL, duration_ms INTEGER NOT NULL) STRICT",
	"CREATE INDEX learning_time ON learning(time_ms)",

	NEIGHBOURHOOD_TABLE, NEIGHBOUR_TABLE, NEIGHBOUR_GAIN_TABLE, BATCH_TABLE, SEATS_COLUMN,

	/* clang-format off */

	"CREATE VIEW forecast_history AS SELECT" FORECAST_COLUMNS " FROM" STEPS_OF(ALL_FORECASTS),

	"CREATE VIEW forecast_latest AS SELECT" FORECAST_COLUMNS " FROM" STEPS_OF(LATEST_FORECAST),

	/* What came is the value that the detector's clock made of the readings, as the forecast
	 * issued nearest to that time says: while a clock learns its phase the times of its ticks
	 * move a little. SQLite gives a.json from the row that has the minimum. */
	"CREATE VIEW forecast_vs_actual AS"
	" SELECT series, issued, lead, time, mean, q10, q50, q90, actual, mean-actual AS error,"
	"  actual BETWEEN q10 AND q90 AS inside80, unit, issued_ms, time_ms"
	" FROM (SELECT" FORECAST_COLUMNS ","
	"   (SELECT CASE WHEN min(abs(a.issued_ms-p.time_ms))>=0"
	"     THEN json_extract(a.json,'$.observed') END FROM forecast a"
	"    WHERE a.series=series_id AND a.issued_ms>=p.time_ms-step_ms/2"
	"    AND a.issued_ms<p.time_ms+(step_ms+1)/2) AS actual"
	"  FROM" STEPS_OF(ALL_FORECASTS) " p)"
	" WHERE actual IS NOT NULL",

	ACCURACY_VIEW,
	NEIGHBOURS_VIEW,
	NEIGHBOUR_GAINS_VIEW,

	/* A sensor is stale once three of its periods, or ten seconds, have brought nothing. */
	"CREATE VIEW series_health AS"
	" SELECT series,"
	"  CASE WHEN last_ms IS NULL THEN 'empty'"
	"   WHEN now_ms-last_ms>max(3*step_ms,10000) THEN 'stale'"
	"   ELSE coalesce(forecast_status,'ok') END AS status,"
	"  " READABLE("last_ms") " AS last_reading,"
	"  round((now_ms-last_ms)/1000.0,1) AS silent_s,"
	"  last_value, unit, step_ms/1000.0 AS step_s, skill, anomalies_24h, last_ms"
	" FROM (SELECT s.name AS series, s.unit AS unit, d.step_ms AS step_ms,"
	"   " NOW_MS " AS now_ms,"
	"   coalesce((SELECT time_ms FROM reading WHERE series=s.id"
	"    ORDER BY time_ms DESC LIMIT 1), f.issued_ms) AS last_ms,"
	"   coalesce((SELECT value FROM reading WHERE series=s.id"
	"    ORDER BY time_ms DESC LIMIT 1), json_extract(f.json,'$.observed')) AS last_value,"
	"   json_extract(f.json,'$.status') AS forecast_status,"
	"   json_extract(f.json,'$.skill') AS skill,"
	"   (SELECT count(*) FROM anomaly"
	"    WHERE series=s.id AND time_ms>" NOW_MS "-86400000) AS anomalies_24h"
	"  FROM series s JOIN detector d ON d.id=s.detector"
	"  LEFT JOIN forecast f ON " LATEST_FORECAST ")",

	/* clang-format on */
};

int schema_identify(sqlite3 *db, int *ret_version) {
	sqlite3_int64 application, contents, version;

	int r = sqlite_integer(db, "PRAGMA application_id", &application);
	if (r < 0)
		return r;

	r = sqlite_integer(db, "SELECT count(*) FROM sqlite_schema", &contents);
	if (r < 0)
		return r;
	if (application == 0 && contents == 0) {
		*ret_version = 0;
		return 0;
	}
	if (application != SCHEMA_APPLICATION)
		return E_VERSION;

	r = sqlite_integer(
		db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key='schema_version'", &version);
	if (r < 0)
		return r == E_STORE ? E_CORRUPT : r;
	*ret_version = (int)version;
	return 0;
}

/* Statements and a last one, in one transaction. */
static int run_all(
	sqlite3 *db, const char *const *statements, size_t count, const char *last_statement) {
	int r = sqlite_run(db, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = sqlite_run(db, statements[i]);
	if (r == 0)
		r = sqlite_run(db, last_statement);
	if (r == 0)
		r = sqlite_run(db, "COMMIT");
	if (r < 0 && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int schema_create(sqlite3 *db) {
	return run_all(db, objects, sizeof(objects) / sizeof(objects[0]),
		"PRAGMA application_id=" VERSION_OF(SCHEMA_APPLICATION));
}

int schema_upgrade(sqlite3 *db, int version) {
	return run_all(db, upgrades + version - 1, (size_t)(STORE_SCHEMA_VERSION - version),
		"UPDATE meta SET value='" VERSION_OF(
			STORE_SCHEMA_VERSION) "' WHERE key='schema_version'");
}
