/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "log.h"
#include "notify.h"
#include "thread.h"

#include "xlstm/model.h"

#include <errno.h>
#include <inttypes.h>

/*
 * From the database back to where the daemon was: detectors and series with their ids, states, and
 * then every reading that a state does not contain yet, through the same clock and engine as if it
 * had just arrived, with publishing off. A state that can't be used (other options, another version,
 * damage) is rebuilt from the readings that are still there, the latest of them at least.
 *
 * Detectors of a group step again with those with whom they stepped, as long as that was noted
 * (batches.c); the others, and what came after the last note, as it comes.
 */
struct recovery {
	struct app *app;
	struct store *store;
	struct batch *second; /* runs beside the app's */
	uint32_t detectors, states, rebuilt;
	uint64_t replayed;
	uint64_t at; /* sequence of the reading or batch visited last */
	uint64_t last_batch; /* that was noted */
	bool noted; /* detectors of groups wait for their batches */
	uint64_t message; /* what the reading visited last came with */
	int64_t time_ms; /* of the reading visited last, of those being rebuilt */
	enum app_output output;
};

/* Readings between two signs of life for the service manager. */
#define SIGN_OF_LIFE 20000

/* What a sign of life asks for. */
#define PATIENCE_MS 60000

/* Readings that wait for a batch before the engine is run. */
#define WAITING_MAX 1024

/* Size of the journal at which it is committed, and what a visit returns then. */
#define COMMIT_BYTES (4u << 20)
#define PAUSED       1

static int restore_detector(void *user, const struct detector_row *row) {
	struct recovery *recovery = user;
	struct app *app = recovery->app;
	uint32_t source = sources_find(&app->sources, row->source);
	struct clock_options clock = clock_options_default();
	struct detector *detector;

	if (source != SOURCE_NONE)
		clock = app->sources.items[source].clock;
	int r = registry_restore_detector(app->registry, row->id, row->name, &clock, &detector);
	if (r < 0)
		return r;

	struct detector_slot *slot = roster_detector(&app->roster, row->id);
	if (!slot)
		return -ENOMEM;

	slot->detector = detector;
	slot->source = source;
	slot->latitude = row->latitude;
	slot->longitude = row->longitude;
	slot->stored_step_ms = row->step_ms;
	slot->heard_ms = app->started_ms; /* patience with it begins anew */
	slot->rebuild = source != SOURCE_NONE;
	slot->stateless = slot->rebuild;
	recovery->detectors++;
	return 0;
}

static int restore_series(void *user, const struct series_row *row) {
	struct recovery *recovery = user;
	struct app *app = recovery->app;
	struct detector *detector = registry_detector(app->registry, row->detector);
	if (!detector)
		return E_CORRUPT;

	int r = registry_restore_series(app->registry, detector, row->id, row->channel, row->unit);
	if (r < 0)
		return r;
	struct series_slot *slot = roster_series(&app->roster, row->id);
	if (!slot)
		return -ENOMEM;
	slot->sees = true;
	return 0;
}

/* Room in the engine for everything restored. A limit that has shrunk since is told, not fatal. */
static int add_to_engine(struct app *app, struct store *store, const struct detector_slot *slot) {
	if (slot->source == SOURCE_NONE)
		return 0;

	int r = engine_add(app->engine, slot->detector, &app->sources.items[slot->source].forecast);
	if (r == 0 && app_has_own_weights(app, slot->source))
		r = app_own_weights(app, store, slot->detector);
	if (r == 0)
		r = app_place(app, slot);
	if (r < 0)
		log_warning("%.*s: no room for its state: %s",
			SPAN_PRINT(detector_name(slot->detector)), error_text(r));
	return r == -ENOMEM ? r : 0;
}

/* Puts a detector with ticks on the engine's list, unless it waits for a batch that was noted. */
static void want(struct recovery *recovery, struct detector *detector) {
	if (!recovery->noted || !engine_is_grouped(recovery->app->engine, detector))
		app_want(recovery->app, detector);
}

static struct detector_slot *slot_at(struct app *app, uint32_t id) {
	struct detector_slot *slot =
		id < app->roster.detector_capacity ? &app->roster.detectors[id] : NULL;

	return slot && slot->detector ? slot : NULL;
}

