/* SPDX-License-Identifier: Apache-2.0 */
#include "timing.h"

#include <time.h>

#define PAUSE_MS 2

int64_t now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms) {
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

bool wait_until(bool (*condition)(void *context), void *context, unsigned timeout_ms) {
	for (unsigned waited = 0; !condition(context); waited += PAUSE_MS) {
		if (waited >= timeout_ms)
			return false;
		sleep_ms(PAUSE_MS);
	}
	return true;
}
