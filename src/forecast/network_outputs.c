/* SPDX-License-Identifier: Apache-2.0 */
#include "network_outputs.h"

#include <math.h>

#define STEP_LIMIT 8.0F

/* Distances between neighbouring quantiles of the normal distribution from the median outwards,
 * in units of the mean absolute deviation: times sqrt(pi / 2). */
static const double quantile_steps[NETWORK_STEPS / 2] = { 0.2533 * 1.2533, 0.2711 * 1.2533,
	0.3172 * 1.2533, 0.4399 * 1.2533 };

static struct network_place place_of(uint32_t h) {
	uint32_t lower = 0;
	while (lower < NETWORK_LEADS - 2 && network_leads[lower + 1] <= h)
		lower++;
	double from = network_leads[lower], to = network_leads[lower + 1];
	return (struct network_place){ lower, h >= to ? 1 : log(h / from) / log(to / from) };
}

static double young(const struct track *track, enum track_anchor anchor, double prior, double w) {
	const struct track_error *pair = &track->anchors[anchor];
	return fmax(track->floor, (pair->sum + w * prior) / (pair->mass + w));
}

static void anchor_errors(const struct track *track, struct network_place place, uint32_t h,
	double errors[NETWORK_ANCHORS]) {
	double last =
		track->e[place.lower] * (1 - place.share) + track->e[place.lower + 1] * place.share;
	errors[0] = errors[2] = last;
	errors[1] = young(track, TRACK_LEVEL, last, h);
	errors[3] = young(track, TRACK_SEASON1, errors[1], h / 4.0);
	errors[4] = young(track, TRACK_PROFILE, errors[3], h / 4.0);
	errors[5] = young(track, TRACK_SEASON2, errors[3], h / 4.0);
}

/* exp(-4 ln(E / E_last)), half of that for the fast level. */
static void weigh_anchors(struct network_lead *lead, const double errors[NETWORK_ANCHORS],
	const bool there[NETWORK_ANCHORS]) {
	double sum = 0, weighted = 0;
	for (int k = 0; k < NETWORK_ANCHORS; k++) {
		double ratio = errors[0] / errors[k];
		double weight = ratio * ratio * ratio * ratio * (k == 2 ? 0.5 : 1);
		lead->weights[k] = there[k] ? weight : 0;
		sum += lead->weights[k];
		weighted += lead->weights[k] * errors[k];
	}
	lead->unit = weighted / sum;
}

static void set_corrections(struct network_lead *lead, const struct track *track) {
	bool known1 = track_knows(track, track->m1), known2 = track_knows(track, track->m2);
	lead->corrections[0] = known1 ? track->d1 : 0;
	lead->corrections[1] = known1 ? track->dp : 0;
	lead->corrections[2] = known2 ? track->d2 : 0;
	lead->corrections[3] = track->last - track->fast;
	lead->corrections[4] = track->fast - track->middle;
}

void network_lead_init(struct network_lead *lead, const struct track_view *view, uint32_t h) {
	const struct track *track = view->track;
	bool there[NETWORK_ANCHORS] = { true, true, true };
	double errors[NETWORK_ANCHORS], value = 0;
	lead->place = place_of(h);
	lead->anchors[0] = 0;
	lead->anchors[1] = track->level - track->last;
	lead->anchors[2] = track->fast - track->last;
	there[3] = track_filled(view, track->m1, h, &value);
	lead->anchors[3] = there[3] ? value - track->last : 0;
	there[4] = track_profile(view, h, &value);
	lead->anchors[4] = there[4] ? value - track->last : 0;
	there[5] = track_filled(view, track->m2, h, &value);
	lead->anchors[5] = there[5] ? value - track->last : 0;
	anchor_errors(track, lead->place, h, errors);
	weigh_anchors(lead, errors, there);
	set_corrections(lead, track);
}

static void row_at(const float *outputs, struct network_place place, float row[NETWORK_LEAD_ROW]) {
	const float *lower = outputs + place.lower * NETWORK_LEAD_ROW;
	float share = (float)place.share;
	for (int i = 0; i < NETWORK_LEAD_ROW; i++)
		row[i] = lower[i] * (1 - share) + lower[NETWORK_LEAD_ROW + i] * share;
}

static double corrections(const struct network_lead *lead, const float *coefficients) {
	double sum = 0;
	for (int j = 0; j < NETWORK_CORRECTIONS; j++)
		sum += (double)coefficients[j] * lead->corrections[j];
	return sum;
}

/* The anchors' weights with the network's gates, not normalised; returns their sum. The largest gate
 * is taken out first, so that exp stays in range. */
static double gate(
	const struct network_lead *lead, const float *gates, double weights[NETWORK_ANCHORS]) {
	float top = -INFINITY;
	double sum = 0;
	for (int k = 0; k < NETWORK_ANCHORS; k++)
		if (lead->weights[k] > 0)
			top = fmaxf(top, gates[k]);
	for (int k = 0; k < NETWORK_ANCHORS; k++) {
		weights[k] =
			lead->weights[k] > 0 ? lead->weights[k] * (double)expf(gates[k] - top) : 0;
		sum += weights[k];
	}
	return sum;
}

