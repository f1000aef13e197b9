/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GALLERY_H
#define CLI_GALLERY_H

#include "chart.h"
#include "forecast_view.h"

#include <stddef.h>

/* The series being watched, each with its latest forecast and what has been observed since we
 * look. */

#define GALLERY_SERIES_MAX 10000

/* Observations kept of a series: more than any terminal has dots across. */
#define GALLERY_HISTORY_MAX 2048

struct exhibit {
	struct forecast_view forecast;
	struct chart_point *history;
	size_t count;
	size_t capacity;
};

struct gallery {
	struct exhibit **exhibits; /* in order of appearance */
	size_t count;
	size_t capacity;
	struct table *names; /* series to index */
};

/* 0 or -ENOMEM. */
int gallery_init(struct gallery *gallery);
void gallery_finish(struct gallery *gallery);

/* Takes in the JSON of a forecast. Returns the index of its series, E_SYNTAX, E_TOO_MANY_SERIES or
 * -ENOMEM. */
int gallery_add(struct gallery *gallery, struct span json);

/* The index of a series, -1 if it has not appeared. */
int gallery_find(const struct gallery *gallery, const char *series);

/* The chart of a series, valid until its next forecast. reach: see chart.h. */
struct chart gallery_chart(const struct gallery *gallery, size_t index, double reach);

#endif
