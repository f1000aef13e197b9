/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_MONITOR_H
#define MQTT_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A mutex with one condition whose waits end at a time of the monotonic clock. */
struct monitor {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

/* 0 or -errno. */
int monitor_init(struct monitor *monitor);
void monitor_finish(struct monitor *monitor);

void monitor_lock(struct monitor *monitor);
void monitor_unlock(struct monitor *monitor);

/* Wakes all that wait; locked. */
void monitor_notify(struct monitor *monitor);

/* Waits for a notice, or nothing at all; locked. False once the deadline (monotonic_ms) has
 * passed. */
bool monitor_wait(struct monitor *monitor, int64_t deadline_ms);

#endif
