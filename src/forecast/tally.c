/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include "calibrate.h"

#include <math.h>

static void fade(double *sum, double value) {
	*sum = (1 - 1.0 / SCORE_WINDOW) * *sum + value;
}

static double pinball(double y, const float quantiles[QUANTILES]) {
	double sum = 0;
	for (int i = 0; i < QUANTILES; i++) {
		double over = y - (double)quantiles[i];
		sum += over > 0 ? quantile_level(i) * over : (quantile_level(i) - 1) * over;
	}
	return 2 * sum / QUANTILES;
}

void tally_add(struct tally *tally, double y, double mean, const float quantiles[QUANTILES],
	double season, double unit) {
	double absolute = fabs(y - (double)quantiles[QUANTILE_MEDIAN]) * unit;
	tally->n++;
	fade(&tally->weight, 1);
	fade(&tally->absolute, absolute);
	fade(&tally->squared, (y - mean) * unit * ((y - mean) * unit));
	fade(&tally->signed_sum, (mean - y) * unit);
	fade(&tally->persistence, fabs(y) * unit);
	fade(&tally->covered, y >= (double)quantiles[0] && y <= (double)quantiles[QUANTILES - 1]);
	fade(&tally->pinball, pinball(y, quantiles) * unit);
	if (isnan(season))
		return;
	fade(&tally->season, fabs(y - season) * unit);
	fade(&tally->season_own, absolute);
}

void change_add(struct change *change, double observed, double before) {
	if (isnan(before))
		return;
	fade(&change->weight, 1);
	fade(&change->absolute, fabs(observed - before));
}

/* What is gone of another forecaster's errors; NAN if it made none. */
static double skill(double own, double other) {
	return other > 0 ? 1 - own / other : NAN;
}

void tally_score(const struct tally *tally, const struct change *change, uint32_t lead,
	struct score *ret_score) {
	double weight = tally->n ? tally->weight : NAN;
	double step = change->absolute > 0 ? change->absolute / change->weight : NAN;
	*ret_score = (struct score){
		.lead = lead,
		.n = tally->n,
		.mae = tally->absolute / weight,
		.rmse = sqrt(tally->squared / weight),
		.bias = tally->signed_sum / weight,
		.skill = skill(tally->absolute, tally->persistence),
		.skill_seasonal = skill(tally->season_own, tally->season),
		.coverage80 = tally->covered / weight,
		.mase = tally->absolute / weight / step,
		.pinball = tally->pinball / weight,
	};
}
