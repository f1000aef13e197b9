/* SPDX-License-Identifier: Apache-2.0 */
#include "watchdog.h"

int watchdog_look(struct watchdog *watchdog, const struct watchdog_lane *lanes, size_t count) {
	int hangs = -1;

	for (size_t i = 0; i < count && i < WATCHDOG_LANES_MAX; i++) {
		if (lanes[i].busy && watchdog->seen[i].busy &&
			lanes[i].progress == watchdog->seen[i].progress)
			hangs = (int)i;
		watchdog->seen[i].busy = lanes[i].busy;
		watchdog->seen[i].progress = lanes[i].progress;
	}
	return hangs;
}
