/* SPDX-License-Identifier: Apache-2.0 */
#include "panel.h"

#include "network_outputs.h"

#include <math.h>
#include <string.h>

/* The network's features as inputs of the head. */
#define FEATURE_GAIN 0.3F

/* An origin whose scale has grown this many times since says nothing: the series had not begun to
 * move. */
#define SCALE_GROWTH_MAX 4.0

static void sleep_all(struct panel *panel, uint32_t horizon) {
	for (int e = 0; e < EXPERTS; e++)
		for (uint32_t h = 0; h < horizon; h++)
			panel->forecasts[e][h] = NAN;
}

static void run_constant(float *forecasts, const struct row *row, double level) {
	for (uint32_t h = 0; h < row->layout->horizon; h++)
		forecasts[h] = within_reach((level - row->anchor) / row->scale);
}

static void run_seasonal(float *forecasts, const struct row *row, enum seasonal_slot slot) {
	const struct seasonal *seasonal = &row->head->seasonal[slot];
	for (uint32_t h = 1; h <= row->layout->horizon && seasonal_is_awake(seasonal); h++) {
		double value = seasonal_profile(seasonal, row->profiles[slot], h) + seasonal->level;
		forecasts[h - 1] = within_reach((value - row->anchor) / row->scale);
	}
}

/* How far this observation lies from each origin that waits for it, in the origin's scale. */
static void label_values(double *labels, const struct row *row, uint32_t waiting) {
	for (uint32_t h = 1; h <= waiting; h++) {
		const struct origin *origin = row_origin(row, row->tick - h);
		bool sound = row->scale <= SCALE_GROWTH_MAX * origin->scale;
		labels[h - 1] = sound ? (row->anchor - origin->anchor) / origin->scale : NAN;
	}
}

void panel_label(struct panel *panel, const struct row *row, uint32_t waiting) {
	label_values(panel->labels, row, waiting);
}

/* Labels without what the season's profile had said. */
static void label_deviations(
	double *deviations, const double *labels, const struct row *row, uint32_t waiting) {
	enum seasonal_slot slot = row_season(row);
	const struct seasonal *seasonal = &row->head->seasonal[slot];
	for (uint32_t h = 1; h <= waiting && seasonal_is_awake(seasonal); h++) {
		uint32_t ahead = seasonal->period - h % seasonal->period;
		double then = seasonal_profile(seasonal, row->profiles[slot], ahead);
		double step = (seasonal->before - then) / row_origin(row, row->tick - h)->scale;
		deviations[h - 1] = labels[h - 1] - step;
	}
}

/* Puts back what the season's profile says. */
static void add_profile(float *forecasts, const struct row *row) {
	enum seasonal_slot slot = row_season(row);
	const struct seasonal *seasonal = &row->head->seasonal[slot];
	double now = seasonal_profile(seasonal, row->profiles[slot], 0);
	for (uint32_t h = 1; h <= row->layout->horizon; h++) {
		double then = seasonal_profile(seasonal, row->profiles[slot], h);
		forecasts[h - 1] += (float)((then - now) / row->scale);
	}
}

static void run_linear(struct panel *panel, const struct row *row, const struct siblings *siblings,
	enum linear kind, uint32_t arrived) {
	const struct rls_shape *shape = &row->layout->linear[kind];
	float *forecasts = panel->forecasts[linear_experts[kind]];
	inputs_write(row, siblings, kind, panel->inputs);
	rls_step(shape, row->linear[kind], forecasts,
		kind == LINEAR_SEASON ? panel->deviations : panel->labels, arrived, panel->inputs,
		row->head->history.missing == 0);
	if (kind == LINEAR_SEASON)
		add_profile(forecasts, row);
	for (uint32_t h = 0; h < row->layout->horizon; h++)
		forecasts[h] = within_reach((double)forecasts[h]);
}

/* Whether an expert has what it needs. */
static bool linear_is_awake(
	const struct row *row, const struct siblings *siblings, enum linear kind) {
	if (kind == LINEAR_CROSS && siblings->count == 0)
		return false;
	if (kind == LINEAR_SEASON && !seasonal_is_awake(&row->head->seasonal[row_season(row)]))
		return false;
	return row->linear[kind] != NULL;
}

