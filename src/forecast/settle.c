/* SPDX-License-Identifier: Apache-2.0 */
#include "settle.h"

#include <math.h>

/* Errors of experts count up to this many scales. */
#define ERROR_MAX 20.0

/* The predicted range ends this many times as far from the median as the 80% interval: where the
 * 99.9% interval of a normal distribution would. It widens by RANGE_STEP when a value has left it, and
 * narrows so slowly that in the long run RANGE_MISSES of the values do, whatever their tails. */
#define RANGE        2.5677
#define RANGE_STEP   1.0
#define RANGE_MISSES 0.001
#define RANGE_LEAST  -1.0
#define RANGE_MOST   20.0

/* The value that many ticks ago; NAN if the past does not reach so far. */
static double value_ago(const struct row *row, uint64_t ago) {
	return ago < row->layout->history_length && ago <= row->tick ? row_back(row, ago) : NAN;
}

/* Last season's value for now, as it could have been forecast h ticks ago; NAN without one. */
static double season_ago(const struct row *row, uint32_t h) {
	uint32_t period = row->head->seasonal[SLOT_SLOW].period;
	return period ? value_ago(row, ((uint64_t)h + period - 1) / period * period) : NAN;
}

/* How far this value is from the one a season ago, or a step ago. */
static void note_change(const struct row *row) {
	uint32_t period = row->head->seasonal[SLOT_SLOW].period;
	change_add(&row->head->change, row->anchor, value_ago(row, period ? period : 1));
}

/* 0..1 inside the predicted range, above 1 outside. */
static double anomaly(const struct row_head *head, const struct pending *pending, double y) {
	double median = (double)pending->quantiles[QUANTILE_MEDIAN];
	double edge = (double)pending->quantiles[y > median ? QUANTILES - 1 : 0];
	double reach = (RANGE + head->widening) * fabs(edge - median);
	double distance = fabs(y - median);
	return distance == 0 ? 0 : distance / fmax(reach, 1e-9 * distance);
}

static void judge(
	struct row_head *head, const struct pending *pending, double y, struct settled *settled) {
	double median = (double)pending->quantiles[QUANTILE_MEDIAN];
	settled->expected = pending->origin.anchor + pending->origin.scale * median;
	settled->anomaly = anomaly(head, pending, y);
	head->widening += RANGE_STEP * ((settled->anomaly > 1) - RANGE_MISSES);
	head->widening = fmax(fmin(head->widening, RANGE_MOST), RANGE_LEAST);
}

static void add_errors(
	struct settled *settled, const struct pending *pending, double y, double unit) {
	double network = fabs(y - (double)pending->experts[EXPERT_NETWORK]) * unit;
	double closed = fabs(y - (double)pending->experts[EXPERT_CLOSED]) * unit;
	if (isnan(network) || isnan(closed))
		return;
	settled->network += fmin(network, ERROR_MAX);
	settled->closed += fmin(closed, ERROR_MAX);
}

static void score_centre(
	const struct row *row, struct lead lead, const struct pending *pending, double y) {
	float candidates[CENTRES];
	double unit = row->head->unit;
	centre_candidates(pending, candidates);
	centre_score(&row->centre[lead.index], candidates, y, pending->origin.scale / unit,
		ERROR_MAX * row->scale / unit);
}

static void settle_lead(const struct row *row, struct lead lead, const struct pending *pending,
	struct settled *settled) {
	const struct origin *origin = &pending->origin;
	uint32_t h = lead.h, stride = row_layout_stride(row->layout, h);
	double y = (row->anchor - origin->anchor) / origin->scale;
	double season = (season_ago(row, h) - origin->anchor) / origin->scale;
	double unit = row->head->unit;
	mix_score(&row->mix[lead.index], pending->experts, y, origin->scale / unit,
		ERROR_MAX * row->scale / unit, stride);
	if (row->centre)
		score_centre(row, lead, pending, y);
	struct issued issued = { .centre = (double)pending->centre,
		.spread = pending->spread,
		.unit = origin->scale,
		.stride = stride,
		.quantiles = pending->quantiles };
	calibrate_settle(&row->calibrate[lead.index], h, y, &issued);
	tally_add(&row->tallies[lead.index], y, (double)pending->mean, pending->quantiles, season,
		origin->scale);
	add_errors(settled, pending, y, origin->scale / row->scale);
	if (h == 1)
		judge(row->head, pending, y, settled);
}

struct settled settle(const struct row *row, uint32_t waiting) {
	struct settled settled = { 0 };
	note_change(row);
	if (row->head->unit == 0)
		row->head->unit = row->scale;
	for (struct lead lead = FIRST_LEAD; lead.h <= waiting;
		lead = lead_next(row->layout, lead)) {
		struct pending pending;
		if (row_waiting(row, lead, row->tick - lead.h, &pending))
			settle_lead(row, lead, &pending, &settled);
	}
	return settled;
}
