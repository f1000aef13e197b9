/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_ROSTER_H
#define DAEMON_ROSTER_H

#include "registry.h"
#include "text.h"

/*
 * What the daemon itself remembers about each detector and series, beside registry and engine.
 *
 * Readings carry a sequence over the whole database that rises with their arrival. Those of one
 * message follow each other without a gap and one number is left out before the next message, so
 * that a replay knows which came together.
 */
#define SEQUENCE_BETWEEN_MESSAGES 2

struct detector_slot {
	struct detector *detector; /* NULL: no detector has this id */
	uint32_t source; /* index, SOURCE_NONE */
	uint64_t sequence; /* of the last reading or, in a group, batch; 0: none yet */
	uint64_t saved; /* sequence contained in the stored state */
	bool saved_waiting; /* which holds ticks that had not stepped */
	int64_t heard_ms; /* arrival of the last reading, or the start, wall clock; TIME_NONE: neither */
	int64_t stored_step_ms; /* as the database knows it */
	double latitude, longitude; /* NAN: unknown */
	struct text model; /* name of its own weights, "" while they are those shipped or shared */
	bool stale; /* its forecasts have been published as such */
	bool rebuild; /* recovery: its state can't be used, its readings can */
	bool stateless; /* recovery: it has never had a state */
};

/* How good a series' forecasts have been, where the figure does not depend on its unit. */
enum accuracy_figure {
	ACCURACY_SKILL,
	ACCURACY_SKILL_SEASONAL,
	ACCURACY_MASE,
	ACCURACY_COVERAGE80,
	ACCURACY_FIGURES,
};

struct accuracy {
	double figures[ACCURACY_FIGURES]; /* means over the leads; NAN: unknown */
};

struct series_slot {
	struct text forecast; /* JSON of the latest, as published */
	int64_t range_ms; /* the observation that low and high were predicted for; TIME_NONE */
	double low, high;
	struct accuracy accuracy; /* when the state was saved last */
	bool sees; /* neighbours are stored, or may be */
};

struct roster {
	struct detector_slot *detectors; /* by id */
	uint32_t detector_capacity;
	struct series_slot *series; /* by id */
	uint32_t series_capacity;
};

/* Zero-initialised it is empty and ready. */
void roster_finish(struct roster *roster);

/* The slot of this id, made if need be; NULL if there is no memory. Pointers hold until the next
 * call. */
struct detector_slot *roster_detector(struct roster *roster, uint32_t id);
struct series_slot *roster_series(struct roster *roster, uint32_t id);

#endif
