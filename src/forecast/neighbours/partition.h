/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_PARTITION_H
#define FORECAST_PARTITION_H

#include "neighbourhood.h"
#include "place.h"

/*
 * A neighbourhood that is full becomes two: cut at the median of its members' positions along the axis on
 * which they lie widest apart (the step of a k-d tree, Bentley 1975, taken when it is needed). Members without
 * a position are cut at the median of the first principal component instead, so that those who move
 * together stay together. leaves [NEIGHBOURHOOD_MAX]: out, who goes.
 */
void partition_choose(const struct neighbourhood *hood, bool *leaves);

#endif
