/* SPDX-License-Identifier: Apache-2.0 */
#include "forecaster.h"

#include "near_perceptron.h"
#include "network_inputs.h"

#include <math.h>
#include <string.h>

/* Before there is any error to go by, a value is expected to move by this part of itself. */
#define FIRST_GUESS 0.1

/* From the width of the 80% interval to the mean absolute error of a normal distribution, and the
 * least spread, in scales. */
#define SPREAD_OF_RANGE (0.79788 / 2.56310)
#define LEAST_SPREAD    1e-7

/* Errors that a guess of their size counts for. The network's counts for more, at long leads, whose
 * errors overlap, for many; each error that has been seen takes one away. */
#define GUESSES         2.0
#define NETWORK_GUESSES 16.0
#define LEAD_GUESSES    8.0

/* Part of the scores that outweigh the trust in the network's mean, after which its quantiles' shape is no
 * longer looked at. */
#define SHAPE_TRUST 0.5

/* Forecasts scored at lead 1, and at the last lead, before a series has a skill. */
#define WARM_FIRST 20
#define WARM_LAST  4

/* How large the error of the next value is expected to be before any was seen. */
static double first_guess(const struct row *row) {
	if (row->head->history.seen > 1)
		return row->scale;
	return row->anchor != 0 ? FIRST_GUESS * fabs(row->anchor) : FIRST_GUESS;
}

/* The network's expected absolute error at lead h; without a network one unit of the readings, so
 * that the running mean of errors speaks alone. */
static double spread_at(const struct row *row, const struct panel *panel, uint32_t h) {
	if (!panel->network_awake)
		return 1 / row->scale;
	const double *quantiles = panel->network[h - 1];
	return fmax((quantiles[QUANTILES - 1] - quantiles[0]) * SPREAD_OF_RANGE, LEAST_SPREAD);
}

/* Expected absolute error at lead h before any was seen, in the unit of the readings; shorter: that
 * of lead h - 1. */
static double guess_at(const struct row *row, const struct panel *panel, uint32_t h, double spread,
	double shorter) {
	if (panel->network_awake)
		return spread * row->scale;
	return h > 1 ? shorter * sqrt((double)h / (h - 1)) : first_guess(row);
}

/* Errors that the guess counts for at lead h, of which `scored` forecasts have been scored. */
static double guesses_at(const struct panel *panel, uint32_t h, double scored) {
	double guesses = NETWORK_GUESSES + LEAD_GUESSES * h - scored;
	return panel->network_awake ? fmax(GUESSES, guesses) : GUESSES;
}

/* How far the network is still trusted there to know how errors of this series are spread: 1 where
 * nothing was scored yet, 0 where the positions of the quantiles have learned it. */
static double shape_trust_at(const struct panel *panel, uint32_t h, double scored) {
	return panel->network_awake ? fmax(0, 1 - scored / (SHAPE_TRUST * mix_trust(h))) : 0;
}

/* What the network puts where the centre of the quantiles will be: its median, or its mean where no median
 * is kept. */
static double middle_of(const struct row *row, const double quantiles[QUANTILES]) {
	double mean = 0;
	if (row->centre)
		return quantiles[QUANTILE_MEDIAN];
	for (int q = 0; q < QUANTILES; q++)
		mean += quantiles[q] / QUANTILES;
	return mean;
}

/* What errors of size one are taken to be distributed like: as far as it is trusted as the network
 * says around its own middle, else normal. */
static void shape_at(const struct row *row, const struct panel *panel, uint32_t h, double spread,
	double trust, double shape[QUANTILES]) {
	const double *quantiles = panel->network[h - 1];
	double middle = trust > 0 ? middle_of(row, quantiles) : 0;
	for (int q = 0; q < QUANTILES; q++) {
		double own = trust > 0 ? (quantiles[q] - middle) / spread : 0;
		shape[q] = trust * own + (1 - trust) * calibrate_normal[q];
	}
}

