/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORECAST_ENGINE_H
#define FORECAST_ENGINE_H

#include "learning.h"
#include "options.h"
#include "place.h"
#include "record.h"
#include "score.h"

/*
 * The engine turns ticks into forecasts. It holds the learned state of every detector, a list of
 * the detectors that have ticks waiting, and hands work out in batches:
 *
 *   loop thread    engine_want(detector)             after detector_accept gave it a tick
 *   loop thread    engine_fill(batch)                at most one tick a detector, in order
 *   any thread     batch_run(batch)                  pure computation: settle, learn, forecast
 *   loop thread    engine_apply(batch)               struct forecast for each included channel
 *
 * Two batches make a pipeline: one fills while the other runs, unless detectors are in groups, where a
 * batch is filled when the one before has run. From engine_fill to engine_apply
 * the states that the batch names belong to batch_run, so for these detectors neither the states
 * nor the scores may be read or written meanwhile; batches run one after the other in the order
 * they were filled, or at the same time if they are apart (batch_is_apart). All other calls are for the loop
 * thread. Nothing here reads a clock, waits, or does I/O; batch_run allocates nothing and cannot fail.
 */
struct engine;
struct batch;
struct detector;
struct xlstm_model;

struct engine_options {
	/* Bytes that all states together may take; engine_add refuses beyond. 0: no limit. */
	size_t memory_max;

	/* The network that takes part; the engine counts it. NULL: none. It must have been made for
	 * the inputs of docs/network.md, else engine_create gives E_MISMATCH. */
	struct xlstm_model *model;

	struct learning_options learning;
};

/* 0, -ENOMEM or E_MISMATCH. */
int engine_create(struct engine **ret_engine, const struct engine_options *options);
void engine_destroy(struct engine *engine);

/*
 * Makes room for the state of each channel that the detector has by now; to be called when a
 * detector is new and again when a channel joined it (further calls change nothing). options are
 * copied at the first call; later calls may pass NULL. 0, -ENOMEM, or E_TOO_MANY_SERIES if
 * memory_max is reached; without room for a channel its ticks are passed over.
 */
int engine_add(
	struct engine *engine, struct detector *detector, const struct forecast_options *options);

/* A start that loads many states: memory of detectors that are added after engine_defer_memory comes when their
 * states are loaded, or by engine_settle_memory, the latest first, which may run on another thread meanwhile, while none
 * is added or removed. engine_end_deferral says that it has ended. */
void engine_defer_memory(struct engine *engine);
void engine_settle_memory(const struct engine *engine);
void engine_end_deferral(struct engine *engine);

/* Forgets a detector and its states. It must not be in a batch, and if it is in a group no batch may
 * be under way. */
void engine_remove(struct engine *engine, struct detector *detector);

/* Puts the detector on the due list, once however often it is wanted. */
void engine_want(struct engine *engine, struct detector *detector);

/* Whether any detector is due. */
bool engine_is_due(const struct engine *engine);

/* Bytes of all states. */
size_t engine_memory(const struct engine *engine);

/* Series that started afresh because what they held no longer gave finite, ascending quantiles. */
uint64_t engine_restarts(const struct engine *engine);

/* A batch of at most capacity ticks. */
int batch_create(struct batch **ret_batch, size_t capacity);
void batch_destroy(struct batch *batch);

/* Takes one tick of each due detector, in the order they became due, into an empty batch; a
 * detector that has more ticks stays due. Returns how many ticks the batch holds. */
size_t engine_fill(struct engine *engine, struct batch *batch);

/* Takes the next tick of each of these detectors, at most the batch's capacity, into an empty batch: of
 * a replay that steps those together that stepped together, and gives them the seats that they took then
 * (engine_seats_taken; empty: none is known). 0 or -ENOMEM, and the batch lacks some. */
int engine_fill_again(struct engine *engine, struct batch *batch, struct detector *const *detectors,
	size_t count, struct span seats);

/* How the series of the batch that was filled last came by their seats in neighbourhoods, those that had none,
 * as bytes for the database; valid until the next one is filled. */
struct span engine_seats_taken(const struct engine *engine);

/* Whether a detector is in a group: its forecasts depend on what steps together with it. */
bool engine_is_grouped(const struct engine *engine, const struct detector *detector);

/* The ids of the detectors in groups that a batch holds, to `to` [the batch's capacity]; returns how
 * many. */
