/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_SCENE_H
#define SYSTEM_SCENE_H

#include "process.h"

/* What most of these tests play with: a private broker, a daemon of it, and a peer that says and
 * hears things. One of each in a test program. */
extern struct broker broker;
extern struct process process;
extern struct peer peer;

/* A broker, a daemon with this configuration that does not run yet, and a connected peer. */
void scene_open(const char *configuration);

/* The same, and the daemon runs, may be told to fail, and is heard by the peer: statistics, responses, forecasts. */
void scene_start(const char *configuration);

/* Ends those that there are: a test that is skipped has none. A teardown of cmocka's. */
int scene_close(void **state);

#endif
