/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_SEASON_H
#define DAEMON_SEASON_H

#include "config.h"
#include "options.h"

/*
 * Reads a list of periods after which a series repeats itself: "auto" (all zero: the engine finds
 * them), or one or two ascending ones, each a number of steps or, if the step is configured
 * (step_ms above 0), a duration that is a multiple of it. 0 or E_CONFIG.
 */
int season_read(const struct config_list *list, int64_t step_ms, uint32_t ret_seasons[SEASONS_MAX]);

#endif
