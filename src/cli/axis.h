/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_AXIS_H
#define CLI_AXIS_H

#include <stddef.h>
#include <stdint.h>

/* Ticks that people like to read, and their labels. */

#define AXIS_LABEL_MAX 32

/* The smallest of 1, 2 or 5 times a power of ten that cuts `range` (above 0) into at most `most`
 * parts. */
double axis_value_step(double range, int most);

/* A value with as many decimals as the step between ticks needs: "4.25", "-1200", "1.5e-07". */
void axis_value_label(char label[AXIS_LABEL_MAX], double value, double step);

/* A value by itself, with four significant digits or all of its integer part. */
void axis_number(char label[AXIS_LABEL_MAX], double value);

/* The smallest of 1, 2, 5, 10, 15 or 30 s or min, 1, 2, 3, 6 or 12 h, or whole days, of which at
 * most `most` fit into `range_ms`. */
int64_t axis_time_step(int64_t range_ms, int most);

/* The first tick at or after the time: ticks are multiples of the step in local time. */
int64_t axis_time_first(int64_t time_ms, int64_t step_ms);

/* "14:35:10", "14:35" or, at midnight and for steps of days, "Nov 22"; local time. */
void axis_time_label(char label[AXIS_LABEL_MAX], int64_t time_ms, int64_t step_ms);

#endif
