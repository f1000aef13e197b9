/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_STARVE_H
#define SUPPORT_STARVE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One allocation of a test program fails, whichever library makes it. Not together with sanitizers, which have
 * allocators of their own: there nothing fails and nothing is counted.
 */

/* The nth from now, 1 the next. */
void starve(int64_t nth);

/* None any more. Whether it came so far. */
bool starve_end(void);

/* Blocks that are allocated. */
int64_t starve_blocks(void);

#endif
