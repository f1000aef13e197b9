/* SPDX-License-Identifier: Apache-2.0 */
#include "network_loss.h"

#include "calibrate.h"

#include <math.h>
#include <string.h>

double network_lead_loss(const struct network_lead *lead, const float outputs[NETWORK_OUTPUTS],
	double value, double scale, double share, float *slopes) {
	double quantiles[QUANTILES], quantile_slopes[QUANTILES], loss = 0;
	double weight = 2 / (QUANTILES * scale);
	network_lead_quantiles(lead, outputs, quantiles);
	for (int q = 0; q < QUANTILES; q++) {
		double slope = (value < quantiles[q]) - quantile_level(q);
		loss += weight * slope * (quantiles[q] - value);
		quantile_slopes[q] = share * weight * slope;
	}
	if (slopes)
		network_lead_slopes(lead, outputs, quantile_slopes, slopes);
	return loss;
}

static bool observed(const double *values, uint32_t horizon, int i) {
	return network_leads[i] <= horizon && !isnan(values[network_leads[i] - 1]);
}

double network_loss(const struct track_view *view, const float outputs[NETWORK_OUTPUTS],
	const double *values, uint32_t horizon, float *slopes) {
	uint32_t count = 0;
	double sum = 0;
	for (int i = 0; i < NETWORK_LEADS; i++)
		count += observed(values, horizon, i);
	if (slopes)
		memset(slopes, 0, NETWORK_OUTPUTS * sizeof(*slopes));
	for (int i = 0; i < NETWORK_LEADS; i++) {
		if (!observed(values, horizon, i))
			continue;
		struct network_lead lead;
		network_lead_init(&lead, view, network_leads[i]);
		double value = values[network_leads[i] - 1] - view->track->last;
		double loss = network_lead_loss(&lead, outputs, value, lead.unit, 0, NULL);
		if (loss < NETWORK_LOSS_UNITS_MOST && slopes)
			network_lead_loss(&lead, outputs, value, lead.unit, 1.0 / count, slopes);
		sum += fmin(loss, NETWORK_LOSS_UNITS_MOST);
	}
	return count ? sum / count : NAN;
}
