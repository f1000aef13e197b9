/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_GROUP_H
#define FORECAST_GROUP_H

#include "near.h"
#include "partition.h"
#include "span.h"

/*
 * All groups. The series of one quantity (channels of the same name) and one horizon in a group form
 * neighbourhoods of at most NEIGHBOURHOOD_MAX members; a group with more has several.
 */
struct groups {
	struct hood *first; /* all neighbourhoods of all groups */
	struct near_seat *seats; /* by series; hood NULL: none */
	size_t seats_room;
	size_t memory; /* bytes */
	uint64_t changes; /* counts up as members come and go */
};

/* What the members of a neighbourhood have in common. */
struct group_key {
	struct span group, channel;
	uint32_t horizon;
};

void groups_finish(struct groups *groups);

/* Gives a series a seat, close to its place if that is known; the one that it had if it has been a member
 * before. 0 or -ENOMEM. Moves the bytes of a neighbourhood, so no batch may be running. */
int groups_join(struct groups *groups, const struct group_key *key, uint32_t series,
	const struct place *place);

/* Where a series sits now: others that join can move it to another neighbourhood. */
struct near_seat groups_seat(const struct groups *groups, uint32_t series);

/* A member's position has become known or has changed: it counts for those who join from then on. */
void groups_place(struct groups *groups, uint32_t series, const struct place *place);
void groups_leave(struct groups *groups, uint32_t series);

/*
 * A neighbourhood as bytes that outlive the program: header with version, names and check sum, then the
 * neighbourhood as it is.
 *
 * groups_load: takes a saved neighbourhood over, with the seats of its members. 0, -ENOMEM, E_VERSION,
 * E_CORRUPT, or E_MISMATCH if one of its members sits elsewhere already; nothing changed unless 0.
 */
size_t groups_count(const struct groups *groups);
size_t groups_size(const struct groups *groups, size_t index);
void groups_save(const struct groups *groups, size_t index, void *to);
int groups_load(struct groups *groups, const void *from, size_t size);

#endif
