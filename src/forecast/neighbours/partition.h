/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PARTITION_H
#define FORECAST_PARTITION_H

#include "neighbourhood.h"

/*
 * Where members are: metres in space, so that distances on the globe need no special cases. NAN: unknown.
 */
struct place {
	double x, y, z;
};

#define PLACE_UNKNOWN ((struct place){ NAN, NAN, NAN })

/* Of degrees; unknown if they are no position. */
struct place place_on_globe(double latitude, double longitude);

bool place_is_known(const struct place *place);
double place_distance(const struct place *a, const struct place *b);

/*
 * A neighbourhood that is full becomes two: cut at the median of its members' positions along the axis on
 * which they lie widest apart (the step of a k-d tree, Bentley 1975, taken when it is needed). Members without
 * a position are cut at the median of the first principal component instead, so that those who move
 * together stay together. leaves [NEIGHBOURHOOD_MAX]: out, who goes.
 */
void partition_choose(const struct neighbourhood *hood, bool *leaves);

#endif
