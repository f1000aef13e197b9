/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_CONFIG_SOURCE_H
#define DAEMON_CONFIG_SOURCE_H

#include "config.h"
#include "detector.h"
#include "options.h"
#include "source.h"

/* What the other layers want to know of a source. */

/* 0, -ENOMEM, or E_CONFIG with a phrase in *ret_problem. */
int config_wire_source(const struct config *config, const struct config_source *source,
	struct wire_source **ret_source, const char **ret_problem);

struct clock_options config_clock(const struct config *config, const struct config_source *source);

/* The mask of experts that take part. 0, -ENOMEM or E_CONFIG. */
int config_experts(const struct config *config, uint32_t *ret_mask);

/* 0, or E_CONFIG if anomaly_least or range make no sense. */
int config_guards(const struct config_source *source, struct guards *ret_guards);

/* 0, -ENOMEM, or E_CONFIG if names or periods mean nothing to the engine. */
int config_forecast_options(const struct config *config, const struct config_source *source,
	struct forecast_options *ret_options);

#endif
