-- SPDX-License-Identifier: Apache-2.0
-- A database as the first version of the schema had it, with its tables, one detector, readings,
-- forecasts, a score and a state of that time.
PRAGMA page_size=8192;
PRAGMA journal_mode=WAL;
PRAGMA application_id=0x786c7374;
BEGIN;
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('schema_version','1');
CREATE TABLE detector(
 id INTEGER PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL,
 "group" TEXT NOT NULL, aggregate TEXT NOT NULL, step_ms INTEGER NOT NULL,
 latitude REAL, longitude REAL) STRICT;
CREATE INDEX detector_name ON detector(name);
CREATE TABLE series(
 id INTEGER PRIMARY KEY, detector INTEGER NOT NULL REFERENCES detector,
 channel_index INTEGER NOT NULL, channel TEXT NOT NULL, name TEXT NOT NULL,
 unit TEXT NOT NULL) STRICT;
CREATE INDEX series_name ON series(name);
CREATE INDEX series_detector ON series(detector);
CREATE TABLE reading(
 series INTEGER NOT NULL REFERENCES series, time_ms INTEGER NOT NULL, value REAL,
 PRIMARY KEY(series, time_ms)) STRICT, WITHOUT ROWID;
CREATE TABLE pending(
 sequence INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series,
 time_ms INTEGER NOT NULL, value REAL) STRICT;
CREATE TABLE forecast(
 id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series,
 issued_ms INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX forecast_issued ON forecast(series, issued_ms);
CREATE TABLE score(
 series INTEGER NOT NULL REFERENCES series, lead INTEGER NOT NULL, n INTEGER NOT NULL,
 mae REAL, rmse REAL, bias REAL, skill REAL, coverage80 REAL, mase REAL, pinball REAL,
 updated_ms INTEGER NOT NULL, PRIMARY KEY(series, lead)) STRICT, WITHOUT ROWID;
CREATE TABLE anomaly(
 series INTEGER NOT NULL REFERENCES series, time_ms INTEGER NOT NULL, value REAL,
 low REAL, high REAL, score REAL, PRIMARY KEY(series, time_ms)) STRICT, WITHOUT ROWID;
CREATE INDEX anomaly_time ON anomaly(time_ms);
CREATE TABLE state(
 detector INTEGER PRIMARY KEY REFERENCES detector, layout INTEGER NOT NULL,
 sequence INTEGER NOT NULL, saved_ms INTEGER NOT NULL, checksum INTEGER NOT NULL,
 bytes BLOB NOT NULL) STRICT;
CREATE TABLE model(
 id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent TEXT NOT NULL,
 note TEXT NOT NULL, created_ms INTEGER NOT NULL, layout INTEGER NOT NULL,
 weights BLOB NOT NULL) STRICT;
CREATE TABLE learning(
 id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, model TEXT NOT NULL,
 candidate TEXT NOT NULL, subject TEXT NOT NULL, loss_before REAL, loss_after REAL,
 adopted INTEGER NOT NULL, reason TEXT NOT NULL, duration_ms INTEGER NOT NULL) STRICT;
CREATE INDEX learning_time ON learning(time_ms);
-- Its other views are of no account here.
CREATE VIEW accuracy AS
 SELECT s.name AS series, c.lead AS lead, c.n AS n, c.mae AS mae, c.rmse AS rmse,
  c.bias AS bias, c.skill AS skill, c.coverage80 AS coverage80, c.mase AS mase,
  c.pinball AS pinball, s.unit AS unit, c.updated_ms AS updated_ms
 FROM series s JOIN score c ON c.series=s.id;

INSERT INTO detector VALUES(1,'pump','plant','','mean',60000,NULL,NULL);
INSERT INTO series VALUES(1,1,0,'pressure','pump/pressure','bar');
WITH RECURSIVE minute(m) AS (SELECT 0 UNION ALL SELECT m+1 FROM minute WHERE m<29)
 INSERT INTO reading SELECT 1, 1700000040000+60000*m, m%7 FROM minute;
WITH RECURSIVE minute(m) AS (SELECT 0 UNION ALL SELECT m+1 FROM minute WHERE m<29)
 INSERT INTO forecast(series, issued_ms, json) SELECT 1, 1700000040000+60000*m,
  json_object('step',60,'observed',m%7,'mean',json_array(1.5,2.5),'status','ok') FROM minute;
INSERT INTO score VALUES(1,1,20,0.5,0.7,-0.1,0.2,0.8,0.9,0.3,1700001780000);
-- Layouts of that time began with version 1. The check sum is that of CRC-32C's own test vector.
INSERT INTO state VALUES(1, 1<<32, 0, 1700001780000, 0xE3069283, CAST('123456789' AS BLOB));
COMMIT;
