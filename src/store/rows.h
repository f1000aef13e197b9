/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "span.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What lies in the database, table by table (docs/storage.md). Times are milliseconds since 1970.
 * A number that is NAN is stored as NULL, and NULL is read as NAN. Texts are valid UTF-8 without
 * control characters, which the journal sees to.
 */

struct detector_row {
	uint32_t id;
	struct span name;
	struct span source; /* section of the configuration it came from; may be empty */
	struct span group; /* detectors that see their neighbours; may be empty */
	struct span aggregate; /* of several readings in a period: "mean", "sum", "max", "last" */
	int64_t step_ms; /* 0: not known yet */
	double latitude; /* degrees, NAN: unknown */
	double longitude;
};

struct series_row {
	uint32_t id;
	uint32_t detector;
	uint32_t index; /* of the channel in its detector, from 0 */
	struct span channel;
	struct span name; /* "detector/channel", as in topics */
	struct span unit; /* may be empty */
};

struct reading_row {
	uint32_t series;
	uint32_t detector; /* filled when read; not looked at when written */
	int64_t time_ms;
	double value; /* NAN: the sensor said that it has none */
	uint64_t sequence; /* order of arrival over the whole database, strictly rising, from 1 */
	bool transient; /* not for the history: kept only until a state contains it */
};

struct forecast_row {
	uint32_t series;
	int64_t issued_ms;
	bool replace; /* only the latest forecast of this series is kept */
	struct span json; /* the very bytes that were published */
};

struct anomaly_row {
	uint32_t series;
	int64_t time_ms;
	double value;
	double low, high; /* the range that it left */
	double score; /* above 1 */
};

/* How the forecasts of a series have done at one lead, in the unit of the readings. */
struct score_row {
	uint32_t series;
	uint32_t lead; /* steps ahead, from 1 */
	uint64_t n; /* forecasts scored */
	double mae;
	double rmse;
	double bias; /* mean forecast minus observation */
	double skill; /* 1 - mae / mae of persistence */
	double skill_seasonal; /* 1 - mae / mae of last season's value; NAN without season */
	double coverage80; /* share of observations between the quantiles 0.1 and 0.9 */
	double mase;
	double pinball;
	int64_t updated_ms;
};

/* All that a detector has learned, with its clock. `sequence` names the last reading that is
 * contained; later ones are replayed (store_each_waiting). */
struct state_row {
	uint32_t detector;
	uint64_t layout; /* of the bytes, for whoever reads them */
	uint64_t sequence;
	int64_t saved_ms;
	struct span bytes;
};

/* What the members of a neighbourhood have learned together. */
struct neighbourhood_row {
	uint32_t id;
	int64_t saved_ms;
	struct span bytes;
};

/* Detectors of groups that stepped together; sequence is one number with the readings': those up to it
 * had arrived. A replay that steps them together again comes to the same forecasts. */
struct batch_row {
	uint64_t sequence;
	struct span detectors; /* ids, uint32_t each, in the machine's byte order */
	struct span seats; /* that their series took (engine_seats_taken); empty: none */
};

/* One that a series looks at. */
struct neighbour_row {
	uint32_t series;
	uint32_t rank; /* from 1, the closest */
	uint32_t neighbour; /* series; 0: there is none of this rank any more */
	double correlation;
	double distance_m; /* NAN: somebody's position is not known */
};

/* What neighbours have been good for at one lead, in the unit of the readings. */
struct neighbour_gain_row {
	uint32_t series;
	uint32_t lead; /* from 1; 0: the series has none any more, at any lead */
	double alone; /* mean absolute error without them */
	double together; /* and with them */
};

/* Network weights. */
struct model_row {
	struct span name; /* unique: a later row replaces the earlier */
	struct span parent; /* the model that it was learned from; may be empty */
	struct span note; /* for people; may be empty */
	int64_t created_ms;
	uint64_t layout;
	struct span weights; /* may be empty */
	bool remove; /* the row of this name goes; of the rest only the name counts */
};

/* One learning step, adopted or refused. */
struct learning_row {
	int64_t time_ms;
	struct span model; /* before */
	struct span candidate; /* what it would become */
	struct span subject; /* on what: "312 windows of 40 series" */
	double loss_before; /* on held-out data */
	double loss_after;
	bool adopted;
	struct span reason;
	int64_t duration_ms;
};

#endif
