/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGHBOURS_BED_H
#define NEIGHBOURS_BED_H

#include "road.h"

#include <stdbool.h>

#define HORIZON 4
#define MEMBERS 6
#define TICKS   900
#define WARM    300

/* Detectors along a road: the first is a noisy walk, the others see the same, each a tick later. */
struct bed {
	struct registry *registry;
	struct engine *engine;
	struct batch *batch;
	struct detector *detectors[MEMBERS];
	float forecasts[MEMBERS][HORIZON];
	double errors[MEMBERS][HORIZON]; /* sums of absolute errors after WARM */
	double values[TICKS][MEMBERS];
	int absent; /* the first ones, of which no reading comes */
	struct xlstm_model *model; /* NULL: no network */
	double median_errors[MEMBERS]; /* as errors, of the medians */
};

/* Opens the bed with its model; its values stay as they are. blind: the members see nobody. */
void bed_open_with(struct bed *bed, const char *group, bool blind);
void bed_open(struct bed *bed, const char *group);
void bed_close(struct bed *bed);

void make_road(struct bed *bed);

/* One period; order: who comes first, forwards or backwards. */
void bed_feed(struct bed *bed, int t, int order);
void bed_feed_all(struct bed *bed);

/* An empty bed as the state of a test. */
int bed_set_up(void **state);
int bed_tear_down(void **state);

#endif
