/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_APP_H
#define DAEMON_APP_H

#include "config.h"
#include "engine.h"
#include "group_tables.h"
#include "inbox.h"
#include "lane.h"
#include "publisher.h"
#include "refusals.h"
#include "registry.h"
#include "roster.h"
#include "source.h"
#include "sources.h"
#include "training.h"
#include "troubles.h"
#include "watchdog.h"
#include "writer.h"

#include <uv.h>

/*
 * The daemon's whole state. The loop's thread owns it; what a lane works on meanwhile is in that
 * lane's job. app.c tells the way of a reading from top to bottom; each other file that includes
 * this one is a part of that way or of the life around it:
 *
 *   ingest.c    a message: source, readings, detectors
 *   output.c    a forecast: its bytes, where they go, anomalies
 *   saver.c     states into the journal, spread over the interval
 *   batches.c   what stepped together, for a replay
 *   grouping.c  who is where and may see whom
 *   recover.c   from the database back to where we were
 *   training.c  learning while running, weights that are kept
 *   silence.c   what has to happen because nothing arrives
 *   health.c    which faults there are
 *   request.c   questions over MQTT
 *   stats.c     counters and lags
 *   discovery.c Home Assistant
 *   reload.c    another configuration
 *   lifecycle.c start, signals, end
 */

/* Counted since the start. */
struct app_counters {
	uint64_t messages;
	uint64_t bytes;
	uint64_t readings; /* accepted */
	uint64_t ticks;
	uint64_t batches;
	uint64_t forecasts;
	uint64_t forecasts_shed; /* of these: neither stored nor published */
	uint64_t anomalies;
	uint64_t stale; /* series told to be */
	uint64_t requests;
	uint64_t own; /* messages of ours that a wide source brought back */
	uint64_t states;
	uint64_t unkept; /* times that mail which the database should have was given up */
	uint64_t without_forecast; /* times that [limits] memory left no room for a series */
};

/* From the arrival of a reading to its forecast on the way out, since the last statistics. */
struct app_lag {
	uint64_t count;
	int64_t sum_ms;
	int64_t max_ms;
};

/* Work of the lanes up to the last statistics. */
struct stats_before {
	uint64_t ns;
	uint64_t step_ns, write_ns, publish_ns, train_ns;
};

/* As of the last look, once a second. */
struct health {
	uint64_t unstored, shed, forecasts_shed;
	int64_t clocks_apart_ms; /* wall clock minus the loop's */
	bool looked;
};

/* The step lane's job. */
struct step_job {
	struct batch *batch;
	uint64_t busy_ns;
	struct app *app;
};

/* "xlstm/main/", "xlstm/forecast/", "xlstm/anomaly/" */
#define OWN_TOPICS 3

struct app {
	struct config *config;
	const char *config_path;
	bool verbose;
	struct sources sources;

	uv_loop_t loop;
	uv_async_t mail_arrived;
	uv_timer_t look_again; /* for more mail */
	uv_prepare_t before_poll;
	uv_timer_t second;
	uv_timer_t stats_timer;
	uv_timer_t watchdog_timer;
	uv_signal_t terminate, interrupt, hangup;

	/* In. */
	struct inbox *inbox;
	struct text inbox_path; /* of its file; empty: it is memory */
	struct span mail; /* taken from the inbox, not yet read */
	struct reading_list readings; /* of the message being read */
	uint64_t sequence; /* of the reading accepted last, see roster.h */
	int64_t behind_ms; /* since when many readings have waited, loop's clock; TIME_NONE: they do not */

	/* Known. */
	struct store *store; /* until the writer has it */
	struct registry *registry;
	struct roster roster;
	struct group_tables groups;
	struct group_tables groups_next; /* from a reload, until no batch is in flight */
	bool regroup; /* the configuration's groups have changed */
	bool settle; /* states have been saved all round: who has moved may sit elsewhere */

