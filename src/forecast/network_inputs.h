/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NETWORK_INPUTS_H
#define FORECAST_NETWORK_INPUTS_H

#include "network_track.h"

/* The network's inputs: docs/network.md, "Inputs". */
#define NETWORK_INPUTS 56

/* Two of them: 1 if there is a value, and ln(1 + ticks without one) / 4. */
enum { INPUT_SEEN, INPUT_AGE };

/* Position in the running local day and week, 0 to 1; NAN: not known. */
struct network_clock {
	double day, week;
};

/* The clock at a time, UTC. Times in 1970 are counts of ticks rather than times. */
struct network_clock network_clock_at(int64_t time_ms);

/* Writes the inputs of the newest tick. */
void network_inputs(
	const struct track_view *view, const struct network_clock *clock, float to[NETWORK_INPUTS]);

#endif
