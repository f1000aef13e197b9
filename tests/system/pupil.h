/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_PUPIL_H
#define SYSTEM_PUPIL_H

#include "scene.h"

/*
 * Detectors from whose readings a network learns within seconds: ten channels that go up and down, each
 * with a period of its own, a message a minute. The peer hears the scene's responses.
 */
#define PUPIL_CHANNELS 10

/* Enough is learned at one of the first attempts. */
#define PUPIL_LEARNING "[learning]\ninterval = 15m\nsteps = 30\nrate = 4000\nnice = 0\n"

/* The time of the first minute, of the year 2023, seconds. */
#define PUPIL_BEGIN 1699999980

void pupil_publish(const char *topic, int minute);

/* An hour of each. The list of topics ends with NULL. */
void pupil_publish_hour(const char *const *topics, int *minute);

/* Sends a request to the daemon; its answer, to be released with json_decref. */
json_t *ask(const char *verb, const char *payload);

/* Feeds detectors, an hour of their minutes from `minute` on every quarter of a second, until the query
 * on the process's database gives this text. Learning goes on meanwhile, on a busy machine slowly. The
 * list of topics ends with NULL. */
void pupil_feed_until(const struct process *fed, const char *const *topics, int *minute,
	const char *sql, const char *expected);

#endif