/* Mixes the experts at one lead. */
static void mix_lead(
	const struct row *row, const struct panel *panel, uint32_t h, struct pending *pending) {
	struct mix buffer;
	float candidates[CENTRES];
	const struct mix *mix = row_mix(row, h, &buffer);
	for (int e = 0; e < EXPERTS; e++)
		pending->experts[e] = panel->forecasts[e][h - 1];
	pending->mean = (float)(row->near_state ? mix_last(mix, pending->experts)
						: mix_second(mix, pending->experts, h));
	pending->median =
		panel->network_awake ? within_reach(panel->network[h - 1][QUANTILE_MEDIAN]) : NAN;
	pending->near_median = panel->near_median[h - 1];
	pending->centre = pending->mean;
	if (!row->centre)
		return;
	centre_candidates(pending, candidates);
	pending->centre = (float)centre_mix(&row->centre[h - 1], candidates, h);
}

/* Mixes the experts at one lead and puts quantiles around the centre. *size: expected absolute error
 * of the next shorter lead in the unit of the readings, then of this one. */
static struct pending issue_lead(
	const struct row *row, const struct panel *panel, uint32_t h, double *size) {
	struct pending pending = { .origin = { row->anchor, row->scale },
		.assumed = row->head->history.missing > 0 };
	struct mix mix_buffer;
	struct calibrate buffer;
	const struct calibrate *calibrate = row_calibrate(row, h, &buffer);
	double shape[QUANTILES], scored = row_mix(row, h, &mix_buffer)->scored[EXPERT_CLOSED];
	mix_lead(row, panel, h, &pending);
	pending.spread = spread_at(row, panel, h);
	shape_at(row, panel, h, pending.spread, shape_trust_at(panel, h, scored), shape);
	*size = calibrate_size(calibrate, pending.spread * row->scale,
		guess_at(row, panel, h, pending.spread, *size), guesses_at(panel, h, scored));
	calibrate_quantiles(
		calibrate, (double)pending.centre, *size / row->scale, shape, pending.quantiles);
	return pending;
}

/* What the reader gets of one lead. */
static void tell_lead(
	const struct row *row, const struct pending *issued, uint32_t h, struct outlook *outlook) {
	outlook->mean[h - 1] = (float)(row->anchor + row->scale * (double)issued->mean);
	for (uint32_t q = 0; q < QUANTILES; q++)
		outlook->quantiles[q * row->layout->horizon + h - 1] =
			(float)(row->anchor + row->scale * (double)issued->quantiles[q]);
}

/* Forecasts at every lead, for the reader and for the time when the observations arrive. */
static void issue(const struct row *row, const struct panel *panel, struct outlook *outlook) {
	struct lead lead = FIRST_LEAD;
	double size = 0;
	for (uint32_t h = 1; h <= row->layout->horizon; h++) {
		struct pending issued = issue_lead(row, panel, h, &size);
		tell_lead(row, &issued, h, outlook);
		if (h != lead.h)
			continue;
		row_keep(row, lead, &issued);
		lead = lead_next(row->layout, lead);
	}
	if (row->origins)
		*row_origin(row, row->tick) = (struct origin){ row->anchor, row->scale };
}

/* Over all leads; NAN while warming. */
static double skill_of(const struct row *row) {
	const struct tally *tallies = row->tallies;
	uint32_t leads = row->layout->leads_count;
	double own = 0, persistence = 0;
	if (tallies[0].n < WARM_FIRST || tallies[leads - 1].n < WARM_LAST)
		return NAN;
	for (uint32_t i = 0; i < leads; i++) {
		own += tallies[i].absolute / fmax(tallies[i].weight, 1);
		persistence += tallies[i].persistence / fmax(tallies[i].weight, 1);
	}
	return persistence > 0 ? 1 - own / persistence : 0;
}

