/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGHBOURS_ROAD_H
#define NEIGHBOURS_ROAD_H

#include "engine.h"
#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Detectors along a road, each with one channel. */

#define STEP_MS 60000

/* Forecasts of `horizon` steps in a group, "" for none. */
struct forecast_options road_options(const char *group, uint32_t horizon);

/* Adds `count` detectors with a channel each to registry and engine. */
void road_add(struct registry *registry, struct engine *engine, struct detector **detectors,
	int count, const struct forecast_options *options);

#endif
