/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_TIMING_H
#define SUPPORT_TIMING_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds on a clock that nobody sets. */
int64_t now_ms(void);

void sleep_ms(unsigned ms);

/* Asks every few milliseconds until the condition holds; false after timeout_ms. Generous timeouts
 * cost nothing where things work. */
bool wait_until(bool (*condition)(void *context), void *context, unsigned timeout_ms);

#endif
