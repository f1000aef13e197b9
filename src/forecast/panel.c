/* SPDX-License-Identifier: Apache-2.0 */
#include "panel.h"

#include "network_outputs.h"
#include "random.h"

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
	for (uint32_t h = 0; h < horizon; h++)
		panel->near_median[h] = NAN;
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

/* The origin of h ticks ago; false where it is not known, at another level, or no observation of its own. */
static bool origin_of(const struct row *row, struct lead lead, struct origin *ret_origin) {
	struct pending pending;
	if (row->tick - lead.h < row->head->level_start)
		return false;
	if (row->origins) {
		*ret_origin = *row_origin(row, row->tick - lead.h);
		return true;
	}
	if (!row_waiting(row, lead, row->tick - lead.h, &pending) || pending.assumed)
		return false;
	*ret_origin = pending.origin;
	return true;
}

void panel_label(struct panel *panel, const struct row *row, uint32_t waiting) {
	for (uint32_t h = 1; h <= waiting; h++)
		panel->labels[h - 1] = NAN;
	for (struct lead lead = FIRST_LEAD; lead.h <= waiting;
		lead = lead_next(row->layout, lead)) {
		struct origin origin;
		if (!origin_of(row, lead, &origin) || row->scale > SCALE_GROWTH_MAX * origin.scale)
			continue;
		panel->labels[lead.h - 1] = (row->anchor - origin.anchor) / origin.scale;
		panel->scales[lead.h - 1] = origin.scale;
	}
}

/* Labels without what the season's profile had said. */
static void label_deviations(struct panel *panel, const struct row *row, uint32_t waiting) {
	const struct seasonal *seasonal = &row->head->seasonal[row_season(row)];
	double now = seasonal_is_awake(seasonal) ? seasonal->before : inputs_profile(row, 0);
	for (uint32_t h = 1; h <= waiting; h++) {
		double step = now - inputs_profile(row, -(int64_t)h);
		panel->deviations[h - 1] = panel->labels[h - 1] - step / panel->scales[h - 1];
	}
}

/* Puts back what the season's profile says. */
static void add_profile(float *forecasts, const struct row *row) {
	double now = inputs_profile(row, 0);
	for (uint32_t h = 1; h <= row->layout->horizon; h++)
		forecasts[h - 1] += (float)((inputs_profile(row, h) - now) / row->scale);
}

/* What was forecast at kept leads alone, at all of them. */
static void spread_leads(const struct row_layout *layout, float *forecasts) {
	float kept[HORIZON_MAX];
	memcpy(kept, forecasts, layout->leads_count * sizeof(*kept));
	for (uint32_t h = 1; h <= layout->horizon; h++) {
		uint32_t lower = layout->lower[h - 1];
		float share = layout->share[h - 1];
		forecasts[h - 1] = share == 0
					   ? kept[lower]
					   : kept[lower] + share * (kept[lower + 1] - kept[lower]);
	}
}

/* The labels that arrived teach a brief state, whose inputs of then can be made again. */
static void teach_deviations(struct panel *panel, const struct row *row, uint32_t arrived) {
	const struct rls_shape *shape = &row->layout->linear[LINEAR_SEASON];
	for (struct lead lead = FIRST_LEAD; lead.h <= arrived;
		lead = lead_next(row->layout, lead)) {
		if (isnan(panel->deviations[lead.h - 1]))
			continue;
		inputs_write_deviations(row, lead.h, panel->scales[lead.h - 1], panel->inputs);
		rls_teach(shape, row->linear[LINEAR_SEASON], lead.index, panel->inputs,
			panel->deviations[lead.h - 1], row_layout_stride(row->layout, lead.h));
	}
}

