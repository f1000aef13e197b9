/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "query.h"
#include "verbs.h"

/* Where the daemon keeps its database unless it is told otherwise. */
#define REPORT_DATABASE "/var/lib/xlstmd/xlstmd.db"

/* What the user asked a report for. */
struct request {
	const char *database;
	const char *argument; /* NULL: none was given */
	int64_t number; /* of the report's own option; 0: it was not given */
	bool json;
};

/* A verb that prints what the database says. */
struct report {
	const char *name;
	const char *usage; /* what follows the name, and what the verb does, for --help */
	bool takes_argument;
	bool needs_argument;
	const char *number_option; /* an option of its own that takes a positive number, or NULL */

	/* Prints the answer on standard output: VERB_OK or VERB_FAILED. */
	int (*print)(struct query *query, const struct request *request);
};

/* Parses the options that reports share (--database, --json, --help), opens the database and prints.
 * Returns the exit status. */
int report_run(const struct report *report, int argc, char **argv);

/* Says on standard error why the query failed; VERB_FAILED. */
int report_failure(struct query *query, int code);

/* The common report: prints all rows of a query, with the request's argument and number bound to ?1
 * and ?2. Without a row, `empty` is said on standard error; where the request named a series, that
 * is a failure. */
int report_rows(
	struct query *query, const struct request *request, const char *sql, const char *empty);

#endif