/* Also false where anything is NAN. */
static bool is_sound(const struct outlook *outlook, uint32_t horizon) {
	for (uint32_t h = 0; h < horizon; h++) {
		float below = -INFINITY;
		if (!isfinite(outlook->mean[h]))
			return false;
		for (uint32_t q = 0; q < QUANTILES; q++) {
			float quantile = outlook->quantiles[q * horizon + h];
			if (!isfinite(quantile) || quantile < below)
				return false;
			below = quantile;
		}
	}
	return true;
}

static void start_over(const struct row *row, struct outlook *outlook) {
	memset(row->head, 0, row->layout->size);
	outlook->seen = 0;
	outlook->restarted = true;
}

/* Origins before this tick that wait for its value. */
static uint32_t waiting_of(const struct row *row) {
	uint32_t horizon = row->layout->horizon;
	return row->head->run < horizon ? (uint32_t)row->head->run : horizon;
}

/* Settles, learns, and forecasts what the series knows by itself. */
static void step_alone(const struct row *row, const struct siblings *siblings,
	const struct network_voice *voice, struct panel *panel, struct outlook *outlook) {
	struct row_head *head = row->head;
	uint32_t waiting = waiting_of(row);
	outlook->settled = (struct settled){ 0 };
	if (head->history.missing == 0)
		outlook->settled = settle(row, waiting);
	panel_run(panel, row, siblings, waiting);
	panel_run_network(panel, row, voice, waiting);
}

static void finish_channel(
	const struct row *row, const struct panel *panel, struct outlook *outlook) {
	struct row_head *head = row->head;
	issue(row, panel, outlook);
	head->run++;
	outlook->observed = head->history.missing ? NAN : row->anchor;
	outlook->missing = head->history.missing;
	outlook->seen = head->history.seen;
	outlook->anomaly = outlook->settled.anomaly;
	outlook->skill = skill_of(row);
	outlook->restarted = false;
	if (!is_sound(outlook, row->layout->horizon))
		start_over(row, outlook);
}

/* What the guards make of the outlook. */
static void guard(
	const struct guards *guards, const struct row *row, double value, struct outlook *outlook) {
	uint32_t horizon = row->layout->horizon;
	bool possible = guards_allow(guards, value);
	outlook->impossible = possible ? NAN : value;
	outlook->anomaly =
		possible ? guards_judge(guards, outlook->anomaly, value, outlook->settled.expected)
			 : guards_judge_impossible(guards, value);
	guards_clip(guards, outlook->mean, horizon);
	guards_clip(guards, outlook->quantiles, QUANTILES * horizon);
}

/* A channel that is known but has not begun is the same as one that nobody has heard of yet: which of
 * the two it is depends on when the tick is pulled. */
static struct siblings siblings_of(
	const struct forecaster *forecaster, const struct row *rows, uint32_t channel) {
	struct siblings siblings = { 0 };
	uint32_t most = forecaster->layout->options.cross_channels;
	uint32_t at = 0;
	for (uint32_t c = 0; c < forecaster->channels && at < most; c++) {
		if (c == channel)
			continue;
		if (forecaster->rows[c] && !row_is_fresh(&rows[c])) {
			siblings.rows[at] = &rows[c];
			siblings.count = at + 1;
		}
		at++;
	}
	return siblings;
}

static void tell_neighbours(const struct forecaster *forecaster, const struct tick *tick,
	const struct row *row, uint32_t channel) {
	const struct near_seat *near = &forecaster->near[channel];
	struct moment at = { forecaster->slot_ms, tick->time_ms };
	if (near->hood && at.step_ms > 0 && row->head->history.missing == 0)
		neighbourhood_post(near->hood, near->seat, &at, row->anchor,
			row->head->history.mean, row->scale);
}

void forecaster_advance(const struct forecaster *forecaster, const struct tick *tick) {
	struct moment at = { forecaster->slot_ms, tick->time_ms };
	for (uint32_t c = 0; c < forecaster->channels; c++)
		if (forecaster->near[c].hood && at.step_ms > 0 && tick_includes(tick, c))
			neighbourhood_advance(forecaster->near[c].hood, &at);
}