static double gated(const struct network_lead *lead, const float *gates) {
	double weights[NETWORK_ANCHORS], weighted = 0;
	double sum = gate(lead, gates, weights);
	for (int k = 0; k < NETWORK_ANCHORS; k++)
		weighted += weights[k] * lead->anchors[k];
	return weighted / sum;
}

static double quantile_step(const float *steps, int i, double unit) {
	float limited = fmaxf(fminf(steps[i], STEP_LIMIT), -STEP_LIMIT);
	return (double)expf(limited) * quantile_steps[i % (NETWORK_STEPS / 2)] * unit;
}

void network_lead_quantiles(const struct network_lead *lead, const float outputs[NETWORK_OUTPUTS],
	double quantiles[QUANTILES]) {
	float row[NETWORK_LEAD_ROW];
	row_at(outputs, lead->place, row);
	const float *coefficients = row + NETWORK_ANCHORS;
	const float *steps = coefficients + NETWORK_CORRECTIONS + 1;
	double median = gated(lead, row) + corrections(lead, coefficients) +
			(double)coefficients[NETWORK_CORRECTIONS] * lead->unit;
	quantiles[QUANTILE_MEDIAN] = median;
	for (int i = 0; i < NETWORK_STEPS / 2; i++) {
		quantiles[QUANTILE_MEDIAN - i - 1] =
			quantiles[QUANTILE_MEDIAN - i] - quantile_step(steps, i, lead->unit);
		quantiles[QUANTILE_MEDIAN + i + 1] =
			quantiles[QUANTILE_MEDIAN + i] +
			quantile_step(steps, NETWORK_STEPS / 2 + i, lead->unit);
	}
}

static void gate_slopes(const struct network_lead *lead, const float *gates, double median_slope,
	double slopes[NETWORK_ANCHORS]) {
	double weights[NETWORK_ANCHORS];
	double sum = gate(lead, gates, weights), centre = gated(lead, gates);
	for (int k = 0; k < NETWORK_ANCHORS; k++)
		slopes[k] = median_slope * weights[k] / sum * (lead->anchors[k] - centre);
}

/* A step moves its own quantile and all beyond it. */
static void step_slopes(const struct network_lead *lead, const float *steps,
	const double quantile_slopes[QUANTILES], double slopes[NETWORK_STEPS]) {
	double below = 0, above = 0;
	for (int i = NETWORK_STEPS / 2 - 1; i >= 0; i--) {
		int up = NETWORK_STEPS / 2 + i;
		below += quantile_slopes[QUANTILE_MEDIAN - i - 1];
		above += quantile_slopes[QUANTILE_MEDIAN + i + 1];
		slopes[i] = fabsf(steps[i]) < STEP_LIMIT
				    ? -below * quantile_step(steps, i, lead->unit)
				    : 0;
		slopes[up] = fabsf(steps[up]) < STEP_LIMIT
				     ? above * quantile_step(steps, up, lead->unit)
				     : 0;
	}
}

void network_lead_slopes(const struct network_lead *lead, const float outputs[NETWORK_OUTPUTS],
	const double quantile_slopes[QUANTILES], float slopes[NETWORK_OUTPUTS]) {
	float row[NETWORK_LEAD_ROW], *lower = slopes + lead->place.lower * NETWORK_LEAD_ROW;
	double row_slopes[NETWORK_LEAD_ROW], median_slope = 0;
	double *coefficients = row_slopes + NETWORK_ANCHORS;
	const int first_step = NETWORK_LEAD_ROW - NETWORK_STEPS;
	row_at(outputs, lead->place, row);
	for (int q = 0; q < QUANTILES; q++)
		median_slope += quantile_slopes[q];
	gate_slopes(lead, row, median_slope, row_slopes);
	for (int j = 0; j < NETWORK_CORRECTIONS; j++)
		coefficients[j] = median_slope * lead->corrections[j];
	coefficients[NETWORK_CORRECTIONS] = median_slope * lead->unit;
	step_slopes(lead, row + first_step, quantile_slopes, row_slopes + first_step);
	for (int i = 0; i < NETWORK_LEAD_ROW; i++) {
		lower[i] += (float)(row_slopes[i] * (1 - lead->place.share));
		lower[NETWORK_LEAD_ROW + i] += (float)(row_slopes[i] * lead->place.share);
	}
}

void network_quantiles(const struct track_view *view, const float outputs[NETWORK_OUTPUTS],
	uint32_t h, double quantiles[QUANTILES]) {
	struct network_lead lead;
	network_lead_init(&lead, view, h);
	network_lead_quantiles(&lead, outputs, quantiles);
}
