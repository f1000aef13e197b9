/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_OPTIONS_H
#define FORECAST_OPTIONS_H

#include "guards.h"
#include "span.h"

#include <stdbool.h>
#include <stdint.h>

/* The experts; bit 1 << EXPERT_x of an expert mask takes part. */
enum expert {
	EXPERT_PERSISTENCE, /* the last value */
	EXPERT_SMOOTH, /* exponentially smoothed level */
	EXPERT_SEASONAL, /* smoothed level and profile of the season, quick */
	EXPERT_SEASONAL_SLOW, /* the same, slow profile */
	EXPERT_SEASONAL_LONG, /* the same over the long season (a week) */
	EXPERT_RLS, /* linear in the last 24 values, season and level */
	EXPERT_RLS_STIFF, /* the same, weights held near persistence */
	EXPERT_RLS_LONG, /* linear in the last 96 values, season and level */
	EXPERT_RLS_CROSS, /* as rls, with the detector's other channels */
	EXPERT_RLS_SEASON, /* linear in deviations from the long season's profile */
	EXPERT_CLOSED, /* the mix of all above, which the two below add to */
	EXPERT_NETWORK, /* the network with its pretrained or shared weights */
	EXPERT_HEAD, /* linear in the network's features: what the closed mix leaves over */
	EXPERT_ALONE, /* the mix of all above: what a series in a group knows by itself */
	EXPERT_NEIGHBOURS, /* what that leaves over, linear in what the neighbours say */
	EXPERT_NEIGHBOURS_OWN, /* the same, corrected by the series' own regression */
	EXPERT_NEIGHBOURS_PERCEPTRON, /* what the series' own forecast leaves over, not linear */
	EXPERTS
};

/* Those that are mixed into EXPERT_CLOSED come first. */
#define EXPERTS_FIRST EXPERT_CLOSED
#define EXPERTS_ALL   ((1u << EXPERTS) - 1)

/* Those that lean rows have room for. */
#define EXPERTS_LEAN                                                                               \
	(1u << EXPERT_PERSISTENCE | 1u << EXPERT_SMOOTH | 1u << EXPERT_SEASONAL_LONG |             \
		1u << EXPERT_RLS_SEASON | 1u << EXPERT_CLOSED | 1u << EXPERT_NETWORK |             \
		1u << EXPERT_HEAD)

/* How much is kept of a series: all that helps, or as little as serves (at most ROW_LEAN_MAX bytes
 * with forecasts up to a day ahead). */
enum row_kind { ROWS_FULL, ROWS_LEAN };
#define ROW_LEAN_MAX 16384

/* Name of an expert in configuration and results: "rls_long". */
const char *expert_name(enum expert expert);

/* Reads "persistence,seasonal,rls" or "all" into a mask. 0 or E_CONFIG. */
int expert_mask_read(struct span names, uint32_t *ret_mask);

/* Seasons that a series can have: the short and the long one. */
#define SEASONS_MAX 2

/* Bounds of the options below. */
#define SEASON_LIMIT 50000
#define CROSS_LIMIT  16

/* Bytes of a group's name at the most. */
#define GROUP_NAME_MAX 63

/*
 * What decides how a detector's series are forecast. Fixed for the life of a detector: the layout
 * of its states follows from it.
 */
struct forecast_options {
	uint32_t horizon; /* steps to look ahead, 1 to HORIZON_MAX */
	uint32_t experts; /* mask */
	uint32_t seasons[SEASONS_MAX]; /* ticks, ascending; 0: found from calendar and data */
	uint32_t season_max; /* longest season to look for, ticks */
	uint32_t cross_channels; /* other channels that rls_cross sees at most */
	char group[GROUP_NAME_MAX +
		   1]; /* whose detectors see each other, padded with zeros; "": none */
	bool blind; /* a control: members of the group learn together but do not see each other */
	bool shifts; /* whether what has been learned follows abrupt shifts of the level (shift.h) */
	uint32_t rows; /* enum row_kind */
	struct guards guards;
};

/* Horizon 24, all experts, seasons found up to 2016 ticks, 8 other channels. */
void forecast_options_init(struct forecast_options *options);

/* 0, or E_CONFIG if a value is out of range. */
int forecast_options_check(const struct forecast_options *options);

#endif
