/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_COMPARE_H
#define SYSTEM_COMPARE_H

#include "process.h"

/*
 * The databases of two daemons against each other. In a query `@` stands for the one that is being
 * looked at.
 */

#define OF_SERIES(columns, table)                                                                  \
	"SELECT s.name, " columns " FROM @." table " t JOIN @.series s ON s.id = t.series"

/* A digit of the hexadecimal text of a state. */
#define DIGIT(at) "(instr('0123456789ABCDEF', substr(hex(bytes), " #at ", 1)) - 1)"

/* A state begins with a header of 268 bytes, the length of its clock at 8, and its clock, which
 * remembers when it heard last; what follows has been learned. */
#define CLOCK_BYTES "16 * " DIGIT(17) " + " DIGIT(18) " + 4096 * " DIGIT(19) " + 256 * " DIGIT(20)
#define LEARNED                                                                                    \
	"SELECT d.name, layout, substr(bytes, 269 + " CLOCK_BYTES ")"                              \
	" FROM @.state t JOIN @.detector d ON d.id = t.detector"

/* Rows that are in one of the two and not in the other. */
double compare_rows(const struct process *one, const struct process *other, const char *query);

#endif