size_t engine_grouped(const struct batch *batch, uint32_t *to);

/* Learns from and forecasts at every tick of the batch. */
void batch_run(struct batch *batch);

/* Whether no detector is in both batches, and none is in a group. */
bool batch_is_apart(const struct batch *batch, const struct batch *other);

/* Called for each channel that a tick included and that has had a value by now, in the order of the
 * batch. forecast and what it points to are valid during the call. tick->newest: no later tick of the
 * detector was known, so that this forecast is news. */
typedef void (*engine_forecast_fn)(void *user, struct detector *detector, uint32_t channel,
	const struct tick *tick, const struct forecast *forecast);

/* Hands the results of a batch that has run out, and empties the batch. */
void engine_apply(
	struct engine *engine, struct batch *batch, engine_forecast_fn on_forecast, void *user);

/*
 * The learned state of one series as bytes, for the database. It holds everything that the next
 * forecasts depend on: saved, loaded into an engine with the same options and continued, the
 * forecasts are those of an engine that was never interrupted, bit for bit.
 *
 * engine_state_size: bytes that engine_state_save writes now, 0 for a series that is not known.
 * engine_state_save: writes them.
 * engine_state_load: 0; E_VERSION for a state of another version, E_MISMATCH for another layout
 * (the series then starts afresh), E_CORRUPT if the bytes are damaged, E_NOT_FOUND if the series
 * has no room (engine_add first). The state is unchanged unless 0.
 */
size_t engine_state_size(
	const struct engine *engine, const struct detector *detector, uint32_t channel);
void engine_state_save(
	const struct engine *engine, const struct detector *detector, uint32_t channel, void *to);
int engine_state_load(struct engine *engine, const struct detector *detector, uint32_t channel,
	const void *from, size_t size);

/*
 * Learning while running (docs/learning.md): one attempt at a time.
 *
 *   loop thread    engine_study()                NULL unless an attempt is due
 *   any thread     study_work()                  while batches go on
 *   loop thread    engine_conclude(study)        adopts or refuses; batches filled from then on use
 *                                                what was adopted, states stay
 *   loop thread    engine_review()               after batches: takes back what does badly
 *
 * Verdicts are the caller's to finish. Without a network, or with learning off, nothing is ever due.
 */
struct study *engine_study(struct engine *engine);
void engine_conclude(struct engine *engine, struct study *study, struct verdict *ret_verdict);
bool engine_review(struct engine *engine, struct verdict *ret_verdict);

/* Lessons that are there to learn from. */
size_t engine_lessons(const struct engine *engine);

/* Nothing is recorded and no attempt begins meanwhile; one that is under way goes on. */
void engine_pause(struct engine *engine, bool paused);
bool engine_is_paused(const struct engine *engine);

/* Nothing is learned from a detector that is flagged. E_NOT_FOUND. */
int engine_flag(struct engine *engine, const struct detector *detector, bool flagged);

/* Gives a detector weights of its own, which begin as the shared ones and count as memory. Further
 * calls change nothing. 0, -ENOMEM, E_NOT_FOUND, E_MISMATCH without a network, E_TOO_MANY_SERIES if
 * memory_max is reached; the detector then goes on with the shared ones. */
int engine_own(struct engine *engine, const struct detector *detector);

/* The weights that a detector has of its own, or the shared ones if detector is NULL: borrowed, NULL
 * if there are none. */
struct xlstm_model *engine_model(const struct engine *engine, const struct detector *detector);

/* Goes on with other weights of the same shape: the shared ones if detector is NULL, else its own.
 * An attempt of these weights that is under way comes to nothing. 0; E_MISMATCH if states would mean
 * something else; E_NOT_FOUND. */
int engine_adopt(struct engine *engine, const struct detector *detector, struct xlstm_model *model);

/*
 * What the members of groups know together, as bytes for the database: so many neighbourhoods, each with a
 * number from 1 that stays the same and engine_neighbourhood_size bytes. Loaded before the detectors are added,
 * and the rows of the same moment beside them, forecasts go on as if nothing had happened. Not while a batch is
 * under way.
 *
 * engine_neighbourhood_load: 0, -ENOMEM, E_VERSION, E_CORRUPT, or E_MISMATCH if it belongs to another
 * layout of groups or its number is taken; nothing changed unless 0.
 */
