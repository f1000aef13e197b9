/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_FORECASTER_H
#define FORECAST_FORECASTER_H

#include "near.h"
#include "panel.h"
#include "settle.h"

/*
 * One detector's step, in the order of the protocol: every included channel accepts its value,
 * settles the forecasts whose observation it is, learns, and forecasts. Pure computation over rows.
 */
struct forecaster {
	const struct row_layout *layout;
	const struct guards *guards;
	int64_t step_ms;
	uint32_t channels;
	void *rows[CHANNELS_MAX]; /* NULL: no room, the channel is passed over */
	struct near_seat near[CHANNELS_MAX];
	int64_t slot_ms; /* the step if it is known, else 0: no neighbours yet */
};

/* What one thread needs while it steps a detector. */
struct workspace {
	struct row rows[CHANNELS_MAX];
	struct panel panel;
};

/* What the step says of one channel, in the unit of the readings. */
struct outlook {
	float *mean; /* [horizon] */
	float *quantiles; /* [QUANTILES][horizon] */
	double observed; /* NAN: missing */
	double impossible; /* a value that the sensor can't have measured, and that counts as missing; NAN */
	uint64_t seen;
	uint64_t missing; /* ticks in a row without a value, up to this one */
	double anomaly; /* of this tick's value; 0 if it is missing or was not forecast */
	double skill; /* NAN while warming */
	bool restarted; /* the row forecast what is no number: it was emptied and says nothing */
	struct settled settled; /* of this tick's value */
};

/*
 * First half: every included channel accepts its value and tells its neighbours. Writes the network's inputs of those for
 * which it steps, at most one for each channel, and where their states lie; returns how many, 0
 * without a network. inputs [channels][NETWORK_INPUTS], states [channels].
 */
uint32_t forecaster_accept(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, float *inputs, void **states);

/* In between: neighbourhoods of the included channels learn from the slots that this tick ends. */
void forecaster_advance(const struct forecaster *forecaster, const struct tick *tick);

/* Bytes in which a forecaster of a group keeps what it knows by itself, until the others do too. */
size_t forecaster_kept_size(const struct forecaster *forecaster);

/*
 * Second half: settles, learns and forecasts; channels in a group for themselves alone, telling it to their
 * neighbours, and what they know is kept for forecaster_step_near. voices [channels] belong to the channels for which
 * the network has stepped, in the order of forecaster_accept. outlooks [channels]: those of
 * included channels with room are filled in; mean and quantiles point to memory of the caller's.
 * What they then hold is finite and ascends, whatever bytes the rows held before; the row that
 * would have it otherwise starts afresh, and its outlook has seen nothing.
 */
void forecaster_step(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, const struct network_voice *voices, void *kept,
	struct outlook *outlooks);

/* After all that step together have told what they know: channels in a group look at their neighbours, and
 * their outlooks are filled in. */
void forecaster_step_near(const struct forecaster *forecaster, const struct tick *tick,
	struct workspace *workspace, const void *kept, struct outlook *outlooks);

/* The experts' forecasts at the newest tick, in the unit of the readings; NAN where one is asleep or
 * the tick is not among the kept origins of a lead. */
void row_expert_forecasts(const struct row *row, double (*to)[HORIZON_MAX]);

#endif
