/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NETWORK_LOSS_H
#define FORECAST_NETWORK_LOSS_H

#include "network_outputs.h"

/*
 * How wrong the network's quantiles were, and which way its outputs should move: twice the mean of
 * the pinball losses of the nine quantiles, max(q e, (q - 1) e) with e = value - quantile. This is
 * what the network was trained with. Pure functions; nothing is allocated.
 */

/* At one lead, over `scale` (above 0, in the unit of the readings). value is what came at that lead,
 * in the unit of the readings, less the last reading of the origin; it must be finite. Adds `share`
 * times the gradient to slopes [NETWORK_OUTPUTS]; NULL: not wanted. */
double network_lead_loss(const struct network_lead *lead, const float outputs[NETWORK_OUTPUTS],
	double value, double scale, double share, float *slopes);

/*
 * At one origin: the mean over the leads of the grid up to the horizon whose value was observed, each
 * in the unit of its anchors, network_lead.unit; UNITS_MOST at a lead where it is more than that,
 * and no slope there: the series had not begun to move.
 *   view     the track as it was at the origin, after its tick
 *   outputs  of the network's step at that tick
 *   values   [horizon]: values[h - 1] came at lead h, in the unit of the readings; NAN: not observed
 *   slopes   [NETWORK_OUTPUTS], written (not added to); NULL: not wanted
 * horizon is at most the lead that the track was laid out for. NAN, and no slopes, where none of
 * those leads was observed.
 */
#define NETWORK_LOSS_UNITS_MOST 50.0
double network_loss(const struct track_view *view, const float outputs[NETWORK_OUTPUTS],
	const double *values, uint32_t horizon, float *slopes);

#endif
