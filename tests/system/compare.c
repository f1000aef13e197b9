/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>

static void print_query(FILE *to, const char *query, const char *database) {
	for (; *query; query++) {
		if (*query == '@')
			fputs(database, to);
		else
			fputc(*query, to);
	}
}

double compare_rows(const struct process *one, const struct process *other, const char *query) {
	char sql[3072];
	FILE *to = fmemopen(sql, sizeof(sql), "w");

	if (!to)
		abort();
	fprintf(to, "ATTACH '%s' AS other; SELECT (SELECT count(*) FROM (",
		process_file(other, "xlstmd.db"));
	print_query(to, query, "main");
	fputs(" EXCEPT ", to);
	print_query(to, query, "other");
	fputs(")) + (SELECT count(*) FROM (", to);
	print_query(to, query, "other");
	fputs(" EXCEPT ", to);
	print_query(to, query, "main");
	fputs("))", to);
	if (fclose(to) != 0)
		abort();
	return process_query_number(one, sql);
}
