/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_ACCURACY_H
#define DAEMON_ACCURACY_H

#include "roster.h"
#include "score.h"

/* The figures that mean the same for any series, whatever its unit: in the roster the means over the
 * leads of each, in `stats` the means over all series. */

/* Means over leads that have been scored. */
struct accuracy accuracy_of_leads(const struct score *scores, uint32_t leads);

/* Appends {"series":2,"skill":0.4,...}: how many series have been scored, and their means. */
void accuracy_write(const struct roster *roster, struct text *to);

#endif
