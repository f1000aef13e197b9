/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include "span.h"

#include <stdint.h>

/* Times are integer milliseconds since 1970-01-01T00:00:00Z, durations integer milliseconds. */

/* No time given. */
#define TIME_NONE INT64_MIN

/* Times outside 1970 to 2200 are taken for mistakes. */
#define TIME_MAX_MS INT64_C(7258118400000)

/* Room for a written time with its terminator. */
#define TIME_TEXT_MAX 32

/* Reads Unix seconds with fractions ("1790000000.25"), RFC 3339 ("2026-11-22T03:24:19.5Z",
 * "2026-11-22 03:24:19+01:00"; without an offset UTC is meant, seconds may be left out) or a date
 * alone; also as spreadsheets write them, "2026/3/9 7:30". Numbers too large for seconds are taken
 * for milli-, micro- or nanoseconds. 0, E_SYNTAX, or E_TIME outside 1970 to 2200. */
int timestamp_read(struct span text, int64_t *ret_ms);

/* The same for a number that has been read already. 0 or E_TIME. */
int timestamp_from_number(double number, int64_t *ret_ms);

/* Writes "2026-11-22T03:24:19.500Z", the fraction only if there is one, terminated. */
size_t timestamp_write(char to[TIME_TEXT_MAX], int64_t ms);

/* Reads "250ms", "60s", "15m", "1h", "7d", "2w" or a number of seconds. 0, E_SYNTAX or E_NUMBER;
 * always positive or zero. */
int duration_read(struct span text, int64_t *ret_ms);

/* Writes the duration in the largest unit that divides it: "15m", terminated. */
size_t duration_write(char to[TIME_TEXT_MAX], int64_t ms);

#endif
