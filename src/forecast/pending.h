/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PENDING_H
#define FORECAST_PENDING_H

#include "options.h"
#include "record.h"

/* What the forecasts of one tick are relative to. */
struct origin {
	double anchor; /* the tick's value, assumed if it was missing */
	double scale;
};

/* What was forecast for one lead at one origin, in units of the origin: (value - anchor) / scale. */
struct pending {
	float experts[EXPERTS]; /* NAN: asleep */
	float mean;
	float median; /* the network's; NAN: none, or not kept */
	float near_median; /* that with what neighbours add; NAN */
	float centre; /* of the quantiles */
	float quantiles[QUANTILES];
	bool assumed; /* the origin had no value of its own */
	double spread; /* expected absolute error, before calibration */
	struct origin origin;
};

/*
 * In lean rows, whose centre is the mean, a forecast waits in brief: of the experts only those of the mask, they and the
 * distances of the quantiles from the mean with eight significant bits. That is enough to tell
 * which expert is better and whether a quantile was met.
 */
size_t brief_size(uint32_t experts);
void brief_write(const struct pending *pending, uint32_t experts, void *to);
void brief_read(const void *from, uint32_t experts, struct pending *ret_pending);

/* Numbers with eight significant bits: the upper half of a float, rounded. */
void brief_write_floats(const float *numbers, size_t count, uint16_t *to);
void brief_read_floats(const uint16_t *from, size_t count, float *ret_numbers);

#endif