	/* Forecast. */
	struct engine *engine; /* NULL: [forecast] enabled = off */
	struct text model; /* name of the shared weights in use, "none" */
	uint64_t model_layout; /* of the network's part of a state */
	struct step_job step;
	uint32_t *stepping; /* room for the ids of a batch's detectors */
	struct lane step_lane;
	uint64_t step_busy_ns; /* as of the latest batch */
	struct training training;

	/* Out. */
	struct publisher publisher;
	struct writer writer;
	struct text json; /* of what is being written */
	struct text topic;
	struct text request_prefix; /* "xlstm/main/request/" */
	struct text own_topics[OWN_TOPICS]; /* what topics that we publish on begin with */

	/* States to be saved. */
	uint32_t save_cursor; /* id of the detector that was looked at last */
	double save_credit; /* detectors that are due to be looked at */
	uint64_t floor; /* every state contains its detector's readings up to this sequence */
	struct text state;

	struct app_counters counters;
	struct app_lag lag;
	struct stats_before stats_before;
	struct refusals refusals;
	struct inbox_counters inbox_before; /* already among the refusals */
	struct troubles troubles;
	struct health health;
	struct watchdog watchdog;
	int64_t started_ms; /* wall clock */
	bool flush; /* by request or at the end: commit without waiting */
	int result; /* of the whole run */
};

/* Wall clock in milliseconds since 1970. */
int64_t app_now(void);

/* Milliseconds of the loop's monotonic clock. */
int64_t app_clock(const struct app *app);

/* Readings of what has arrived, as far as there is room; the rest waits. */
void app_take_mail(struct app *app);

/* Whether anything that was taken from the broker still waits to be read. */
bool app_has_mail(const struct app *app);

/* Tells the journal up to where mail has been read, before it is committed. */
void app_note_input(struct app *app);

/* Whether more comes than can be worked off, so that forecasts which nobody waits for are left out. */
bool app_is_overloaded(const struct app *app);

/* Starts what is due on each idle lane. */
void app_start_lanes(struct app *app);

/* The batch in flight has run. */
void app_step_done(struct app *app);

/* --- ingest.c */

/* Whether we publish on it ourselves. */
bool app_is_own(const struct app *app, struct span topic);

/* Reads one message, accepts its readings, counts what is refused. */
void app_ingest(struct app *app, const struct mail *mail);

/* Notes a detector as it is now. 0 or an error of the journal. */
int app_journal_slot(struct app *app, const struct detector_slot *slot);

/* Puts the detector on the engine's list if it has a tick. */
void app_want(struct app *app, struct detector *detector);

/* --- output.c */

enum app_output {
	APP_SILENT, /* forecasts are only remembered */
	APP_JOURNAL, /* and noted in the journal */
	APP_PUBLISH, /* and published */
};

/* Puts out the forecasts of a batch that has run. */
void app_apply(struct app *app, struct batch *batch, enum app_output mode);

/* Publishes the latest forecast of a series once more, as stale. */
void app_publish_stale(struct app *app, uint32_t series);

/* --- saver.c */

/* Saves the states of detectors that are due and have changed. Only while no batch is in flight. */
void app_save_due(struct app *app);

/* Saves components whose members have come, gone or moved, and states that have another layout, at one
 * moment. Only while no batch is in flight. */
void app_save_changes(struct app *app);

/* Tells the journal from where on a recovery has to look, before it is committed. */
void app_note_floor(struct app *app);

/* Commits what waits, then saves and commits all that have changed until `deadline` of the loop's clock; the others
 * are replayed. */
void app_save_all(struct app *app, int64_t deadline_ms);

/* What decides whether a stored state can be used again. */
uint64_t app_layout(const struct app *app, uint32_t source);

/* Puts a stored state back. 0, E_CORRUPT, E_VERSION, E_MISMATCH, -ENOMEM. */
int app_load_state(struct app *app, struct detector *detector, struct span bytes);

/* --- batches.c */

/* Notes which detectors of groups a batch that has been filled holds. */
void app_note_batch(struct app *app, const struct batch *batch);