void panel_run(struct panel *panel, const struct row *row, const struct siblings *siblings,
	uint32_t waiting) {
	const struct row_layout *layout = row->layout;
	uint32_t arrived = row->head->history.missing ? 0 : waiting;
	sleep_all(panel, layout->horizon);
	if (row_layout_has(layout, EXPERT_PERSISTENCE))
		run_constant(panel->forecasts[EXPERT_PERSISTENCE], row, row->anchor);
	if (row_layout_has(layout, EXPERT_SMOOTH))
		run_constant(panel->forecasts[EXPERT_SMOOTH], row, row->head->smooth);
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++)
		if (row_layout_has(layout, seasonal_experts[slot]))
			run_seasonal(panel->forecasts[seasonal_experts[slot]], row, slot);

	label_values(panel->labels, row, arrived);
	label_deviations(panel->deviations, panel->labels, row, arrived);
	for (int kind = 0; kind < LINEARS; kind++) {
		if (!linear_is_awake(row, siblings, kind))
			continue;
		run_linear(panel, row, siblings, kind, arrived);
	}
}

/* Mixes the closed-form experts. */
static void run_closed(struct panel *panel, const struct row *row) {
	for (uint32_t h = 0; h < row->layout->horizon; h++) {
		float forecasts[EXPERTS];
		for (int e = 0; e < EXPERTS_FIRST; e++)
			forecasts[e] = panel->forecasts[e][h];
		panel->forecasts[EXPERT_CLOSED][h] =
			(float)mix_forecast(&row->mix[h], forecasts, 0, EXPERTS_FIRST, h + 1);
	}
}

/* The network's quantiles and their mean. */
static void run_network(struct panel *panel, const struct row *row, const float *outputs) {
	double last = row->track.track->last;
	for (uint32_t h = 1; h <= row->layout->horizon; h++) {
		double *quantiles = panel->network[h - 1], sum = 0;
		network_quantiles(&row->track, outputs, h, quantiles);
		for (int q = 0; q < QUANTILES; q++) {
			quantiles[q] = (last + quantiles[q] - row->anchor) / row->scale;
			sum += quantiles[q];
		}
		panel->forecasts[EXPERT_NETWORK][h - 1] = within_reach(sum / QUANTILES);
	}
}

/* Takes what the closed mix had forecast out of the labels. */
static void label_leftovers(double *labels, const struct row *row, uint32_t waiting) {
	for (struct lead lead = FIRST_LEAD; lead.h <= waiting; lead = lead_next(lead)) {
		const struct pending *pending = row_pending(row, lead, row->tick - lead.h);
		labels[lead.h - 1] -= pending ? (double)pending->experts[EXPERT_CLOSED] : NAN;
	}
}

/* The head of the series' own: what the closed mix leaves over, linear in the features. */
static void run_head(struct panel *panel, const struct row *row, const struct network_voice *voice,
	uint32_t arrived) {
	const struct rls_shape *shape = &row->layout->head;
	float *forecasts = panel->forecasts[EXPERT_HEAD];
	memset(panel->inputs, 0, rls_stride(shape) * sizeof(*panel->inputs));
	for (uint32_t i = 0; i < voice->width; i++)
		panel->inputs[i] = FEATURE_GAIN * voice->features[i];
	panel->inputs[voice->width] = 1;
	label_leftovers(panel->labels, row, arrived);
	rls_step(shape, row->head_state, forecasts, panel->labels, arrived, panel->inputs,
		row->head->history.missing == 0);
	for (uint32_t h = 0; h < row->layout->horizon; h++)
		forecasts[h] = within_reach(
			(double)forecasts[h] + (double)panel->forecasts[EXPERT_CLOSED][h]);
}

/* The complete mix without neighbours. */
static void run_alone(struct panel *panel, const struct row *row) {
	for (uint32_t h = 0; h < row->layout->horizon && row->near_state; h++) {
		float forecasts[EXPERTS];
		for (int e = 0; e < EXPERT_ALONE; e++)
			forecasts[e] = panel->forecasts[e][h];
		panel->forecasts[EXPERT_ALONE][h] =
			(float)mix_second(&row->mix[h], forecasts, h + 1);
	}
}

void panel_run_network(struct panel *panel, const struct row *row,
	const struct network_voice *voice, uint32_t waiting) {
	panel->network_awake = voice != NULL;
	run_closed(panel, row);
	if (voice)
		run_network(panel, row, voice->outputs);
	if (voice && row_layout_has(row->layout, EXPERT_HEAD))
		run_head(panel, row, voice, row->head->history.missing ? 0 : waiting);
	run_alone(panel, row);
}