/* One that can't be used begins anew; its members know each other again after a while. */
static int restore_neighbourhood(void *user, const struct neighbourhood_row *row) {
	struct recovery *recovery = user;

	int r = engine_neighbourhood_load(
		recovery->app->engine, row->id, row->bytes.data, row->bytes.length);
	if (r < 0 && r != -ENOMEM)
		log_notice("neighbourhood %" PRIu32 ": its state can't be used (%s)", row->id,
			error_text(r));
	return r == -ENOMEM ? r : 0;
}

static int add_all_to_engine(struct app *app, struct store *store) {
	for (uint32_t id = 1; id < app->roster.detector_capacity; id++) {
		const struct detector_slot *slot = slot_at(app, id);

		if (slot && add_to_engine(app, store, slot) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Nothing of a state that failed half-way may stay; weights of the detector's own do. */
static int start_afresh(struct app *app, struct detector_slot *slot) {
	struct xlstm_model *own = engine_model(app->engine, slot->detector);
	if (own)
		xlstm_model_ref(own);

	engine_remove(app->engine, slot->detector);
	int r = add_to_engine(app, NULL, slot);
	if (own && r == 0)
		(void)engine_adopt(app->engine, slot->detector, own);
	xlstm_model_unref(own);
	return r;
}

static int load_state(struct app *app, struct detector_slot *slot, const struct state_row *row) {
	if (row->bytes.length == 0)
		return E_CORRUPT;
	if (row->layout != app_layout(app, slot->source))
		return E_MISMATCH;
	return app_load_state(app, slot->detector, row->bytes);
}

static int restore_state(void *user, const struct state_row *row) {
	struct recovery *recovery = user;
	struct app *app = recovery->app;
	struct detector_slot *slot = slot_at(app, row->detector);

	if (!slot || slot->source == SOURCE_NONE)
		return 0;

	slot->stateless = false;
	int r = load_state(app, slot, row);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_notice("%.*s: its state can't be used (%s) and is rebuilt from readings",
			SPAN_PRINT(detector_name(slot->detector)), error_text(r));
		return 0;
	}
	slot->sequence = row->sequence;
	slot->saved = row->sequence;
	slot->saved_waiting = detector_has_tick(slot->detector);
	slot->rebuild = false;
	recovery->states++;
	want(recovery, slot->detector);
	return 0;
}

/* Those whose state could not be used. */
static int start_all_afresh(struct app *app) {
	int r = 0;

	for (uint32_t id = 1; id < app->roster.detector_capacity && r == 0; id++) {
		struct detector_slot *slot = slot_at(app, id);

		if (slot && slot->rebuild && !slot->stateless)
			r = start_afresh(app, slot);
	}
	return r;
}

static void *settle_memory(void *engine) {
	engine_settle_memory(engine);
	return NULL;
}

/* To get memory takes as long as to fill it, so one thread gets it from the end while this one fills it from
 * the beginning. */
static int load_states(struct recovery *recovery) {
	struct engine *engine = recovery->app->engine;
	pthread_t thread;

	int started = thread_start(&thread, settle_memory, engine);
	int r = store_each_state(recovery->store, restore_state, recovery);
	if (started == 0)
		pthread_join(thread, NULL);
	else
		engine_settle_memory(engine);
	engine_end_deferral(engine);
	return r;
}

static int restore_states(struct recovery *recovery) {
	struct app *app = recovery->app;

	engine_defer_memory(app->engine);
	int r = add_all_to_engine(app, recovery->store);
	if (r == 0)
		r = load_states(recovery);
	return r == 0 ? start_all_afresh(app) : r;
}

static bool fill(struct recovery *recovery, struct batch *batch) {
	if (engine_fill(recovery->app->engine, batch) == 0)
		return false;
	if (recovery->output == APP_JOURNAL)
		app_note_batch(recovery->app, batch);
	return true;
}

static void *run_batch(void *batch) {
	batch_run(batch);
	return NULL;
}

/* On two processors, if neither depends on the other. */
static void run_both(struct batch *first, struct batch *second) {
	pthread_t thread;
	bool together =
		batch_is_apart(first, second) && thread_start(&thread, run_batch, second) == 0;

	batch_run(first);
	if (together)
		pthread_join(thread, NULL);
	else
		batch_run(second);
}

/* Runs the engine until nothing waits. Where detectors are in groups no batch may be filled before the one before has
 * run. */
static void catch_up(struct recovery *recovery) {
	struct app *app = recovery->app;
	struct batch *first = app->step.batch, *second = recovery->second;

	while (fill(recovery, first)) {
		if (engine_grouped(first, app->stepping) == 0 && fill(recovery, second)) {
			run_both(first, second);
			app_apply(app, first, recovery->output);
			app_apply(app, second, recovery->output);
		} else {
			batch_run(first);
			app_apply(app, first, recovery->output);
		}
	}
}

/* What the replay puts out goes to the database in pieces, as it would have when it was new. */
static int commit(struct recovery *recovery) {
	struct journal *journal = writer_journal(&recovery->app->writer);

	catch_up(recovery);
	if (journal_is_empty(journal))
		return 0;
	int r = store_commit(recovery->store, journal);
	if (r == 0)
		journal_reset(journal);
	return r;
}

/* While a visit reads from the database nothing can be committed, so it ends now and then. */
static int pause_to_commit(struct recovery *recovery) {
	return journal_size(writer_journal(&recovery->app->writer)) > COMMIT_BYTES ? PAUSED : 0;
}

/* What waited was accepted once; what comes from the history is in the order of time. */
static int put(const struct recovery *recovery, const struct series *series,
	const struct reading_row *row) {
	struct arrival arrival = { TIME_NONE, recovery->message };

	if (row->sequence > 0)
		return detector_put_again(series->detector, series->channel, row->time_ms,
			row->value, recovery->message);
	return detector_put(series->detector, series->channel, row->time_ms, row->value, &arrival);
}

static int replay_reading(struct recovery *recovery, const struct reading_row *row) {
	struct app *app = recovery->app;
	struct series series = registry_series(app->registry, row->series);

	if (!series.detector)
		return E_CORRUPT;
	int r = put(recovery, &series, row);
	if (r == -ENOMEM)
		return r;

	/* The clock judged this reading once already; with other options it may judge anew. */
	want(recovery, series.detector);
	if (++recovery->replayed % SIGN_OF_LIFE == 0) {
		notify_patience(PATIENCE_MS);
		notify_status("replaying stored readings: %" PRIu64, recovery->replayed);
	}
	return 0;
}

/* Nothing more was noted: what is left steps as it comes. */
static void end_of_notes(struct recovery *recovery) {
	struct app *app = recovery->app;

	recovery->noted = false;
	for (uint32_t id = 1; id < app->roster.detector_capacity; id++) {
		const struct detector_slot *slot = slot_at(app, id);

		if (slot && slot->source != SOURCE_NONE)
			app_want(app, slot->detector);
	}
}

/* Between two messages, never within one. */
static int between_messages(struct recovery *recovery) {
	if (registry_waiting(recovery->app->registry) >= WAITING_MAX)
		catch_up(recovery);
	return pause_to_commit(recovery);
}

static int replay_later(void *user, const struct reading_row *row) {
	struct recovery *recovery = user;
	struct detector_slot *slot = slot_at(recovery->app, row->detector);

	if (row->sequence != recovery->at + 1) {
		if (between_messages(recovery) == PAUSED)
			return PAUSED;
		recovery->message = row->sequence;
	}
	recovery->at = row->sequence;
	if (recovery->noted && row->sequence > recovery->last_batch)
		end_of_notes(recovery);
	if (!slot || slot->rebuild || slot->source == SOURCE_NONE ||
		row->sequence <= slot->sequence)
		return 0;
	slot->sequence = row->sequence;
	return replay_reading(recovery, row);
}

/* Its state does not contain the batch yet. */
static bool is_later(const struct detector_slot *slot, uint64_t sequence) {
	return !slot->rebuild && slot->source != SOURCE_NONE && sequence > slot->saved;
}

static int replay_batch(void *user, const struct batch_row *row) {
	struct recovery *recovery = user;

	if (pause_to_commit(recovery) == PAUSED)
		return PAUSED;
	recovery->at = row->sequence;
	return app_run_again(recovery->app, row, is_later, recovery->output);
}

/* What never had a state is replayed as it arrived, as long as all of it still waits. */
static int note_whole(void *user, uint32_t detector) {
	struct recovery *recovery = user;
	struct detector_slot *slot = slot_at(recovery->app, detector);

	if (slot && slot->stateless)
		slot->rebuild = false;
	return 0;
}

static int replay_all_later(struct recovery *recovery) {
	int r;

	recovery->at = recovery->app->floor;
	recovery->output = APP_JOURNAL;
	do {
		r = store_each_waiting(
			recovery->store, recovery->at, replay_later, replay_batch, recovery);
		if (r == 0)
			end_of_notes(recovery);
		if (r >= 0 && commit(recovery) < 0)
			return E_STORE;
	} while (r == PAUSED);
	return r;
}

/* What has the same time is taken for one message; that is all there is to know. */
static int replay_past(void *user, const struct reading_row *row) {
	struct recovery *recovery = user;

	if (row->time_ms != recovery->time_ms)
		recovery->message++;
	recovery->time_ms = row->time_ms;
	if (registry_waiting(recovery->app->registry) >= WAITING_MAX)
		catch_up(recovery);
	return replay_reading(recovery, row);
}

/* The latest readings of one detector, as many as may be. The forecasts made on the way are not those
 * that were published then, so they are not noted. */
static int rebuild(struct recovery *recovery, struct detector_slot *slot) {
	uint64_t before = recovery->replayed;

	recovery->output = APP_SILENT;
	recovery->time_ms = TIME_NONE;
	int r = store_each_past_reading(recovery->store, detector_id(slot->detector),
		recovery->app->config->store.rebuild, replay_past, recovery);
	catch_up(recovery);
	if (recovery->replayed > before) {
		recovery->rebuilt++;
		slot->sequence = recovery->app->sequence;
	}
	return r;
}

static int rebuild_all(struct recovery *recovery) {
	struct app *app = recovery->app;
	int r = 0;

	for (uint32_t id = 1; id < app->roster.detector_capacity && r == 0; id++) {
		struct detector_slot *slot = slot_at(app, id);

		if (slot && slot->rebuild)
			r = rebuild(recovery, slot);
	}
	return r;
}

/* What nothing has been replayed of was published before: it is what a request asks for, and what is told to
 * be stale if the sensor stays silent. */
static int restore_forecast(void *user, const struct forecast_row *row) {
	struct recovery *recovery = user;
	struct series_slot *slot = roster_series(&recovery->app->roster, row->series);

	if (!slot)
		return -ENOMEM;
	if (slot->forecast.length == 0)
		text_add(&slot->forecast, row->json);
	return text_failed(&slot->forecast) ? -ENOMEM : 0;
}

static int restore(struct recovery *recovery) {
	struct store *store = recovery->store;

	int r = store_last_sequence(store, &recovery->app->sequence);
	if (r == 0)
		r = store_floor(store, &recovery->app->floor);
	if (r == 0)
		r = store_last_batch(store, &recovery->last_batch);
	if (r < 0)
		return r;

	recovery->noted = true;
	r = store_each_detector(store, restore_detector, recovery);
	if (r == 0)
		r = store_each_series(store, restore_series, recovery);
	if (r < 0 || !recovery->app->engine)
		return r;

	r = store_each_neighbourhood(store, restore_neighbourhood, recovery);
	if (r == 0)
		r = restore_states(recovery);
	if (r == 0)
		r = app_load_flags(
			recovery->app, store); /* what is replayed then is not learned from */
	if (r == 0)
		r = store_each_waiting_whole(store, note_whole, recovery);
	if (r == 0)
		r = replay_all_later(recovery);
	if (r == 0)
		r = rebuild_all(recovery);
	return r == 0 ? store_each_latest_forecast(store, restore_forecast, recovery) : r;
}

int app_recover(struct app *app, struct store *store) {
	struct recovery recovery = { .app = app, .store = store };

	notify_patience(PATIENCE_MS);
	int r = app->engine ? batch_create(&recovery.second, app->config->limits.batch) : 0;
	if (r == 0)
		r = restore(&recovery);
	batch_destroy(recovery.second);
	if (r < 0)
		return r;
	if (recovery.detectors > 0)
		log_notice("database: %" PRIu32 " detectors, %" PRIu32 " states, %" PRIu32
			   " rebuilt, %" PRIu64 " readings replayed",
			recovery.detectors, recovery.states, recovery.rebuilt, recovery.replayed);
	return 0;
}
