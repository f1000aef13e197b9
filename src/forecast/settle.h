/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_SETTLE_H
#define FORECAST_SETTLE_H

#include "row.h"

/* Settles every forecast whose observation the newest tick is: the experts' weights, the quantiles
 * and the scores learn from it. waiting as in panel_run; the tick must have had a value. */
void settle(const struct row *row, uint32_t waiting);

#endif
