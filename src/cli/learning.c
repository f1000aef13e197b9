/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

static int print(struct query *query, const struct request *request) {
	return report_rows(query, request,
		"SELECT datetime(time_ms/1000,'unixepoch') AS time, model, candidate, subject,"
		" loss_before, loss_after, CASE adopted WHEN 1 THEN 'adopted' ELSE 'refused' END"
		" AS result, reason, duration_ms/1000.0 AS seconds FROM learning"
		" WHERE ?1 IS NULL ORDER BY time_ms DESC LIMIT coalesce(CAST(?2 AS INTEGER),20)",
		"nothing has been learned yet");
}

int learning_run(int argc, char **argv) {
	static const struct report report = {
		.name = "learning",
		.usage = "[OPTION...]\n\n"
			 "The network's learning steps, latest first: on what, loss before and "
			 "after on\n"
			 "held-out data, adopted or refused and why.\n"
			 "\n"
			 "      --limit N        at most N of them (20)\n",
		.number_option = "limit",
		.print = print,
	};

	return report_run(&report, argc, argv);
}
