/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_WATCHDOG_H
#define DAEMON_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lanes that can be watched. */
#define WATCHDOG_LANES_MAX 8

/*
 * Decides whether the process deserves to be called alive. The loop proves itself by asking; a lane
 * hangs if at two looks in a row it had work and had made no progress in between.
 */
struct watchdog {
	struct {
		uint64_t progress;
		bool busy;
	} seen[WATCHDOG_LANES_MAX];
};

struct watchdog_lane {
	uint64_t progress; /* rises with finished work */
	bool busy;
};

/* Zero-initialised it is ready. Returns the index of a lane that hangs, or -1. */
int watchdog_look(struct watchdog *watchdog, const struct watchdog_lane *lanes, size_t count);

#endif
