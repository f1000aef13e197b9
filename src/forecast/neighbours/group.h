/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_GROUP_H
#define FORECAST_GROUP_H

#include "links.h"
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
	uint32_t halves; /* of all neighbourhoods, that were split of them since they were saved */
	struct seat_taken *taken; /* since groups_forget_taken */
	size_t taken_count, taken_room;
	struct links links;
	bool relinked; /* links have changed since groups_note_links */
};

/* What the members of a neighbourhood have in common. */
struct group_key {
	struct span group, channel;
	uint32_t horizon;
};

/* How a series came by its seat. Which neighbourhood is the closest depends on all of the group, the rest on that one
 * alone: it has a free seat, is made larger, is made, or is split. Plain bytes. */
struct seat_taken {
	uint32_t series;
	uint32_t neighbourhood; /* number of the closest; one that is not there was made */
	uint32_t half; /* number of the one that was split of it; 0: it was not full */
	uint32_t reserved; /* 0: no byte is left open */
	struct place place; /* of the series */
};

void groups_finish(struct groups *groups);

/* Gives a series a seat, close to its place if that is known; the one that it had if it has been a member
 * before. 0 or -ENOMEM. Moves the bytes of a neighbourhood, so no batch may be running. */
int groups_join(struct groups *groups, const struct group_key *key, uint32_t series,
	const struct place *place);

/* The same as it was noted, whatever the others look like now; where that can't be it is groups_join. */
int groups_join_again(
	struct groups *groups, const struct group_key *key, const struct seat_taken *taken);

/* The seats that were taken since groups_forget_taken, in that order, one struct seat_taken each. */
struct span groups_taken(const struct groups *groups);
void groups_forget_taken(struct groups *groups);

/* Where a series sits now: others that join can move it to another neighbourhood. */
struct near_seat groups_seat(const struct groups *groups, uint32_t series);

/* From where a member took its seat; unknown if it has none. */
struct place groups_place(const struct groups *groups, uint32_t series);

/* A member is somewhere else now: it sits where it belongs to from there. Whether it had to change its seat;
 * -ENOMEM. As groups_join. */
int groups_move(struct groups *groups, const struct group_key *key, uint32_t series,
	const struct place *place);
void groups_leave(struct groups *groups, uint32_t series);

/* Whether it sits in a neighbourhood of those; true for one that sits nowhere. */
bool groups_is_in(const struct groups *groups, const struct group_key *key, uint32_t series);

/* Candidates for each other's nearest (links.h). They count from groups_note_links on, which is to be called
 * after each change of links or members while no batch is running. 0 or -ENOMEM. */
int groups_limit(struct groups *groups, uint32_t series);
int groups_link(struct groups *groups, uint32_t a, uint32_t b);
void groups_unlink_all(struct groups *groups);
void groups_note_links(struct groups *groups);

/*
 * A neighbourhood as bytes that outlive the program: header with version, names and check sum, then the
 * neighbourhood as it is.
 *
 * groups_load: takes a saved neighbourhood over, with its number and the seats of its members. 0, -ENOMEM,
 * E_VERSION, E_CORRUPT, or E_MISMATCH if there is one with this number or one of its members sits elsewhere
 * already; nothing changed unless 0.
 */
size_t groups_count(const struct groups *groups);
uint32_t groups_id(const struct groups *groups, size_t index);
size_t groups_size(const struct groups *groups, size_t index);
void groups_save(const struct groups *groups, size_t index, void *to);
int groups_load(struct groups *groups, uint32_t id, const void *from, size_t size);

#endif
