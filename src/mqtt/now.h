/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_NOW_H
#define MQTT_NOW_H

#include <stdint.h>
#include <time.h>

/* Unix time in milliseconds: when a message arrived. */
static inline int64_t wall_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Milliseconds on a clock that nobody sets: for deadlines. */
static inline int64_t monotonic_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The same instant for pthread_cond_timedwait on that clock. */
static inline struct timespec monotonic_timespec(int64_t ms) {
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

#endif
