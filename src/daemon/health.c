/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"

#include <stdio.h>
#include <stdlib.h>

/* What the wall clock may gain or lose on the other one within a second before it has stepped:
 * more than any discipline of a clock slews. */
#define CLOCK_STEP_MS 500

/* What is new since the last look. */
static uint64_t rise(uint64_t now, uint64_t *before) {
	uint64_t rise = now - *before;

	*before = now;
	return rise;
}

static void look_at_broker(struct app *app) {
	const struct publisher *publisher = &app->publisher;

	if (!publisher->connected)
		troubles_meet(&app->troubles, TROUBLE_BROKER,
			publisher->refused ? "connection refused" : "no connection", 0);
}

static void look_at_database(struct app *app) {
	const struct writer *writer = &app->writer;
	uint64_t unstored = rise(writer->unstored, &app->health.unstored);

	if (writer->failure < 0)
		troubles_meet(&app->troubles, TROUBLE_DATABASE, error_text(writer->failure), 0);
	if (writer->prune_failure < 0)
		troubles_meet(
			&app->troubles, TROUBLE_HOUSEKEEPING, error_text(writer->prune_failure), 0);
	if (unstored > 0)
		troubles_meet(&app->troubles, TROUBLE_UNSTORED, "journals are full", unstored);
}

static void look_at_load(struct app *app) {
	uint64_t shed = rise(inbox_counters(app->inbox).shed, &app->health.shed);
	uint64_t forecasts = rise(app->counters.forecasts_shed, &app->health.forecasts_shed);

	if (shed > 0)
		troubles_meet(&app->troubles, TROUBLE_OVERLOAD, "messages dropped", shed);
	if (app_is_overloaded(app) || forecasts > 0)
		troubles_meet(&app->troubles, TROUBLE_BACKLOG,
			forecasts > 0 ? "forecasts that newer readings overtake are shed"
				      : "many readings wait for their forecasts",
			forecasts);
}

static int64_t monotonic_ms(void) {
	return (int64_t)(uv_hrtime() / 1000000);
}

/* Nobody has fallen silent because the clock says that hours have passed. */
static void move_silence(struct app *app, int64_t by_ms) {
	uint32_t last = registry_last_detector_id(app->registry);

	for (uint32_t id = 1; id <= last && id < app->roster.detector_capacity; id++) {
		struct detector_slot *slot = &app->roster.detectors[id];

		if (slot->heard_ms != TIME_NONE)
			slot->heard_ms += by_ms;
	}
}

static void look_at_clock(struct app *app) {
	int64_t before_ms = monotonic_ms();
	int64_t apart_ms = app_now() - before_ms;
	int64_t step_ms = apart_ms - app->health.clocks_apart_ms;
	char what[64];

	/* Between two looks at two clocks others may have had the processor. */
	if (monotonic_ms() - before_ms > CLOCK_STEP_MS / 4)
		return;
	if (app->health.looked && llabs(step_ms) > CLOCK_STEP_MS) {
		snprintf(what, sizeof(what), "stepped by %+.0f s", (double)step_ms / 1000);
		troubles_meet(&app->troubles, TROUBLE_CLOCK, what, 0);
		move_silence(app, step_ms);
	}
	app->health.clocks_apart_ms = apart_ms;
	app->health.looked = true;
}

void app_watch_health(struct app *app) {
	troubles_turn(&app->troubles, app_now(), app_clock(app));
	look_at_broker(app);
	look_at_database(app);
	look_at_load(app);
	look_at_clock(app);
	troubles_settle(&app->troubles);
}
