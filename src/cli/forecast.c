/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>

#define STEPS                                                                                      \
	"SELECT time, mean, q10, q20, q30, q40, q50, q60, q70, q80, q90"                           \
	" FROM forecast_latest WHERE series=?1 ORDER BY lead"

static const char about_sql[] =
	"SELECT s.name||', forecast of '||datetime(f.issued_ms/1000,'unixepoch')||' UTC, status '||"
	" json_extract(f.json,'$.status')||', model '||"
	" coalesce(json_extract(f.json,'$.model'),'none')||"
	" CASE s.unit WHEN '' THEN '' ELSE ', in '||s.unit END, f.json"
	" FROM series s JOIN forecast f ON f.series=s.id WHERE s.name=?1"
	" ORDER BY f.issued_ms DESC LIMIT 1";

/* The heading for people, or for JSON the forecast as it was published. 1 if there is a forecast,
 * 0 if not, or an error. */
static int print_about(struct query *query, const struct request *request) {
	struct span name = span_text(request->argument);
	struct rows *rows;

	int r = query_rows(query, about_sql, &name, 1, &rows);
	if (r < 0)
		return r;

	r = rows_next(rows);
	if (r == 1)
		printf("%.*s\n%s", SPAN_PRINT(rows_text(rows, request->json ? 1 : 0)),
			request->json ? "" : "\n");
	rows_close(rows);
	return r;
}

static int print(struct query *query, const struct request *request) {
	int r = print_about(query, request);

	if (r < 0)
		return report_failure(query, r);
	if (r == 0) {
		fprintf(stderr, "xlstmctl: no forecast of \"%s\"; see xlstmctl series\n",
			request->argument);
		return VERB_FAILED;
	}
	return request->json ? VERB_OK : report_rows(query, request, STEPS, "");
}

int forecast_run(int argc, char **argv) {
	static const struct report report = {
		.name = "forecast",
		.usage = "[OPTION...] SERIES\n\n"
			 "The latest forecast of a series: its mean and quantiles for each step "
			 "ahead.\n"
			 "Times are UTC. With --json, the forecast exactly as it was published.\n",
		.takes_argument = true,
		.needs_argument = true,
		.print = print,
	};

	return report_run(&report, argc, argv);
}
