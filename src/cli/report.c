/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "error.h"
#include "num.h"
#include "output.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

static void print_usage(const struct report *report) {
	printf("Usage: xlstmctl %s %s\n"
	       "      --database PATH  database to read (" REPORT_DATABASE ")\n"
	       "      --json           print JSON\n"
	       "  -h, --help           print this\n",
		report->name, report->usage);
}

static int usage_error(const struct report *report, const char *problem, const char *what) {
	fprintf(stderr, "xlstmctl %s: %s%s; see xlstmctl %s --help\n", report->name, problem, what,
		report->name);
	return VERB_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_options(
	const struct report *report, int argc, char **argv, struct request *request) {
	const struct option options[] = {
		{ "database", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ report->number_option, required_argument, NULL, 'n' },
		{ 0 },
	};
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'd': request->database = optarg; break;
		case 'j': request->json = true; break;
		case 'n':
			if (num_read_int(span_text(optarg), &request->number) < 0 ||
				request->number < 1)
				return usage_error(report, "not a positive number: ", optarg);
			break;
		case 'h': print_usage(report); return VERB_OK;
		default:
			return usage_error(report,
				"wrong option: ", optind > 1 ? argv[optind - 1] : argv[argc - 1]);
		}
	}

	if (optind < argc && report->takes_argument)
		request->argument = argv[optind++];
	if (optind < argc)
		return usage_error(report, "one argument too many: ", argv[optind]);
	if (report->needs_argument && !request->argument)
		return usage_error(report, "an argument is missing", "");
	return -1;
}

static int open_failure(const struct request *request, int code) {
	fprintf(stderr, "xlstmctl: %s: %s\n", request->database, error_text(code));
	if (code == -EACCES)
		fprintf(stderr, "xlstmctl: members of the database's group may read it\n");
	return VERB_FAILED;
}

int report_run(const struct report *report, int argc, char **argv) {
	struct request request = { .database = REPORT_DATABASE };
	struct query *query;
	int status = parse_options(report, argc, argv, &request);
	if (status >= 0)
		return status;

	int r = query_open(&query, request.database);
	if (r < 0)
		return open_failure(&request, r);

	status = report->print(query, &request);
	query_close(query);
	return status;
}

int report_failure(struct query *query, int code) {
	fprintf(stderr, "xlstmctl: %s (%s)\n", error_text(code), query_message(query));
	return VERB_FAILED;
}

int report_rows(
	struct query *query, const struct request *request, const char *sql, const char *empty) {
	char number[NUM_TEXT_MAX];
	struct span texts[] = { span_text(request->argument),
		request->number ? span_of(number, num_write_int(number, request->number))
				: SPAN_EMPTY };
	struct output *output = NULL;
	struct rows *rows;

	int r = query_rows(query, sql, texts, 2, &rows);
	if (r < 0)
		return report_failure(query, r);

	r = output_create_from(&output, rows);
	rows_close(rows);
	if (r < 0)
		return report_failure(query, r);

	bool found = output_row_count(output) > 0;
	if (!found)
		fprintf(stderr, "xlstmctl: %s\n", empty);
	if (found || request->json)
		r = output_print(output, stdout, request->json);
	output_destroy(output);
	if (r < 0)
		return report_failure(query, r);
	return !found && request->argument ? VERB_FAILED : VERB_OK;
}
