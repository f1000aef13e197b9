/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PLACE_H
#define FORECAST_PLACE_H

#include <math.h>
#include <stdbool.h>

/*
 * Where a detector is: metres in space, so that distances on the globe need no special cases. NAN: unknown.
 */
struct place {
	double x, y, z;
};

#define PLACE_UNKNOWN ((struct place){ NAN, NAN, NAN })

/* Of degrees; unknown if they are no position. */
struct place place_on_globe(double latitude, double longitude);

/* Of metres on a plane. */
struct place place_on_plane(double x, double y);

bool place_is_known(const struct place *place);
bool place_equal(const struct place *a, const struct place *b);

/* NAN if either is unknown. */
double place_distance(const struct place *a, const struct place *b);

#endif
