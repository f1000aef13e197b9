/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

static int print(struct query *query, const struct request *request) {
	return report_rows(query, request,
		"SELECT series, status, last_reading, silent_s, last_value, unit, step_s, skill,"
		" anomalies_24h FROM series_health WHERE ?1 IS NULL OR series GLOB ?1"
		" ORDER BY series",
		"no such series");
}

int series_run(int argc, char **argv) {
	static const struct report report = {
		.name = "series",
		.usage = "[OPTION...] [PATTERN]\n\n"
			 "Every series, or those whose name matches a pattern such as 'pump7/*': "
			 "its\n"
			 "last reading, how long it has been silent, and how it is doing.\n",
		.takes_argument = true,
		.print = print,
	};

	return report_run(&report, argc, argv);
}