size_t engine_neighbourhoods(const struct engine *engine);
uint32_t engine_neighbourhood_id(const struct engine *engine, size_t index);
size_t engine_neighbourhood_size(const struct engine *engine, size_t index);
void engine_neighbourhood_save(const struct engine *engine, size_t index, void *to);
int engine_neighbourhood_load(struct engine *engine, uint32_t id, const void *from, size_t size);

/*
 * A component is made of detectors and neighbourhoods that depend on each other: those of a
 * neighbourhood, and of the others that its members' other channels sit in. Taken at one moment, its
 * states go on exactly, with the seats that were taken since. Neighbourhoods that were one when it was saved last
 * are of the same component. A component goes by the lowest id of its detectors.
 */

/* 0: the detector sits nowhere. */
uint32_t engine_component(struct engine *engine, const struct detector *detector);

/* 0: the neighbourhood is empty. */
uint32_t engine_neighbourhood_component(struct engine *engine, size_t index);

/* Whether members have come, gone or moved since the component was saved last; 0: the empty
 * neighbourhoods. */
bool engine_component_changed(struct engine *engine, uint32_t component);

/* A component that should be saved before long, since what was one neighbourhood has become many; 0: none. */
uint32_t engine_large_component(struct engine *engine);

/* The component has been saved as it is now; 0: the empty neighbourhoods. */
void engine_component_saved(struct engine *engine, uint32_t component);

/* Where a detector is. It counts when the detector first steps, and after a change from engine_settle on: its
 * neighbours are sought nearby then; what the values say chooses among them. */
void engine_place(
	struct engine *engine, const struct detector *detector, const struct place *place);

/* Whether their channels of the same name may be each other's nearest. A detector that has been limited sees
 * only those with which it is linked; both say so. other NULL: it is limited and nothing more. To be said
 * again when a channel is new. 0 or -ENOMEM. */
int engine_link(
	struct engine *engine, const struct detector *detector, const struct detector *other);

/* Nobody is limited any more. */
void engine_unlink_all(struct engine *engine);

/* Goes on in another group, or in none, with what each of its series has learned. `options` differ from
 * those before in group and guards at the most. 0, -ENOMEM, E_TOO_MANY_SERIES, E_NOT_FOUND; the detector is
 * as it was unless 0. */
int engine_regroup(struct engine *engine, const struct detector *detector,
	const struct forecast_options *options);

/* Detectors whose position has changed take the seats where they belong, and series that are in no group any
 * more give theirs back. Not while a batch is under way; what changes is to be saved before the next one.
 * Whether anything has changed. */
bool engine_settle(struct engine *engine);

/* One that a series looks at. */
struct neighbour {
	uint32_t series;
	double correlation; /* of changes over six periods */
	double distance; /* metres, NAN: somebody's position is not known */
};

/* What the neighbours have been good for at one lead: mean absolute errors without and with them, in
 * the unit of the readings. */
struct neighbour_gain {
	uint32_t lead; /* from 1 */
	double alone, together;
};

/* The neighbours of a series, the closest first, to `to` [NEIGHBOURS_MAX]; returns how many. Not while a
 * batch is under way. */
#define NEIGHBOURS_MAX 4
uint32_t engine_neighbours(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct neighbour *to);

/* What they have been good for, to `to` [HORIZON_MAX]; returns the number of leads, 0 if there is
 * nothing to tell yet. */
uint32_t engine_neighbour_gains(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct neighbour_gain *to);

/* How good the forecasts of a series have been, for leads 1 to the horizon, or those of them that a
 * lean row keeps; to holds
 * HORIZON_MAX. Returns the number of leads, 0 for a series that is not known. */
uint32_t engine_scores(const struct engine *engine, const struct detector *detector,
	uint32_t channel, struct score *to);

/* What each expert alone forecast at the newest tick, to [EXPERTS][HORIZON_MAX], in the unit of the
 * readings; NAN where it is asleep. (Of leads beyond 64 only some ticks' forecasts are kept, the
 * others are NAN.) False for a series that is not known. */
bool engine_expert_forecasts(const struct engine *engine, const struct detector *detector,
	uint32_t channel, double (*to)[HORIZON_MAX]);

/* The season that the series is taken to have, ticks; 0: none yet. */
uint32_t engine_season(
	const struct engine *engine, const struct detector *detector, uint32_t channel);

#endif
