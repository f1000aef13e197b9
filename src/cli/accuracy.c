/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

/* One row per lead of one series. */
static const char leads_sql[] =
	"SELECT lead, n, mae, rmse, bias, skill, skill_seasonal, coverage80, mase, pinball,"
	" unit FROM accuracy WHERE series=?1 AND (?2 IS NULL OR lead=CAST(?2 AS INTEGER)) ORDER BY "
	"lead";

/* One row per series: means over its leads, weighted with what has been scored. */
static const char series_sql[] =
	"SELECT series, max(lead) AS leads, sum(n) AS n, sum(n*mae)/sum(n) AS mae,"
	" sqrt(sum(n*rmse*rmse)/sum(n)) AS rmse, sum(n*bias)/sum(n) AS bias,"
	" sum(n*skill)/sum(n) AS skill,"
	" sum(n*skill_seasonal)/sum(iif(skill_seasonal IS NULL,NULL,n)) AS skill_seasonal,"
	" sum(n*coverage80)/sum(n) AS coverage80,"
	" sum(n*mase)/sum(n) AS mase, sum(n*pinball)/sum(n) AS pinball, unit FROM accuracy"
	" WHERE n>0 AND ?1 IS NULL AND (?2 IS NULL OR lead=CAST(?2 AS INTEGER))"
	" GROUP BY series ORDER BY series";

static int print(struct query *query, const struct request *request) {
	return report_rows(query, request, request->argument ? leads_sql : series_sql,
		"nothing has been scored yet");
}

int accuracy_run(int argc, char **argv) {
	static const struct report report = {
		.name = "accuracy",
		.usage = "[OPTION...] [SERIES]\n\n"
			 "How good the forecasts have been: of one series for each step ahead, or "
			 "of\n"
			 "all series with the mean over their steps. Errors are in the series' "
			 "unit;\n"
			 "skill is 1 - error / error of persistence, skill_seasonal the same for "
			 "last\n"
			 "season's value; coverage80 should be 0.8.\n"
			 "\n"
			 "      --lead N         only N steps ahead\n",
		.takes_argument = true,
		.number_option = "lead",
		.print = print,
	};

	return report_run(&report, argc, argv);
}
