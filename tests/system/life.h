/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_LIFE_H
#define SYSTEM_LIFE_H

#include "scene.h"

/*
 * One whole life of the scene's daemon, in which one call is to fail: it starts, is fed readings of
 * detectors that see each other and of one that may be something of its own, whose section is the last,
 * commits, reloads its configuration and is stopped.
 */
#define LIFE_CONFIG                                                                                \
	"[mqtt]\nsession_expiry = 1h\n"                                                            \
	"[source plant]\ntopic = plant/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"       \
	"group = plant\n"                                                                          \
	"[source mine]\ntopic = mine/{detector}\nformat = json\nstep = 60s\nhorizon = 4\n"

/* Readings that it is fed. */
#define LIFE_READINGS 12

struct life {
	int status; /* as process_wait says */
	bool fed; /* it came to be ready, and readings were published */
};

/* The lives of one database are numbered, so that each has readings of its own. */
struct life life_live(unsigned number);

#endif
