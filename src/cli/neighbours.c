/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

/* Whom the detector's series look at, and who looks at them. */
static const char detector_sql[] =
	"SELECT series, 'sees' AS way, neighbour, rank, correlation, round(distance_m) AS "
	"distance_m, gain FROM neighbours"
	" WHERE (series=?1 OR substr(series, 1, length(?1)+1)=?1||'/') AND ?2 IS NULL"
	" UNION ALL"
	" SELECT neighbour, 'is seen by', series, rank, correlation, round(distance_m), gain FROM "
	"neighbours"
	" WHERE (neighbour=?1 OR substr(neighbour, 1, length(?1)+1)=?1||'/') AND ?2 IS NULL"
	" ORDER BY 1, 2 DESC, 4, 3";

/* One row for each series, those that gain the most first. */
static const char series_sql[] =
	"SELECT series, group_concat(neighbour, ' ') AS neighbours, max(gain) AS gain"
	" FROM (SELECT * FROM neighbours ORDER BY series, rank) WHERE ?1 IS NULL AND ?2 IS NULL"
	" GROUP BY series ORDER BY gain DESC";

static int print(struct query *query, const struct request *request) {
	return report_rows(query, request, request->argument ? detector_sql : series_sql,
		"no series sees another one yet");
}

int neighbours_run(int argc, char **argv) {
	static const struct report report = {
		.name = "neighbours",
		.usage = "[OPTION...] [DETECTOR]\n\n"
			 "Who influences whom: the neighbours of a detector's series and those "
			 "that look "
			 "at\n"
			 "it, or all series that have any. gain is the part of a series' mean "
			 "absolute "
			 "error\n"
			 "that its neighbours have taken away, over all leads.\n"
			 "\n",
		.takes_argument = true,
		.print = print,
	};

	return report_run(&report, argc, argv);
}