uint32_t forecaster_accept(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, float *inputs, void **states) {
	struct network_clock clock = network_clock_at(tick->time_ms);
	uint32_t count = 0;
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		if (!forecaster->rows[c] || !tick_includes(tick, c))
			continue;
		struct row *row = &workspace->rows[c];
		*row = row_open(forecaster->layout, forecaster->rows[c]);
		double value = tick->values[c];
		row_accept(row, tick->number, guards_allow(forecaster->guards, value) ? value : NAN,
			forecaster->step_ms);
		tell_neighbours(forecaster, tick, row, c);
		if (!row_has_network(row))
			continue;
		network_inputs(&row->track, &clock, inputs + count * NETWORK_INPUTS);
		states[count++] = row->network_state;
	}
	return count;
}

/* Whether the tick has anything for a channel. */
static bool includes(const struct forecaster *forecaster, const struct tick *tick, uint32_t c) {
	return forecaster->rows[c] && tick_includes(tick, c);
}

static void open_rows(const struct forecaster *forecaster, struct row rows[CHANNELS_MAX]) {
	for (uint32_t c = 0; c < forecaster->channels; c++)
		if (forecaster->rows[c])
			rows[c] = row_open(forecaster->layout, forecaster->rows[c]);
}

size_t forecaster_kept_size(const struct forecaster *forecaster) {
	return forecaster->layout->has_near
		       ? forecaster->channels * panel_kept_size(forecaster->layout)
		       : 0;
}

void forecaster_step(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, const struct network_voice *voices, void *kept,
	struct outlook *outlooks) {
	struct row *rows = workspace->rows;
	struct moment at = { forecaster->slot_ms, tick->time_ms };
	unsigned char *keep = kept;
	open_rows(forecaster, rows);
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		if (!includes(forecaster, tick, c))
			continue;
		struct siblings siblings = siblings_of(forecaster, rows, c);
		const struct network_voice *voice = row_has_network(&rows[c]) ? voices++ : NULL;
		step_alone(&rows[c], &siblings, voice, &workspace->panel, &outlooks[c]);
		if (rows[c].near_state) {
			near_tell(&workspace->panel, &rows[c], &forecaster->near[c], &at,
				waiting_of(&rows[c]));
			panel_keep(&workspace->panel, forecaster->layout,
				keep + c * panel_kept_size(forecaster->layout));
			continue;
		}
		finish_channel(&rows[c], &workspace->panel, &outlooks[c]);
		guard(forecaster->guards, &rows[c], tick->values[c], &outlooks[c]);
	}
}

void forecaster_step_near(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, const void *kept, struct outlook *outlooks) {
	struct row *rows = workspace->rows;
	struct panel *panel = &workspace->panel;
	struct moment at = { forecaster->slot_ms, tick->time_ms };
	const unsigned char *from = kept;
	if (!forecaster->layout->has_near)
		return;
	open_rows(forecaster, rows);
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		if (!includes(forecaster, tick, c))
			continue;
		panel_resume(
			panel, forecaster->layout, from + c * panel_kept_size(forecaster->layout));
		near_run(panel, &rows[c], &forecaster->near[c], &at, waiting_of(&rows[c]));
		finish_channel(&rows[c], panel, &outlooks[c]);
		guard(forecaster->guards, &rows[c], tick->values[c], &outlooks[c]);
	}
}

void row_expert_forecasts(const struct row *row, double (*to)[HORIZON_MAX]) {
	for (int e = 0; e < EXPERTS; e++)
		for (uint32_t h = 0; h < row->layout->horizon; h++)
			to[e][h] = NAN;
	struct lead lead = FIRST_LEAD;
	for (; lead.h <= row->layout->horizon; lead = lead_next(row->layout, lead)) {
		struct pending pending;
		bool kept = row_waiting(row, lead, row->tick, &pending);
		for (int e = 0; e < EXPERTS && kept; e++)
			to[e][lead.h - 1] = row->anchor + row->scale * (double)pending.experts[e];
	}
}
