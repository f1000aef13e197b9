/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include "chance.h"
#include "relatives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for the past that the longest season reaches back to. */
#define RING 4096

/* Half of the points of a first window are among so many ticks. */
#define EARLY_TICKS 48

/* Ticks between two at which the size of a series' errors is looked at. */
#define SIZE_STRIDE 8

/* A lead of a series counts by its errors over the size that the anchors' errors have there, with
 * this part of how far values stray added. */
#define REACH_SHARE 0.1

/* Where there is no season, a series is young for so many ticks. */
#define YOUNG_TICKS 64

struct lane {
	const struct lane_source *source;
	uint32_t index;
	uint64_t number; /* of the series, from 1 */
	uint32_t window; /* the next one */
	uint32_t windows; /* of the series */
	struct random random; /* which ticks are scored */
	struct train_series series;
	int64_t recorded; /* number of the series, -1: none, or it has no relatives */
	double scales[NETWORK_LEADS];
	struct track track;
	double filled[RING], profile[SERIES_SEASON_MAX];
	uint8_t visits[SERIES_SEASON_MAX];
	struct track_view view;
};

int lane_create(struct lane **ret_lane, const struct lane_source *source, uint32_t index) {
	struct lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return -ENOMEM;
	lane->source = source;
	lane->index = index;
	lane->view = (struct track_view){ .track = &lane->track,
		.filled = lane->filled,
		.length = RING,
		.leads = NETWORK_LEADS,
		.profile = lane->profile,
		.visits = lane->visits };
	*ret_lane = lane;
	return 0;
}

void lane_destroy(struct lane *lane) {
	free(lane);
}

/* Chance of the lane's series, or of that of all lanes which show relatives together. */
static void draw_for(const struct lane *lane, uint32_t index, struct random *random) {
	random_init(
		random, lane->source->seed ^ (lane->number << 32 | index) * 0x9e3779b97f4a7c15U);
}

/* Windows that the lane's next series has; draws nothing else, so that seeking is cheap. */
static uint32_t begin_series(struct lane *lane, struct random *random) {
	static const double shares[] = { 0.42, 0.2, 0.16, 0.13, 0.09 };
	bool together = lane->source->relatives != NULL;
	lane->number++;
	draw_for(lane, together ? lane->index / LANE_COMPANY : lane->index, random);
	lane->window = 0;
	lane->windows = 1U << draw_share(random, shares, 5);
	return lane->windows;
}

static void restart(struct lane *lane) {
	memset(&lane->track, 0, sizeof(lane->track));
	memset(lane->profile, 0, sizeof(lane->profile));
	memset(lane->visits, 0, sizeof(lane->visits));
}

static void step(struct lane *lane, uint32_t t) {
	if (t == lane->series.awake)
		track_set_seasons(&lane->view, lane->series.m1, lane->series.m2);
	track_step(&lane->view, lane->series.values[t]);
}

static double target(const struct lane *lane, uint32_t t, int i) {
	return lane->series.values[t + network_leads[i]] - lane->track.last;
}

static void add_units(const struct lane *lane, double units[NETWORK_LEADS]) {
	for (int i = 0; i < NETWORK_LEADS; i++) {
		struct network_lead lead;
		network_lead_init(&lead, &lane->view, network_leads[i]);
		units[i] += SIZE_STRIDE * lead.unit;
	}
}

/* Walks over the series beforehand to learn how large errors are at each lead. */
static void measure(struct lane *lane) {
	double units[NETWORK_LEADS] = { 0 }, reaches[NETWORK_LEADS] = { 0 };
	restart(lane);
	for (uint32_t t = 0; t < lane->series.ticks; t++) {
		step(lane, t);
		if (t % SIZE_STRIDE == 0)
			add_units(lane, units);
		for (int i = 0; i < NETWORK_LEADS; i++) {
			double reach = fabs(target(lane, t, i));
			reaches[i] += isnan(reach) ? 0 : reach;
		}
	}
	for (int i = 0; i < NETWORK_LEADS; i++)
		lane->scales[i] =
			(units[i] + REACH_SHARE * reaches[i]) / lane->series.ticks + 1e-12;
	restart(lane);
}

