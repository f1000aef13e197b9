/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"
#include "error.h"
#include "log.h"
#include "notify.h"
#include "setup.h"

#include <inttypes.h>
#include <signal.h>

/* Once a second: what has to happen because time has passed. */
#define SECOND_MS 1000

/* The watchdog is asked this many times within its interval. */
#define LOOKS_PER_INTERVAL 4

/* What the end may take: working off what has arrived, then saving states. What is not saved by
 * then is replayed at the next start. Together with saying goodbye it stays below five seconds, unless the
 * disk is slow: then it takes as long as the readings do that were not committed yet, and a state. */
#define DRAIN_MS   1000
#define GOODBYE_MS 1000
#define SAVE_MS    1500

static void on_mail(uv_async_t *async) {
	app_take_mail(async->data);
}

static void on_before_poll(uv_prepare_t *prepare) {
	app_start_lanes(prepare->data);
}

/* What Paho's threads had to drop shows beside everything else that was refused. */
static void count_shed(struct app *app) {
	struct inbox_counters now = inbox_counters(app->inbox);
	int64_t clock = app_clock(app);

	refusals_add(
		&app->refusals, E_OVERFLOW, now.shed - app->inbox_before.shed, clock, SPAN_EMPTY);
	refusals_add(&app->refusals, E_TOO_LARGE, now.too_large - app->inbox_before.too_large,
		clock, SPAN_EMPTY);
	app->inbox_before = now;
}

static void on_second(uv_timer_t *timer) {
	struct app *app = timer->data;
	double share = (double)SECOND_MS / (double)app->config->store.state_interval;

	app_watch_health(app);
	app_watch_silence(app, app_now());
	count_shed(app);
	app->save_credit += share * registry_last_detector_id(app->registry);
	if (app->save_credit > registry_last_detector_id(app->registry))
		app->save_credit = registry_last_detector_id(app->registry);
}

static void on_stats(uv_timer_t *timer) {
	struct app *app = timer->data;
	struct text troubles = { 0 };

	app_publish_stats(app);
	troubles_name(&app->troubles, &troubles);
	notify_status("%" PRIu32 " series, %" PRIu64 " readings, %" PRIu64 " forecasts, %" PRIu64
		      " refused; broker %s, database %s%s%.*s",
		registry_series_count(app->registry), app->counters.readings,
		app->counters.forecasts, app->refusals.total,
		app->publisher.connected ? "connected" : "away",
		app->writer.failure < 0 ? error_name(app->writer.failure) : "ok",
		troubles.length > 0 ? "; trouble: " : "", SPAN_PRINT(text_span(&troubles)));
	text_finish(&troubles);
}

static void on_watchdog(uv_timer_t *timer) {
	static const char *const names[] = { "step", "write", "publish", "train" };
	struct app *app = timer->data;
	struct lane *lanes[] = { &app->step_lane, &app->writer.lane, &app->publisher.lane,
		&app->training.lane };
	struct watchdog_lane seen[4];

	for (int i = 0; i < 4; i++)
		seen[i] = (struct watchdog_lane){ lane_progress(lanes[i]), lane_is_busy(lanes[i]) };

	int hangs = watchdog_look(&app->watchdog, seen, 4);
	if (hangs < 0)
		notify_alive();
	else
		log_error("the %s lane makes no progress", names[hangs]);
}

static void start_timers(struct app *app) {
	uint64_t stats_ms = (uint64_t)app->config->daemon.stats_interval;
	uint64_t watchdog_ms = (uint64_t)notify_watchdog_ms() / LOOKS_PER_INTERVAL;

	uv_timer_start(&app->second, on_second, SECOND_MS, SECOND_MS);
	uv_timer_start(&app->stats_timer, on_stats, stats_ms, stats_ms);
	if (watchdog_ms > 0)
		uv_timer_start(&app->watchdog_timer, on_watchdog, 0, watchdog_ms);
}

/* Once is asked, twice is meant: the default action of a second signal ends the process at once,
 * which costs no more than a crash would. */
static void on_terminate(uv_signal_t *handle, int number) {
	struct app *app = handle->data;

	(void)number;
	log_notice("stopping");
	notify_stopping();
	uv_signal_stop(&app->terminate);
	uv_signal_stop(&app->interrupt);
	uv_stop(&app->loop);
}

