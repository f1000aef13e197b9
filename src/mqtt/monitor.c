/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include "now.h"

#include <errno.h>

int monitor_init(struct monitor *monitor) {
	pthread_condattr_t attributes;

	int r = pthread_condattr_init(&attributes);
	if (r != 0)
		return -r;

	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	r = pthread_cond_init(&monitor->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (r != 0)
		return -r;

	r = pthread_mutex_init(&monitor->mutex, NULL);
	if (r != 0)
		pthread_cond_destroy(&monitor->changed);
	return -r;
}

void monitor_finish(struct monitor *monitor) {
	pthread_mutex_destroy(&monitor->mutex);
	pthread_cond_destroy(&monitor->changed);
}

void monitor_lock(struct monitor *monitor) {
	pthread_mutex_lock(&monitor->mutex);
}

void monitor_unlock(struct monitor *monitor) {
	pthread_mutex_unlock(&monitor->mutex);
}

void monitor_notify(struct monitor *monitor) {
	pthread_cond_broadcast(&monitor->changed);
}

bool monitor_wait(struct monitor *monitor, int64_t deadline_ms) {
	struct timespec deadline = monotonic_timespec(deadline_ms);

	return pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &deadline) != ETIMEDOUT;
}
