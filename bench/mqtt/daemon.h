/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include "broker.h"
#include "peer.h"

#include <stdint.h>

/* A private xlstmd at a test's broker, with its configuration and database in the broker's
 * folder. */
struct daemon {
	pid_t pid; /* 0 while it does not run */
	const char *program;
	char configuration[128];
	char log[128];
	char instance[32]; /* its state, info and stats are below xlstm/<instance> */
};

/* `sections` and `sources` are lines of xlstmd.conf that follow the fixture's own [daemon], [mqtt]
 * and [store]; the same section may be opened again. */
void daemon_start(struct daemon *daemon, const char *program, const struct broker *broker,
	const char *sections, const char *sources);

/* Waits until the counter in the daemon's stats has reached `least`; returns what it says then, or
 * after timeout_ms. The peer subscribes to the stats. */
uint64_t daemon_await_stats(struct daemon *daemon, struct peer *peer, const char *counter,
	uint64_t least, unsigned timeout_ms);

/* Stops it in good order; ends the benchmark if it does not end well. */
void daemon_finish(struct daemon *daemon);

#endif
