/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_BACKOFF_H
#define MQTT_BACKOFF_H

#include "random.h"

#include <stdint.h>

/* Milliseconds to wait after `failures` (1 or more) failed attempts in a row: uniform between half
 * of and all of min_ms doubled with each failure, at most max_ms. The jitter keeps a thousand
 * daemons from greeting a restarted broker in the same instant. */
int64_t backoff_ms(struct random *random, unsigned min_ms, unsigned max_ms, unsigned failures);

#endif
