/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define STATUS_LENGTH_MAX 256

void notify_ready(void) {
	sd_notify(0, "READY=1");
}

void notify_reloading(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		(int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(void) {
	sd_notify(0, "STOPPING=1");
}

void notify_status(const char *format, ...) {
	char status[STATUS_LENGTH_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(status, sizeof(status), format, arguments);
	va_end(arguments);
	sd_notifyf(0, "STATUS=%s", status);
}

void notify_patience(int64_t ms) {
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
}

int64_t notify_watchdog_ms(void) {
	uint64_t us;

	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 1000) : 0;
}

void notify_alive(void) {
	sd_notify(0, "WATCHDOG=1");
}