static void run_linear(struct panel *panel, const struct row *row, const struct siblings *siblings,
	enum linear kind, uint32_t arrived) {
	const struct rls_shape *shape = &row->layout->linear[kind];
	float *forecasts = panel->forecasts[linear_experts[kind]];
	if (shape->brief)
		teach_deviations(panel, row, arrived);
	inputs_write(row, siblings, kind, panel->inputs);
	rls_step(shape, row->linear[kind], forecasts,
		kind == LINEAR_SEASON ? panel->deviations : panel->labels, arrived, panel->inputs,
		row->head->history.missing == 0);
	if (shape->brief)
		spread_leads(row->layout, forecasts);
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
	if (kind == LINEAR_SEASON && !row->layout->linear[kind].brief &&
		!seasonal_is_awake(&row->head->seasonal[row_season(row)]))
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

	panel_label(panel, row, arrived);
	label_deviations(panel, row, arrived);
	for (int kind = 0; kind < LINEARS; kind++) {
		if (!linear_is_awake(row, siblings, kind))
			continue;
		run_linear(panel, row, siblings, kind, arrived);
	}
}

/* Mixes the closed-form experts. */
static void run_closed(struct panel *panel, const struct row *row) {
	for (uint32_t h = 1; h <= row->layout->horizon; h++) {
		float forecasts[EXPERTS];
		struct mix buffer;
		for (int e = 0; e < EXPERTS_FIRST; e++)
			forecasts[e] = panel->forecasts[e][h - 1];
		panel->forecasts[EXPERT_CLOSED][h - 1] = (float)mix_forecast(
			row_mix(row, h, &buffer), forecasts, 0, EXPERTS_FIRST, h);
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

/* What the head corrects at lead h: the closed mix, in a lean row, where that knows less, its mix with
 * the network. */
static double head_base(const struct row *row, const float experts[EXPERTS], uint32_t h) {
	float two[EXPERTS];
	struct mix buffer;
	if (!row_layout_is_lean(row->layout))
		return (double)experts[EXPERT_CLOSED];
	memcpy(two, experts, sizeof(two));
	two[EXPERT_HEAD] = NAN;
	return mix_second(row_mix(row, h, &buffer), two, h);
}

/* Takes what the head's base had forecast out of the labels. */
static void label_leftovers(double *labels, const struct row *row, uint32_t waiting) {
	for (struct lead lead = FIRST_LEAD; lead.h <= waiting;
		lead = lead_next(row->layout, lead)) {
		struct pending pending;
		bool kept = row_waiting(row, lead, row->tick - lead.h, &pending);
		labels[lead.h - 1] -= kept ? head_base(row, pending.experts, lead.h) : NAN;
	}
}

/* Adds the head's base to what it says. */
static void add_base(struct panel *panel, const struct row *row) {
	float experts[EXPERTS];
	for (uint32_t h = 1; h <= row->layout->horizon; h++) {
		for (int e = 0; e < EXPERTS; e++)
			experts[e] = panel->forecasts[e][h - 1];
		float *forecast = &panel->forecasts[EXPERT_HEAD][h - 1];
		*forecast = within_reach((double)*forecast + head_base(row, experts, h));
	}
}

/* The features along a few random directions, which keep most of what a linear map can use. */
static void project(const struct network_voice *voice, float *to, uint32_t directions) {
	float gain = FEATURE_GAIN / sqrtf((float)directions);
	for (uint32_t d = 0; d < directions; d++) {
		float sum = 0;
		uint64_t signs = 0;
		for (uint32_t i = 0; i < voice->width; i++, signs >>= 1) {
			if (i % 64 == 0)
				signs = random_bits((uint64_t)d << 32 | i / 64);
			sum += signs & 1 ? voice->features[i] : -voice->features[i];
		}
		to[d] = gain * sum;
	}
}

static void write_head_inputs(
	struct panel *panel, const struct rls_shape *shape, const struct network_voice *voice) {
	memset(panel->inputs, 0, rls_stride(shape) * sizeof(*panel->inputs));
	if (shape->brief)
		project(voice, panel->inputs, shape->inputs - 1);
	for (uint32_t i = 0; i < voice->width && !shape->brief; i++)
		panel->inputs[i] = FEATURE_GAIN * voice->features[i];
	panel->inputs[shape->inputs - 1] = 1;
}

/* Where the head's inputs of a waiting forecast are kept; NULL if that origin is not. */
static uint16_t *kept_inputs(const struct row *row, struct lead lead, uint64_t origin) {
	uint32_t place;
	bool kept = row_place(row, lead, origin, &place);
	return kept ? row->head_inputs + place * rls_stride(&row->layout->head) : NULL;
}

/* The leftovers that arrived teach a brief head. */
static void teach_head(struct panel *panel, const struct row *row, uint32_t arrived) {
	const struct rls_shape *shape = &row->layout->head;
	for (struct lead lead = FIRST_LEAD; lead.h <= arrived;
		lead = lead_next(row->layout, lead)) {
		const uint16_t *kept = kept_inputs(row, lead, row->tick - lead.h);
		if (!kept || isnan(panel->labels[lead.h - 1]))
			continue;
		brief_read_floats(kept, rls_stride(shape), panel->inputs);
		rls_teach(shape, row->head_state, lead.index, panel->inputs,
			panel->labels[lead.h - 1], row_layout_stride(row->layout, lead.h));
	}
}

static void keep_head_inputs(const struct panel *panel, const struct row *row) {
	for (struct lead lead = FIRST_LEAD; lead.h <= row->layout->horizon;
		lead = lead_next(row->layout, lead)) {
		uint16_t *kept = kept_inputs(row, lead, row->tick);
		if (kept)
			brief_write_floats(panel->inputs, rls_stride(&row->layout->head), kept);
	}
}

/* The head of the series' own: what its base leaves over, linear in the features. */
static void run_head(struct panel *panel, const struct row *row, const struct network_voice *voice,
	uint32_t arrived) {
	const struct rls_shape *shape = &row->layout->head;
	float *forecasts = panel->forecasts[EXPERT_HEAD];
	label_leftovers(panel->labels, row, arrived);
	if (shape->brief)
		teach_head(panel, row, arrived);
	write_head_inputs(panel, shape, voice);
	rls_step(shape, row->head_state, forecasts, panel->labels, arrived, panel->inputs,
		row->head->history.missing == 0);
	if (shape->brief) {
		keep_head_inputs(panel, row);
		spread_leads(row->layout, forecasts);
	}
	add_base(panel, row);
}

/* The complete mix without neighbours. */
static void run_alone(struct panel *panel, const struct row *row) {
	for (uint32_t h = 1; h <= row->layout->horizon && row->near_state; h++) {
		float forecasts[EXPERTS];
		struct mix buffer;
		for (int e = 0; e < EXPERT_ALONE; e++)
			forecasts[e] = panel->forecasts[e][h - 1];
		panel->forecasts[EXPERT_ALONE][h - 1] =
			(float)mix_second(row_mix(row, h, &buffer), forecasts, h);
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

/* Bytes of the forecasts of one expert that are kept, and of the network's quantiles. */
static size_t line_size(const struct row_layout *layout) {
	return layout->horizon * sizeof(float);
}

static size_t network_size(const struct row_layout *layout) {
	return layout->horizon * sizeof(((struct panel *)NULL)->network[0]);
}

size_t panel_kept_size(const struct row_layout *layout) {
	return sizeof(bool) + EXPERT_NEIGHBOURS * line_size(layout) + network_size(layout);
}

void panel_keep(const struct panel *panel, const struct row_layout *layout, void *to) {
	unsigned char *at = to;
	*at++ = panel->network_awake;
	for (int e = 0; e < EXPERT_NEIGHBOURS; e++, at += line_size(layout))
		memcpy(at, panel->forecasts[e], line_size(layout));
	memcpy(at, panel->network, network_size(layout));
}

void panel_resume(struct panel *panel, const struct row_layout *layout, const void *from) {
	const unsigned char *at = from;
	sleep_all(panel, layout->horizon);
	panel->network_awake = *at++;
	for (int e = 0; e < EXPERT_NEIGHBOURS; e++, at += line_size(layout))
		memcpy(panel->forecasts[e], at, line_size(layout));
	memcpy(panel->network, at, network_size(layout));
}
