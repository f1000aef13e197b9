/* SPDX-License-Identifier: Apache-2.0 */
#include "near_perceptron.h"

#include <math.h>
#include <string.h>

/* Of these inputs: those of the linear experts but for what the nearest forecast; what the series tells by
 * itself; and the same of the nearest and of the picture. */
#define LINEAR_INPUTS (NEAR_INPUTS - BOARD_LEADS)
_Static_assert(LINEAR_INPUTS + 3 * BOARD_TOLD == PERCEPTRON_INPUTS, "all inputs have their place");

/* Inputs are limited to this many scales. */
#define INPUT_MAX 8.0F

/* Leads that the perceptron forecasts, between which is interpolated: the first, and so many eighths of the
 * horizon. */
static const uint32_t eighths[PERCEPTRON_OUTPUTS] = { 0, 1, 2, 4, 6, 8 };

static uint32_t output_lead(uint32_t horizon, int k) {
	uint32_t lead = horizon * eighths[k] / 8;
	return lead > 1 ? lead : 1;
}

static uint32_t told_lead(uint32_t horizon, uint32_t k) {
	uint32_t lead = horizon >> (BOARD_LEADS - 1 - k);
	return lead > 1 ? lead : 1;
}

static double limited(double value, double limit) {
	return fmax(fmin(value, limit), -limit);
}

/* What a series forecasts by itself, where the middle of its values is meant: the network's median, or
 * `alone` without a network. */
static double own_forecast(const struct panel *panel, uint32_t h) {
	return panel->network_awake ? panel->network[h - 1][QUANTILE_MEDIAN]
				    : (double)panel->forecasts[EXPERT_ALONE][h - 1];
}

/* The same of a forecast that waits. */
static double own_forecast_then(const struct pending *pending) {
	float alone = pending->experts[EXPERT_ALONE];
	return (double)(isnan(pending->median) ? alone : pending->median);
}

/* What the series' own forecast of h ticks ago left over of the newest value, in scales of then; NAN if it
 * made none. */
static double left_over(const struct panel *panel, const struct row *row, struct lead lead,
	struct pending *pending) {
	if (!row_waiting(row, lead, row->tick - lead.h, pending))
		return NAN;
	return panel->labels[lead.h - 1] - own_forecast_then(pending);
}

void near_perceptron_learn(const struct panel *panel, const struct row *row,
	const struct near_seat *near, uint32_t arrived) {
	uint32_t horizon = row->layout->horizon, series = near->hood->seats[near->seat].series;
	for (struct lead lead = FIRST_LEAD; lead.h <= arrived;
		lead = lead_next(row->layout, lead)) {
		struct pending pending;
		uint64_t origin = row->tick - lead.h;
		double left = left_over(panel, row, lead, &pending);
		for (int k = 0; k < PERCEPTRON_OUTPUTS && !isnan(left); k++)
			if (output_lead(horizon, k) == lead.h)
				replay_label(near->hood->replay,
					row->near_examples[origin % horizon], series, origin,
					(uint32_t)k, (float)left);
	}
}

/* Errors, in scales, of what the series forecast by itself for now; 0 where it did not. */
static void write_errors(
	struct panel *panel, const struct row *row, uint32_t arrived, float errors[BOARD_LEADS]) {
	panel_label(panel, row, arrived);
	memset(errors, 0, BOARD_LEADS * sizeof(*errors));
	for (struct lead lead = FIRST_LEAD; lead.h <= arrived;
		lead = lead_next(row->layout, lead)) {
		struct pending pending;
		double left = left_over(panel, row, lead, &pending);
		double error = left * pending.origin.scale / row->scale;
		for (uint32_t k = 0; k < BOARD_LEADS && !isnan(left); k++)
			if (told_lead(row->layout->horizon, k) == lead.h)
				errors[k] = (float)limited(error, BOARD_LIMIT);
	}
}

void near_tell(struct panel *panel, const struct row *row, const struct near_seat *near,
	const struct moment *at, uint32_t waiting) {
	float told[BOARD_TOLD];
	if (!near->hood || at->step_ms == 0 || row->head->history.missing > 0)
		return;
	double level = (row->anchor - row->head->history.mean) / row->scale;
	for (uint32_t k = 0; k < BOARD_LEADS; k++) {
		double forecast = own_forecast(panel, told_lead(row->layout->horizon, k));
		told[k] = (float)limited(level + forecast, BOARD_LIMIT);
	}
	write_errors(panel, row, waiting, told + BOARD_LEADS);
	neighbourhood_tell(near->hood, near->seat, at, told);
}

/* What the series told of itself, its forecasts relative to the newest value as they are. */
static void write_own(const struct panel *panel, const struct row *row,
	const struct near_seat *near, float to[BOARD_TOLD]) {
	const struct board_seat *seat = &near->hood->seats[near->seat];
	const float *told = board_told(seat, seat->slot);
	memset(to, 0, BOARD_TOLD * sizeof(*to));
	for (uint32_t k = 0; k < BOARD_LEADS; k++) {
		to[k] = (float)own_forecast(panel, told_lead(row->layout->horizon, k));
		to[BOARD_LEADS + k] = told ? told[BOARD_LEADS + k] : 0;
	}
}

static void write_inputs(const struct panel *panel, const struct row *row,
	const struct near_seat *near, const struct moment *at, const float linear[NEAR_INPUTS],
	float to[PERCEPTRON_INPUTS]) {
	float *own = to + LINEAR_INPUTS, *others = own + BOARD_TOLD;
	memcpy(to, linear, LINEAR_INPUTS * sizeof(*to));
	write_own(panel, row, near, own);
	neighbourhood_look_told(near->hood, near->seat, at, others, others + BOARD_TOLD);
	if (row->layout->options.blind)
		memset(others, 0, 2 * BOARD_TOLD * sizeof(*others));
	for (int i = 0; i < PERCEPTRON_INPUTS; i++)
		to[i] = fmaxf(fminf(to[i], INPUT_MAX), -INPUT_MAX);
}

/* Outputs at lead h. */
static double between(const float outputs[PERCEPTRON_OUTPUTS], uint32_t horizon, uint32_t h) {
	int k = 0;
	while (k + 2 < PERCEPTRON_OUTPUTS && output_lead(horizon, k + 1) <= h)
		k++;
	double from = output_lead(horizon, k), to = output_lead(horizon, k + 1);
	double share = to > from ? (h - from) / (to - from) : 1;
	return (double)outputs[k] + share * ((double)outputs[k + 1] - (double)outputs[k]);
}

void near_perceptron_run(struct panel *panel, const struct row *row, const struct near_seat *near,
	const struct moment *at, const float inputs[NEAR_INPUTS], bool offers) {
	float all[PERCEPTRON_INPUTS], outputs[PERCEPTRON_OUTPUTS];
	uint32_t horizon = row->layout->horizon;
	struct neighbourhood *hood = near->hood;
	write_inputs(panel, row, near, at, inputs, all);
	perceptron_forecast(hood->perceptron, all, outputs);
	for (uint32_t h = 1; h <= horizon; h++)
		panel->forecasts[EXPERT_NEIGHBOURS_PERCEPTRON][h - 1] =
			within_reach(own_forecast(panel, h) + between(outputs, horizon, h));
	row->near_examples[row->tick % horizon] =
		offers ? replay_offer(hood->replay, hood->head->room,
				 hood->seats[near->seat].series, row->tick, all)
		       : REPLAY_NONE;
}
