/* SPDX-License-Identifier: Apache-2.0 */
#include "calibrate.h"

#include <math.h>

/* Errors that the running mean absolute error remembers. */
#define SIZE_WINDOW 200.0

#define SIZE_FASTEST 0.05

/* Step of a position when a quantile was on the wrong side, at lead 1; labels of long leads
 * overlap, so that h wrong ones in a row are one event: the step falls with the lead. */
#define POSITION_RATE 0.03
#define POSITION_FALL 0.4

/* The same of the median. That it is off by a little costs coverage nothing, and each of its steps costs
 * accuracy; at long leads they follow the noise. */
#define MEDIAN_RATE 0.01
#define MEDIAN_FALL 0.2

/* The deviation is sqrt(2/pi). */
const double calibrate_normal[QUANTILES] = { -1.60619, -1.05483, -0.65724, -0.31752, 0, 0.31752,
	0.65724, 1.05483, 1.60619 };

double quantile_level(int i) {
	return (i + 1) / (QUANTILES + 1.0);
}

static double position_rate(int i, double overlapping) {
	return i == QUANTILE_MEDIAN ? MEDIAN_RATE * pow(overlapping, -MEDIAN_FALL)
				    : POSITION_RATE * pow(overlapping, -POSITION_FALL);
}

/* Quantiles that have crossed change places, which never makes them worse (Chernozhukov,
 * Fernandez-Val and Galichon 2010). */
static void rearrange(double quantiles[QUANTILES]) {
	for (int i = 1; i < QUANTILES; i++) {
		double moved = quantiles[i];
		int j = i;
		for (; j > 0 && quantiles[j - 1] > moved; j--)
			quantiles[j] = quantiles[j - 1];
		quantiles[j] = moved;
	}
}

/* Positions too, so that each goes on answering for its own level. */
static void sort_positions(double positions[QUANTILES]) {
	double full[QUANTILES];
	for (int i = 0; i < QUANTILES; i++)
		full[i] = calibrate_normal[i] + positions[i];
	rearrange(full);
	for (int i = 0; i < QUANTILES; i++)
		positions[i] = full[i] - calibrate_normal[i];
}

void calibrate_settle(
	struct calibrate *calibrate, uint32_t h, double y, const struct issued *issued) {
	double keep = 1 - fmin(issued->stride / SIZE_WINDOW, SIZE_FASTEST);
	double overlapping = fmax((double)h / issued->stride, 1);
	calibrate->errors = keep * calibrate->errors + fabs(y - issued->centre) * issued->unit;
	calibrate->spreads = keep * calibrate->spreads + issued->spread * issued->unit;
	for (int i = 0; i < QUANTILES; i++) {
		double quantile = (double)issued->quantiles[i];
		double below = y < quantile ? 1 : y > quantile ? 0 : 0.5;
		calibrate->positions[i] +=
			position_rate(i, overlapping) * (quantile_level(i) - below);
	}
	sort_positions(calibrate->positions);
}

double calibrate_size(
	const struct calibrate *calibrate, double spread, double guess, double guesses) {
	return spread * (guesses * guess + calibrate->errors) /
	       (guesses * spread + calibrate->spreads);
}

void calibrate_quantiles(const struct calibrate *calibrate, double centre, double size,
	const double shape[QUANTILES], float quantiles[QUANTILES]) {
	double offsets[QUANTILES];
	for (int i = 0; i < QUANTILES; i++)
		offsets[i] = shape[i] + calibrate->positions[i];
	rearrange(offsets);
	for (int i = 0; i < QUANTILES; i++)
		quantiles[i] = (float)(centre + size * offsets[i]);
}

struct calibrate calibrate_between(
	const struct calibrate *first, const struct calibrate *second, double share) {
	struct calibrate between;
	between.errors = first->errors + share * (second->errors - first->errors);
	between.spreads = first->spreads + share * (second->spreads - first->spreads);
	for (int i = 0; i < QUANTILES; i++)
		between.positions[i] =
			first->positions[i] + share * (second->positions[i] - first->positions[i]);
	return between;
}
