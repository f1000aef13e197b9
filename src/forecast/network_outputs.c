/* SPDX-License-Identifier: Apache-2.0 */
#include "network_outputs.h"

#include <math.h>

#define STEP_LIMIT 8.0F

/* Distances between neighbouring quantiles of the normal distribution from the median outwards,
 * in units of the mean absolute deviation: times sqrt(pi / 2). */
static const double quantile_steps[NETWORK_STEPS / 2] = { 0.2533 * 1.2533, 0.2711 * 1.2533,
	0.3172 * 1.2533, 0.4399 * 1.2533 };

/* Where a lead lies on the grid. */
struct place {
	uint32_t lower;
	double share; /* of the next one */
};

static struct place place_of(uint32_t h) {
	uint32_t lower = 0;
	while (lower < NETWORK_LEADS - 2 && network_leads[lower + 1] <= h)
		lower++;
	double from = network_leads[lower], to = network_leads[lower + 1];
	return (struct place){ lower, h >= to ? 1 : log(h / from) / log(to / from) };
}

/* What a lead is made of, relative to the last value. */
struct anchors {
	double values[NETWORK_ANCHORS];
	double errors[NETWORK_ANCHORS];
	double weights[NETWORK_ANCHORS]; /* before the gates, not normalised; 0: does not exist */
	double unit;
};

static double young(const struct track *track, enum track_anchor anchor, double prior, double w) {
	const struct track_error *pair = &track->anchors[anchor];
	return fmax(track->floor, (pair->sum + w * prior) / (pair->mass + w));
}

static void anchor_errors(
	const struct track *track, struct place place, uint32_t h, double errors[NETWORK_ANCHORS]) {
	double last =
		track->e[place.lower] * (1 - place.share) + track->e[place.lower + 1] * place.share;
	errors[0] = errors[2] = last;
	errors[1] = young(track, TRACK_LEVEL, last, h);
	errors[3] = young(track, TRACK_SEASON1, errors[1], h / 4.0);
	errors[4] = young(track, TRACK_PROFILE, errors[3], h / 4.0);
	errors[5] = young(track, TRACK_SEASON2, errors[3], h / 4.0);
}

/* exp(-4 ln(E / E_last)), half of that for the fast level. */
static void anchor_weights(struct anchors *anchors, const bool there[NETWORK_ANCHORS]) {
	double sum = 0, weighted = 0;
	for (int k = 0; k < NETWORK_ANCHORS; k++) {
		double ratio = anchors->errors[0] / anchors->errors[k];
		double weight = ratio * ratio * ratio * ratio * (k == 2 ? 0.5 : 1);
		anchors->weights[k] = there[k] ? weight : 0;
		sum += anchors->weights[k];
		weighted += anchors->weights[k] * anchors->errors[k];
	}
	anchors->unit = weighted / sum;
}

static struct anchors anchors_at(const struct track_view *view, struct place place, uint32_t h) {
	const struct track *track = view->track;
	struct anchors anchors = {
		.values = {0, track->level - track->last, track->fast - track->last}
	};
	bool there[NETWORK_ANCHORS] = { true, true, true };
	double value = 0;
	there[3] = track_filled(view, track->m1, h, &value);
	anchors.values[3] = there[3] ? value - track->last : 0;
	there[4] = track_profile(view, h, &value);
	anchors.values[4] = there[4] ? value - track->last : 0;
	there[5] = track_filled(view, track->m2, h, &value);
	anchors.values[5] = there[5] ? value - track->last : 0;
	anchor_errors(track, place, h, anchors.errors);
	anchor_weights(&anchors, there);
	return anchors;
}

static void row_at(const float *outputs, struct place place, float row[NETWORK_LEAD_ROW]) {
	const float *lower = outputs + place.lower * NETWORK_LEAD_ROW;
	float share = (float)place.share;
	for (int i = 0; i < NETWORK_LEAD_ROW; i++)
		row[i] = lower[i] * (1 - share) + lower[NETWORK_LEAD_ROW + i] * share;
}

static double corrections(const struct track *track, const float *coefficients) {
	bool known1 = track_knows(track, track->m1), known2 = track_knows(track, track->m2);
	const double d[NETWORK_CORRECTIONS] = { known1 ? track->d1 : 0, known1 ? track->dp : 0,
		known2 ? track->d2 : 0, track->last - track->fast, track->fast - track->middle };
	double sum = 0;
	for (int j = 0; j < NETWORK_CORRECTIONS; j++)
		sum += (double)coefficients[j] * d[j];
	return sum;
}

/* The anchors, weighted by their own past errors and by the network's gates. The largest gate is
 * taken out first, so that exp stays in range. */
static double gated(const struct anchors *anchors, const float *gates) {
	double sum = 0, weighted = 0;
	float top = -INFINITY;
	for (int k = 0; k < NETWORK_ANCHORS; k++)
		if (anchors->weights[k] > 0)
			top = fmaxf(top, gates[k]);
	for (int k = 0; k < NETWORK_ANCHORS; k++) {
		double weight = anchors->weights[k] > 0
					? anchors->weights[k] * (double)expf(gates[k] - top)
					: 0;
		sum += weight;
		weighted += weight * anchors->values[k];
	}
	return weighted / sum;
}

static double quantile_step(const float *steps, int i, double unit) {
	float limited = fmaxf(fminf(steps[i], STEP_LIMIT), -STEP_LIMIT);
	return (double)expf(limited) * quantile_steps[i % (NETWORK_STEPS / 2)] * unit;
}

void network_quantiles(const struct track_view *view, const float outputs[NETWORK_OUTPUTS],
	uint32_t h, double quantiles[QUANTILES]) {
	struct place place = place_of(h);
	struct anchors anchors = anchors_at(view, place, h);
	float row[NETWORK_LEAD_ROW];
	row_at(outputs, place, row);
	const float *coefficients = row + NETWORK_ANCHORS;
	const float *steps = coefficients + NETWORK_CORRECTIONS + 1;
	double median = gated(&anchors, row) + corrections(view->track, coefficients) +
			(double)coefficients[NETWORK_CORRECTIONS] * anchors.unit;
	quantiles[QUANTILE_MEDIAN] = median;
	for (int i = 0; i < NETWORK_STEPS / 2; i++) {
		quantiles[QUANTILE_MEDIAN - i - 1] =
			quantiles[QUANTILE_MEDIAN - i] - quantile_step(steps, i, anchors.unit);
		quantiles[QUANTILE_MEDIAN + i + 1] =
			quantiles[QUANTILE_MEDIAN + i] +
			quantile_step(steps, NETWORK_STEPS / 2 + i, anchors.unit);
	}
}
