/* SPDX-License-Identifier: Apache-2.0 */
#include "forecaster.h"

#include "settle.h"

#include <math.h>

/* Before there is any error to go by, a value is expected to move by this part of itself. */
#define FIRST_GUESS 0.1

/* Forecasts scored at lead 1, and at the last lead, before a series has a skill. */
#define WARM_FIRST 20
#define WARM_LAST  4

/* How large the error of the next value is expected to be before any was seen. */
static double first_guess(const struct row *row) {
	if (row->head->history.seen > 1)
		return row->scale;
	return row->anchor != 0 ? FIRST_GUESS * fabs(row->anchor) : FIRST_GUESS;
}

/* Mixes the experts at one lead and puts quantiles around the mean. *size: expected absolute error
 * of the next shorter lead, then of this one. */
static struct pending issue_lead(
	const struct row *row, const struct panel *panel, uint32_t h, double *size) {
	struct pending pending;
	for (int e = 0; e < EXPERTS; e++)
		pending.experts[e] = panel->forecasts[e][h - 1];
	pending.mean = (float)mix_forecast(&row->mix[h - 1], pending.experts);
	*size = calibrate_size(&row->calibrate[h - 1], h, *size);
	calibrate_quantiles(&row->calibrate[h - 1], (double)pending.mean, *size / row->scale,
		pending.quantiles);
	return pending;
}

/* Forecasts at every lead, for the reader and for the time when the observations arrive. */
static void issue(const struct row *row, const struct panel *panel, struct outlook *outlook) {
	uint32_t horizon = row->layout->horizon;
	double size = first_guess(row);
	for (struct lead lead = FIRST_LEAD; lead.h <= horizon; lead = lead_next(lead)) {
		struct pending issued = issue_lead(row, panel, lead.h, &size);
		struct pending *waiting = row_pending(row, lead, row->tick);
		if (waiting)
			*waiting = issued;
		outlook->mean[lead.h - 1] = (float)(row->anchor + row->scale * (double)issued.mean);
		for (uint32_t q = 0; q < QUANTILES; q++)
			outlook->quantiles[q * horizon + lead.h - 1] =
				(float)(row->anchor + row->scale * (double)issued.quantiles[q]);
	}
	*row_origin(row, row->tick) = (struct origin){ row->anchor, row->scale };
}

/* Over all leads; NAN while warming. */
static double skill_of(const struct row *row) {
	const struct tally *tallies = row->tallies;
	uint32_t horizon = row->layout->horizon;
	double own = 0, persistence = 0;
	if (tallies[0].n < WARM_FIRST || tallies[horizon - 1].n < WARM_LAST)
		return NAN;
	for (uint32_t h = 0; h < horizon; h++) {
		own += tallies[h].absolute / fmax(tallies[h].weight, 1);
		persistence += tallies[h].persistence / fmax(tallies[h].weight, 1);
	}
	return persistence > 0 ? 1 - own / persistence : 0;
}

static void step_channel(const struct row *row, const struct siblings *siblings,
	struct panel *panel, struct outlook *outlook) {
	struct row_head *head = row->head;
	uint32_t horizon = row->layout->horizon;
	uint32_t waiting = head->run < horizon ? (uint32_t)head->run : horizon;
	head->anomaly = 0;
	if (head->history.missing == 0)
		settle(row, waiting);
	panel_run(panel, row, siblings, waiting);
	issue(row, panel, outlook);
	head->run++;
	outlook->observed = head->history.missing ? NAN : row->anchor;
	outlook->missing = head->history.missing;
	outlook->seen = head->history.seen;
	outlook->anomaly = head->anomaly;
	outlook->skill = skill_of(row);
}

static struct siblings siblings_of(
	const struct forecaster *forecaster, const struct row *rows, uint32_t channel) {
	struct siblings siblings = { 0 };
	uint32_t most = forecaster->layout->options.cross_channels;
	for (uint32_t c = 0; c < forecaster->channels && siblings.count < most; c++) {
		if (c == channel)
			continue;
		bool begun = forecaster->rows[c] && !row_is_fresh(&rows[c]);
		siblings.rows[siblings.count++] = begun ? &rows[c] : NULL;
	}
	return siblings;
}

void forecaster_step(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, struct outlook *outlooks) {
	struct row *rows = workspace->rows;
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		if (!forecaster->rows[c])
			continue;
		rows[c] = row_open(forecaster->layout, forecaster->rows[c]);
		if (tick_includes(tick, c))
			row_accept(&rows[c], tick->number, tick->values[c], forecaster->step_ms);
	}
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		if (!forecaster->rows[c] || !tick_includes(tick, c))
			continue;
		struct siblings siblings = siblings_of(forecaster, rows, c);
		step_channel(&rows[c], &siblings, &workspace->panel, &outlooks[c]);
	}
}

void row_expert_forecasts(const struct row *row, double (*to)[HORIZON_MAX]) {
	struct lead lead = FIRST_LEAD;
	for (; lead.h <= row->layout->horizon; lead = lead_next(lead)) {
		const struct pending *pending = row_pending(row, lead, row->tick);
		for (int e = 0; e < EXPERTS; e++)
			to[e][lead.h - 1] =
				pending ? row->anchor + row->scale * (double)pending->experts[e]
					: NAN;
	}
}
