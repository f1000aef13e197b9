/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* What the service manager is told (sd_notify(3)). Without one all of it does nothing. */

/* Start-up or a reload is done. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

/* One line for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Start-up goes on: do not give up for another `ms`. */
void notify_patience(int64_t ms);

/* How often notify_alive is expected, in milliseconds; 0: no watchdog. */
int64_t notify_watchdog_ms(void);
void notify_alive(void);

#endif
