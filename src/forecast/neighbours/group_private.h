/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_GROUP_PRIVATE_H
#define FORECAST_GROUP_PRIVATE_H

#include "choice.h"
#include "group.h"
#include "record.h"

/* A neighbourhood with what belongs to it in memory. */
struct hood {
	struct neighbourhood open; /* first: seats point to it */
	struct hood *next; /* the numbers ascend */
	uint32_t id; /* its number, from 1; stays the same */
	void *bytes;
	size_t size;
	struct place sum; /* of the members whose position is known */
	uint32_t placed; /* how many these are */
	uint32_t leader; /* of its component (engine_components.c), 0: it has no members */
	struct hood *whole; /* of which it was split since that was saved; itself: of none */
	uint32_t halves; /* that have been split of it since */
	bool changed; /* members have come or gone since it was saved last */
	bool unlinked; /* they have, or links have, since candidates were noted */
	struct candidates *candidates; /* [NEIGHBOURHOOD_MAX]; NULL: anybody */
	char group[GROUP_NAME_MAX + 1];
	char channel[NAME_MAX_LENGTH + 1];
};

/* NULL: it has none. */
struct hood *hood_of(const struct near_seat *seat);

#endif