/* Fills and runs a batch of the detectors for which `wanted` says so, as it was noted. 0 or -ENOMEM. */
int app_run_again(struct app *app, const struct batch_row *row,
	bool (*wanted)(const struct detector_slot *slot, uint64_t sequence), enum app_output mode);

/* --- grouping.c */

/* Tells the engine where a detector is and whom it may see; to be called again when a channel is new. 0 or
 * -ENOMEM. */
int app_place(struct app *app, const struct detector_slot *slot);

/* Groups are as the configuration has them now, and the files that it names, from the next batch on. */
void app_reload_groups(struct app *app, struct group_tables *fresh);

/* What has changed about groups takes effect and is saved. Only while no batch is in flight. */
void app_settle(struct app *app);

/* --- recover.c */

/* Brings back detectors, series and states, and replays the readings since. 0 or an error. */
int app_recover(struct app *app, struct store *store);

/* --- training.c */

/* Starts the train lane. 0 or -errno. */
int app_init_training(struct app *app);

/* Ends the study under way without a result, and the lane. */
void app_stop_training(struct app *app);
void app_finish_training(struct app *app);

/* Gives the train lane an attempt if one is due. */
void app_train(struct app *app);

/* Takes weights back that do badly. */
void app_review(struct app *app);

/* Learning pauses, or goes on, as configuration and requests have it. */
void app_set_pause(struct app *app);

/* By request: learning pauses or goes on, a detector is flagged or not. A restart does not forget it.
 * app_flag: as engine_flag. */
void app_pause_learning(struct app *app, bool paused);
int app_flag(struct app *app, const struct detector *detector, bool flagged);

/* Flags detectors as they were. 0, or an error of the store. */
int app_load_flags(struct app *app, struct store *store);

/* Finds the versions in the database and puts the one in use there to use. 0, or an error of the
 * store. */
int app_load_training(struct app *app, struct store *store);

/* Whether detectors of a source have weights of their own. */
bool app_has_own_weights(const struct app *app, uint32_t source);

/* Gives a detector weights of its own: those in the store, which may be NULL, or the shared ones. Where
 * the limit of memory is reached it goes on with the shared ones. 0 or -ENOMEM. */
int app_own_weights(struct app *app, struct store *store, struct detector *detector);

/* Puts weights from a version's bytes to use: a detector's own, or the shared ones if it is NULL. 0,
 * -ENOMEM, E_CORRUPT, or as engine_adopt. */
int app_use_weights(
	struct app *app, const struct detector *detector, struct span name, struct span bytes);

/* The same by request, of a version or, where the name is that, of what was shipped; noted in the
 * journal. */
int app_restore_weights(
	struct app *app, const struct detector *detector, struct span name, struct span bytes);

/* --- silence.c */

/* Closes periods that are over and tells which sensors have fallen silent; once a second. */
void app_watch_silence(struct app *app, int64_t now_ms);

/* --- health.c */

/* Looks for faults; once a second. */
void app_watch_health(struct app *app);

/* --- request.c */

/* Answers a message on xlstm/<instance>/request/<verb>. */
void app_answer(struct app *app, const struct mail *mail);

/* --- stats.c */

/* The counters as JSON, without a terminator. Begins a new interval if `next`. */
void app_write_stats(struct app *app, bool next, struct text *to);
void app_publish_stats(struct app *app);
void app_write_info(struct app *app, struct text *to);
void app_publish_info(struct app *app);

/* --- discovery.c */

/* Announces a detector, or all of them, to Home Assistant if that is switched on. */
void app_announce(struct app *app, const struct detector *detector);
void app_announce_all(struct app *app);

/* --- reload.c */

/* Reads the configuration again. False, with everything as it was, if it has a mistake. */
bool app_reload(struct app *app);

/* --- lifecycle.c */

/* Runs the daemon. Returns an exit status. */
int app_run(struct config *config, const char *config_path, bool verbose);

#endif
