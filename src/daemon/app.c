/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "log.h"

#include <time.h>

/*
 * The way of a reading. Each arrow hands on a new noun; nothing comes back.
 *
 *   Paho's thread   on_message        -> inbox             copy, wake a sleeping loop
 *   loop            app_take_mail     -> mail
 *                   app_ingest        -> readings, ticks, rows of the journal
 *   before poll     start_step        -> batch             at most one tick per detector
 *   step lane       batch_run         -> forecasts
 *   loop            app_apply         -> JSON: to the outbox and, the same, to the journal
 *   before poll     publisher_start, writer_start
 *   publish lane    mqtt_send_all     -> the broker
 *   write lane      store_commit      -> the database
 *   train lane      study_work        -> other weights, now and then
 *
 * Nothing behind the inbox waits for a timer: at most one batch is in flight and the next one fills while
 * it runs. Nothing grows without bound: while there is no room ahead, mail stays in the inbox, and
 * a full inbox holds the broker back.
 *
 * Work that is behind for long is done without what only costs: of a detector that catches up nobody
 * waits for the forecasts but the last, so while the daemon is overloaded the others are made, since
 * what is learned depends on them, but neither written nor stored.
 */

/* Messages that one turn of the loop reads at the most, so that lanes never wait long for it. */
#define MESSAGES_PER_TURN 1000

/* Waking the loop costs as much as reading a message. So mail wakes it out of a silence only; after
 * mail it looks again by itself, also for what a turn has left or had no room for. */
#define LOOK_AGAIN_MS 1

/* Readings that wait for a batch at the most before mail has to wait. */
#define WAITING_MAX 4000

/* So many that the daemon counts as behind. */
#define BEHIND_MIN (WAITING_MAX / 4)

int64_t app_now(void) {
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t app_clock(const struct app *app) {
	return (int64_t)uv_now(&app->loop);
}

static bool has_room(const struct app *app) {
	return registry_waiting(app->registry) < WAITING_MAX && !writer_is_full(&app->writer);
}

static bool is_request(const struct app *app, const struct mail *mail) {
	return span_starts_with(mail->topic, text_span(&app->request_prefix));
}

static void hear_news(struct app *app, const struct mail *mail) {
	publisher_hear(&app->publisher, mail);
	if (mail->kind == MAIL_CONNECTED) {
		app_publish_info(app);
		app_announce_all(app);
	}
}

static void read_mail(struct app *app, const struct mail *mail) {
	if (mail->kind != MAIL_MESSAGE)
		hear_news(app, mail);
	else if (is_request(app, mail))
		app_answer(app, mail);
	else
		app_ingest(app, mail);
}

static void on_look_again(uv_timer_t *timer) {
	app_take_mail(timer->data);
}

void app_take_mail(struct app *app) {
	struct mail mail;

	if (app->mail.length == 0)
		app->mail = inbox_take(app->inbox);
	if (app->mail.length == 0)
		return; /* the next mail wakes us */

	uv_timer_start(&app->look_again, on_look_again, LOOK_AGAIN_MS, 0);
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		if (!has_room(app) || !mail_unpack(&app->mail, &mail))
			return;
		read_mail(app, &mail);
	}
}

static void note_backlog(struct app *app) {
	if (registry_waiting(app->registry) < BEHIND_MIN)
		app->behind_ms = TIME_NONE;
	else if (app->behind_ms == TIME_NONE)
		app->behind_ms = app_clock(app);
}

bool app_is_overloaded(const struct app *app) {
	int64_t patience_ms = app->config->limits.backlog;

	return patience_ms > 0 && app->behind_ms != TIME_NONE &&
	       app_clock(app) - app->behind_ms >= patience_ms;
}

bool app_has_mail(const struct app *app) {
	return app->mail.length > 0 || inbox_counters(app->inbox).pending_bytes > 0;
}

void app_note_input(struct app *app) {
	if (app->inbox_path.length > 0)
		journal_input(writer_journal(&app->writer), inbox_position(app->inbox, app->mail));
}

/* While the database fails mail piles up that waits to be committed. Then forecasting goes on, as
 * it does without its database, and what a crash would cost grows. */
static void give_up_mail(struct app *app) {
	if (app->counters.unkept++ == 0)
		log_warning("the inbox fills while the database fails: a crash would lose "
			    "readings from now on");
	inbox_release(app->inbox, inbox_position(app->inbox, app->mail));
}

/* Mail stays in the file until what came of it is committed. */
static void release_mail(struct app *app) {
	if (app->inbox_path.length == 0)
		return;

	inbox_release(app->inbox, app->writer.input);
	bool crowded = inbox_is_crowded(app->inbox, inbox_position(app->inbox, app->mail));
	if (crowded && app->writer.failure < 0)
		give_up_mail(app);
	else if (crowded)
		app->flush = true;
	if (crowded || journal_size(writer_journal(&app->writer)) > 0)
		app_note_input(app);
}

static void start_commit(struct app *app) {
	app_note_floor(app);
	release_mail(app);
	writer_start(&app->writer, app->flush, app_now());
	app->flush = false;
}

/* States may be saved only now, while no batch holds any; then the next batch leaves, which is to be noted: what is
 * saved of a large component takes all the room of a journal. */
static void start_step(struct app *app) {
	if (!app->engine || lane_is_busy(&app->step_lane))
		return;

	app_settle(app);
	app_save_due(app);
	if (!writer_takes_readings(&app->writer))
		start_commit(app);
	size_t ticks = engine_fill(app->engine, app->step.batch);
	app->counters.ticks += ticks;
	if (ticks == 0)
		return;
	app_note_batch(app, app->step.batch);
	lane_start(&app->step_lane, &app->step);
}

/* Without a broker there is nobody to publish to, at the end; what has been learned stays. */
void app_step_done(struct app *app) {
	app->step_busy_ns = app->step.busy_ns;
	app_apply(app, app->step.batch, app->publisher.mqtt ? APP_PUBLISH : APP_JOURNAL);
	app_review(app);
	app_take_mail(app);
}

void app_start_lanes(struct app *app) {
	note_backlog(app);
	start_step(app);
	if (app->engine)
		app_train(app);
	publisher_start(&app->publisher);
	start_commit(app);
}
