/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"
#include "report.h"

#include "num.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* ?1 running, ?2 process, ?3 path, ?4 and ?5 bytes of database and log. Figures of the daemon are
 * those of its last statistics. */
static const char sql[] =
	"WITH stats(body) AS (SELECT (SELECT value FROM meta WHERE key='stats')),"
	" health AS MATERIALIZED (SELECT status, last_ms FROM series_health)"
	" SELECT ?1 AS daemon, CAST(?2 AS INTEGER) AS process,"
	" (SELECT value FROM meta WHERE key='version') AS version,"
	" (SELECT value FROM meta WHERE key='instance') AS instance,"
	" (SELECT datetime(value/1000,'unixepoch') FROM meta WHERE key='started') AS started,"
	" (SELECT value FROM meta WHERE key='model') AS model,"
	" (SELECT count(*) FROM detector) AS detectors,"
	" (SELECT count(*) FROM health) AS series,"
	" (SELECT count(*) FROM health WHERE status='ok') AS series_ok,"
	" (SELECT count(*) FROM health WHERE status='warming') AS series_warming,"
	" (SELECT count(*) FROM health WHERE status='stale') AS series_stale,"
	" (SELECT count(*) FROM health WHERE status='empty') AS series_empty,"
	" (SELECT datetime(max(last_ms)/1000,'unixepoch') FROM health) AS last_reading,"
	" (SELECT round((julianday('now')-2440587.5)*86400-max(last_ms)/1000.0,1) FROM health)"
	"  AS last_reading_age_s,"
	" round(1.0*json_extract(body,'$.readings')/json_extract(body,'$.uptime'),1)"
	"  AS readings_per_s,"
	" json_extract(body,'$.lag.mean') AS forecast_lag_s,"
	" (SELECT sum(value) FROM json_each(body,'$.refused')) AS readings_refused,"
	" CASE json_extract(body,'$.mqtt.connected') WHEN 1 THEN 'connected' WHEN 0 THEN 'away' END"
	"  AS broker,"
	" json_extract(body,'$.store.status') AS store,"
	" (SELECT group_concat(json_extract(value,'$.name')||' ('||json_extract(value,'$.what')||"
	"  ') for '||json_extract(value,'$.seconds')||' s',', ') FROM json_each(body,'$.troubles'))"
	"  AS troubles,"
	" ?3 AS database, CAST(?4 AS INTEGER) AS database_bytes, CAST(?5 AS INTEGER) AS log_bytes,"
	" body AS stats FROM stats";

/* Column of `sql` that is JSON already, and too much for people. */
#define STATS_COLUMN "stats"

enum parameter { RUNNING, PROCESS, PATH, DATABASE_BYTES, LOG_BYTES, PARAMETERS };

static struct span write_bytes(char *to, const char *path, const char *suffix) {
	char name[4096];
	struct stat status;

	int length = snprintf(name, sizeof(name), "%s%s", path, suffix);
	if (length < 0 || (size_t)length >= sizeof(name) || stat(name, &status) < 0)
		return SPAN_EMPTY;
	return span_of(to, num_write_int(to, status.st_size));
}

static void print_people(struct text *to, const struct rows *rows) {
	for (int c = 0; c < rows_columns(rows); c++) {
		const char *name = rows_column_name(rows, c);

		if (strcmp(name, STATS_COLUMN) == 0 || rows_type(rows, c) == VALUE_NULL)
			continue;
		size_t start = to->length;
		text_add_format(to, "%-20s", name);
		for (size_t i = start; i < to->length; i++)
			to->data[i] = to->data[i] == '_' ? ' ' : to->data[i];
		text_add(to, rows_text(rows, c));
		text_add_char(to, '\n');
	}
}

static void print_json(struct text *to, const struct rows *rows) {
	for (int c = 0; c < rows_columns(rows); c++) {
		const char *name = rows_column_name(rows, c);

		text_add(to, c == 0 ? SPAN("{") : SPAN(",\n "));
		text_add_json_string(to, span_text(name));
		text_add_char(to, ':');
		if (strcmp(name, STATS_COLUMN) == 0 && rows_type(rows, c) == VALUE_TEXT)
			text_add(to, rows_text(rows, c));
		else
			output_add_json(to, rows, c);
	}
	text_add(to, SPAN("}\n"));
}

static int print(struct query *query, const struct request *request) {
	char process[NUM_TEXT_MAX], database[NUM_TEXT_MAX], log[NUM_TEXT_MAX];
	struct span parameters[PARAMETERS] = {
		[PATH] = span_text(request->database),
		[DATABASE_BYTES] = write_bytes(database, request->database, ""),
		[LOG_BYTES] = write_bytes(log, request->database, "-wal"),
	};
	struct text text = { 0 };
	struct rows *rows;
	pid_t pid;

	int running = query_writer(request->database, &pid);
	parameters[RUNNING] = running == 1   ? SPAN("running")
			      : running == 0 ? SPAN("not running")
					     : SPAN("unknown");
	if (running == 1 && pid > 0)
		parameters[PROCESS] = span_of(process, num_write_int(process, pid));

	int r = query_rows(query, sql, parameters, PARAMETERS, &rows);
	if (r < 0)
		return report_failure(query, r);

	r = rows_next(rows);
	if (r == 1 && request->json)
		print_json(&text, rows);
	else if (r == 1)
		print_people(&text, rows);
	rows_close(rows);
	if (r == 1 && text_failed(&text))
		r = -ENOMEM;
	if (r == 1)
		fwrite(text.data, 1, text.length, stdout);
	text_finish(&text);
	return r < 0 ? report_failure(query, r) : VERB_OK;
}

int status_run(int argc, char **argv) {
	static const struct report report = {
		.name = "status",
		.usage = "[OPTION...]\n\n"
			 "Whether the daemon runs, what it has seen and how it is doing.\n",
		.print = print,
	};

	return report_run(&report, argc, argv);
}
