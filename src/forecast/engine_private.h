/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_ENGINE_PRIVATE_H
#define FORECAST_ENGINE_PRIVATE_H

#include "batch.h"
#include "engine.h"
#include "group.h"
#include "learner.h"
#include "row_store.h"

/* What the engine keeps of a detector. */
struct member {
	struct detector *detector;
	struct forecaster forecaster;
	const char *group; /* in the options; "": none */
	struct place place; /* of the detector */
	uint32_t shown; /* channels whose states others find */
	bool moved; /* since it took its seats */
	struct learner *own; /* of weights of the detector's own; NULL: the shared ones */
	struct member *next_owner;
	struct member *next_due;
	bool due;
	bool flagged; /* nothing is learned from it */
};

/* Detectors with the same options share a layout. */
struct shared_layout {
	struct forecast_options options;
	struct row_layout layout;
	struct shared_layout *next;
};

struct engine {
	struct engine_options options;
	struct shared_layout *layouts;
	struct member **members; /* by detector id; NULL: not known */
	size_t members_room;
	struct row_store rows;
	size_t memory;
	struct groups groups;
	const void **states; /* the network's, by number of the series, of those in groups */
	size_t states_room;
	bool unshown; /* there are series whose state is not among them yet */
	bool unsettled; /* somebody has moved or left its group */
	uint64_t labelled; /* groups.changes as of when components were found last */
	uint64_t restarts;
	size_t series; /* that have a row */
	struct member *first_due, *last_due;
	/* Learning; NULL without a network or if it is off. */
	struct learner *shared;
	struct classroom *classroom; /* made for the first attempt */
	bool paused;
	/* The attempt under way. */
	struct study *study; /* NULL: none */
	struct member *studying; /* whose own weights, NULL: the shared ones */
	struct member *owners; /* detectors with weights of their own */
};

/* The layout of detectors with these options, made if need be; NULL: no memory. */
const struct shared_layout *engine_share_layout(
	struct engine *engine, const struct forecast_options *options);

/* NULL if the engine does not know the detector. */
struct member *engine_member(const struct engine *engine, const struct detector *detector);

/* Whether the engine can go on with these weights. */
bool engine_fits(const struct engine *engine, const struct xlstm_model *model);

/* --- engine_neighbours.c */

/* Gives the series of a batch that are new in their group a seat, in the order of the detectors' ids, so
 * that it does not matter who came first, or those that they took once (engine_seats_taken), and notes where all
 * of them sit. One that finds no memory goes on alone and tries again with its next tick. */
void engine_seat_batch(struct engine *engine, struct batch *batch, struct span seats);
/* Lets others find the network's states of series that are new in groups. 0 or -ENOMEM, and some are not
 * found yet. */
int engine_show_states(struct engine *engine);
struct group_key member_key(const struct member *member, uint32_t channel);

/* They lie somewhere else from now on, or are gone. */
void engine_hide_states(struct engine *engine, struct member *member);
void engine_unseat(struct engine *engine, struct member *member);

/* Opens the row of a series; false if there is nothing in it yet. */
bool engine_open_row(const struct engine *engine, const struct detector *detector, uint32_t channel,
	struct row *ret_row);

/* --- engine_learning.c */

/* 0 or -ENOMEM. */
int engine_learning_create(struct engine *engine);
void engine_learning_destroy(struct engine *engine);
void member_learning_destroy(struct engine *engine, struct member *member);

/* The weights that a member steps with; NULL: none. */
struct xlstm_model *member_model(const struct engine *engine, const struct member *member);

/* The number of the member's series has changed. */
void engine_learning_expect(struct engine *engine, struct member *member);

/* The results of one channel of a batch that has run. */
void engine_learning_take(struct engine *engine, const struct batch_item *item, uint32_t channel);

#endif
