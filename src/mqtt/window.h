/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_WINDOW_H
#define MQTT_WINDOW_H

#include "monitor.h"

/*
 * How many messages may be with Paho and not yet settled. Paho stalls to some fifty messages a
 * second when QoS 1 messages beyond the broker's Receive Maximum are handed to it, and queues
 * without bound what a blocked socket does not take; so we hand over no more than fits.
 */
struct window {
	struct monitor monitor;
	unsigned limit;
	unsigned in_flight; /* at most limit, but for a limit that shrank meanwhile */
	uint64_t delivered;
	uint64_t failed;
};

/* 0 or -errno. */
int window_init(struct window *window, unsigned limit);
void window_finish(struct window *window);

void window_set_limit(struct window *window, unsigned limit);

/* Takes a place, waiting for one until the deadline (monotonic_ms). */
bool window_take(struct window *window, int64_t deadline_ms);

/* Gives a place back: the message was delivered, or failed. Any thread. */
void window_settle(struct window *window, bool delivered);

/* Gives a place back that no message has used. */
void window_return(struct window *window);

/* Waits until no message is in flight; false if the deadline came first. */
bool window_await_empty(struct window *window, int64_t deadline_ms);

/* A copy of the numbers; the monitor in it is of no use. */
struct window window_snapshot(struct window *window);

#endif