/* The lane's part of a series and its relatives; false: there are fewer. */
static bool take_relative(struct lane *lane, struct random *random, uint32_t ticks) {
	const struct lane_source *source = lane->source;
	struct stretch stretch = recorded_choose(source->recorded, random, source->held_out, ticks);
	size_t member = stretch.series, rank = lane->index % LANE_COMPANY;
	if (rank > 0 && !relatives_nearest(source->relatives, member, rank - 1, &member))
		return false;
	recorded_cut(source->recorded, &stretch, member, ticks, &lane->series);
	lane->recorded = (int64_t)member;
	return true;
}

/* With relatives: all lanes of a company draw the same until each has what is its own. */
static void make_together(
	struct lane *lane, struct synthetic_room *room, struct random *random, uint32_t ticks) {
	const struct lane_source *source = lane->source;
	bool recorded = draw_chance(random, source->recorded_share);
	bool taken = recorded && take_relative(lane, random, ticks);
	draw_for(lane, LANE_COMPANY + lane->index, random);
	if (recorded && !taken)
		recorded_take(source->recorded, random, source->held_out, ticks, &lane->series);
	else if (!recorded)
		synthetic_make(room, random, ticks, &lane->series);
}

static void make_series(struct lane *lane, struct synthetic_room *room, struct random *random) {
	const struct lane_source *source = lane->source;
	uint32_t ticks = lane->windows * LANE_WINDOW;
	lane->recorded = -1;
	if (source->relatives)
		make_together(lane, room, random, ticks);
	else if (source->recorded && draw_chance(random, source->recorded_share))
		recorded_take(source->recorded, random, source->held_out, ticks, &lane->series);
	else
		synthetic_make(room, random, ticks, &lane->series);
	lane->random = *random;
	measure(lane);
}

static struct network_clock clock_at(const struct train_series *series, uint32_t t) {
	if (series->start < 0)
		return (struct network_clock){ .day = NAN, .week = NAN };
	double days = (double)(series->start + t) / series->per_day;
	return (struct network_clock){ days - floor(days), days / 7 - floor(days / 7) };
}

/* Marks `count` different ones of [from, to). */
static void mark(struct random *random, bool *marks, size_t from, size_t to, size_t count) {
	while (count > 0) {
		size_t at = from + draw_below(random, to - from);
		count -= !marks[at];
		marks[at] = true;
	}
}

static void choose_points(struct lane *lane, bool marks[LANE_WINDOW]) {
	memset(marks, 0, LANE_WINDOW * sizeof(*marks));
	if (lane->window > 0) {
		mark(&lane->random, marks, 0, LANE_WINDOW, LANE_POINTS);
		return;
	}
	mark(&lane->random, marks, 0, EARLY_TICKS, LANE_POINTS / 2);
	mark(&lane->random, marks, EARLY_TICKS, LANE_WINDOW, LANE_POINTS / 2);
}

static void score(struct lane *lane, uint32_t t, struct lane_point *point) {
	uint32_t m1 = lane->series.m1;
	point->tick = t % LANE_WINDOW;
	point->early = t < (m1 ? 2 * m1 : YOUNG_TICKS);
	for (int i = 0; i < NETWORK_LEADS; i++) {
		network_lead_init(&point->leads[i], &lane->view, network_leads[i]);
		point->targets[i] = target(lane, t, i);
	}
}

static void walk_window(struct lane *lane, struct lane_window *window) {
	bool marks[LANE_WINDOW];
	uint32_t first = lane->window * LANE_WINDOW, scored = 0;
	choose_points(lane, marks);
	for (uint32_t i = 0; i < LANE_WINDOW; i++) {
		struct network_clock clock = clock_at(&lane->series, first + i);
		step(lane, first + i);
		network_inputs(&lane->view, &clock, window->inputs + i * NETWORK_INPUTS);
		if (marks[i])
			score(lane, first + i, &window->points[scored++]);
	}
}

void lane_seek(struct lane *lane, uint64_t windows, struct synthetic_room *room) {
	static _Thread_local struct lane_window passed;
	struct random random;
	uint64_t at = 0;
	if (windows == 0)
		return;
	while (at + begin_series(lane, &random) < windows)
		at += lane->windows;
	make_series(lane, room, &random);
	for (; at < windows; at++, lane->window++)
		walk_window(lane, &passed);
}

void lane_next(struct lane *lane, struct synthetic_room *room, struct lane_window *window) {
	window->fresh = lane->window == lane->windows;
	if (window->fresh) {
		struct random random;
		begin_series(lane, &random);
		make_series(lane, room, &random);
	}
	window->series = lane->recorded;
	memcpy(window->scales, lane->scales, sizeof(window->scales));
	walk_window(lane, window);
	lane->window++;
}
