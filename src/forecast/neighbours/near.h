/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_NEAR_H
#define FORECAST_NEAR_H

#include "neighbourhood.h"
#include "panel.h"

/*
 * The experts that see the neighbours. The complete mix of everything that a series knows by itself
 * (`alone`) is the base; linear weights that the whole neighbourhood learns forecast what it leaves over
 * (`neighbours`), and a stiff regression of the series' own corrects them (`neighbours_own`). A sharp
 * mix of the three by absolute errors has the last word, so that neighbours that know nothing cost
 * next to nothing.
 */

/* Where a series sits; hood NULL: it has no neighbours. */
struct near_seat {
	struct neighbourhood *hood;
	uint32_t seat;
};

/* Runs the two experts after `alone` has forecast; time of the tick. They stay asleep where there is nothing
 * to see. */
void near_run(struct panel *panel, const struct row *row, const struct near_seat *near,
	const struct moment *at, uint32_t waiting);

#endif