static void on_hangup(uv_signal_t *handle, int number) {
	struct app *app = handle->data;

	(void)number;
	notify_reloading();
	if (app_reload(app))
		start_timers(app);
	notify_ready();
}

static void init_handles(struct app *app) {
	uv_async_init(&app->loop, &app->mail_arrived, on_mail);
	uv_timer_init(&app->loop, &app->look_again);
	uv_prepare_init(&app->loop, &app->before_poll);
	uv_timer_init(&app->loop, &app->second);
	uv_timer_init(&app->loop, &app->stats_timer);
	uv_timer_init(&app->loop, &app->watchdog_timer);
	uv_signal_init(&app->loop, &app->terminate);
	uv_signal_init(&app->loop, &app->interrupt);
	uv_signal_init(&app->loop, &app->hangup);

	uv_handle_t *const handles[] = { (uv_handle_t *)&app->mail_arrived,
		(uv_handle_t *)&app->look_again, (uv_handle_t *)&app->before_poll,
		(uv_handle_t *)&app->second, (uv_handle_t *)&app->stats_timer,
		(uv_handle_t *)&app->watchdog_timer, (uv_handle_t *)&app->terminate,
		(uv_handle_t *)&app->interrupt, (uv_handle_t *)&app->hangup };
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		handles[i]->data = app;
}

static void note_start(struct app *app) {
	struct journal *journal = writer_journal(&app->writer);
	struct text started = { 0 };

	text_add_format(&started, "%" PRId64, app->started_ms);
	journal_meta(journal, SPAN("version"), SPAN(VERSION));
	journal_meta(journal, SPAN("instance"), span_text(app->config->daemon.instance));
	journal_meta(journal, SPAN("started"), text_span(&started));
	journal_meta(journal, SPAN("model"), text_span(&app->model));
	text_finish(&started);
}

static void start(struct app *app) {
	uv_prepare_start(&app->before_poll, on_before_poll);
	uv_signal_start(&app->terminate, on_terminate, SIGTERM);
	uv_signal_start(&app->interrupt, on_terminate, SIGINT);
	uv_signal_start(&app->hangup, on_hangup, SIGHUP);
	start_timers(app);
	note_start(app);
	app->stats_before.ns = uv_hrtime();
	if (app->sources.count == 0)
		log_warning("no [source] is configured: there is nothing to read");
	log_notice("xlstmd " VERSION " started, %" PRIu32 " series known",
		registry_series_count(app->registry));
	notify_ready();
}

/* Works off what has arrived. Lanes are waited for, the loop does not run any more. */
static void drain(struct app *app) {
	int64_t deadline_ms;

	uv_update_time(&app->loop);
	deadline_ms = app_clock(app) + DRAIN_MS;
	do {
		app_take_mail(app);
		app_start_lanes(app);
		lane_wait(&app->step_lane);
		uv_update_time(&app->loop);
	} while ((app_has_mail(app) || (app->engine && engine_is_due(app->engine))) &&
		 app_clock(app) < deadline_ms);
}

/* The broker is told first, so that it sends nothing more; what it had sent by then is kept. */
static void stop(struct app *app) {
	inbox_close(app->inbox);
	drain(app);
	publisher_stop(&app->publisher, GOODBYE_MS);
	drain(app);
	if (app->engine)
		app_save_all(app, app_clock(app) + SAVE_MS);
}

static void on_walk(uv_handle_t *handle, void *context) {
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

int app_run(struct config *config, const char *config_path, bool verbose) {
	struct app app = {
		.config = config,
		.config_path = config_path,
		.verbose = verbose,
		.started_ms = app_now(),
		.behind_ms = TIME_NONE,
	};

	signal(SIGPIPE, SIG_IGN);
	int r = uv_loop_init(&app.loop);
	if (r < 0) {
		log_error("event loop: %s", error_text(r));
		return EXIT_STATUS_FAILED;
	}
	init_handles(&app);
	app.result = setup_init(&app);
	if (app.result == 0) {
		start(&app);
		uv_run(&app.loop, UV_RUN_DEFAULT);
		stop(&app);
	}
	setup_finish(&app);
	uv_walk(&app.loop, on_walk, NULL);
	uv_run(&app.loop, UV_RUN_DEFAULT);
	uv_loop_close(&app.loop);
	return app.result;
}
