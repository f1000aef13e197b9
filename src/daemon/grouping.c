/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "log.h"

#include <errno.h>
#include <string.h>

/*
 * Who is where and may see whom: what the files of the groups say, what messages tell, and what becomes of it
 * when the configuration is reloaded. Members change seats between two batches only, and are saved before
 * the next one, so that no replay has to know when they did.
 */

int app_place(struct app *app, const struct detector_slot *slot) {
	const struct group_table *table =
		group_tables_find(&app->groups, app->sources.items[slot->source].config->group);

	return group_table_apply(
		table, app->engine, app->registry, slot->detector, slot->latitude, slot->longitude);
}

static struct detector_slot *used_slot(struct app *app, uint32_t id) {
	struct detector_slot *slot = roster_detector(&app->roster, id);

	return slot && slot->detector && slot->source != SOURCE_NONE ? slot : NULL;
}

/* One that finds no room in its new group stays in its old one and is told. */
static void regroup(struct app *app, struct detector_slot *slot) {
	int r = engine_regroup(
		app->engine, slot->detector, &app->sources.items[slot->source].forecast);

	if (r < 0 && r != E_NOT_FOUND)
		log_warning("%.*s: stays in its group: %s",
			SPAN_PRINT(detector_name(slot->detector)), error_text(r));
	slot->saved_waiting = true; /* its state has another layout */
	app_journal_slot(app, slot);
}

/* Which sources are in another group now, or have other guards. */
static void regroup_source(struct app *app, uint32_t source) {
	struct app_source *at = &app->sources.items[source];
	struct forecast_options options;

	if (config_forecast_options(app->config, at->config, &options) < 0 ||
		(strcmp(options.group, at->forecast.group) == 0 &&
			memcmp(&options.guards, &at->forecast.guards, sizeof(options.guards)) == 0))
		return;
	memcpy(at->forecast.group, options.group, sizeof(options.group));
	at->forecast.guards = options.guards;
	for (uint32_t id = 1; id <= registry_last_detector_id(app->registry); id++) {
		struct detector_slot *slot = used_slot(app, id);

		if (slot && slot->source == source)
			regroup(app, slot);
	}
}

static void place_all(struct app *app) {
	engine_unlink_all(app->engine);
	for (uint32_t id = 1; id <= registry_last_detector_id(app->registry); id++) {
		const struct detector_slot *slot = used_slot(app, id);

		if (slot && app_place(app, slot) < 0)
			log_warning("%.*s: no memory for its neighbours",
				SPAN_PRINT(detector_name(slot->detector)));
	}
}

void app_reload_groups(struct app *app, struct group_tables *fresh) {
	group_tables_finish(&app->groups_next);
	app->groups_next = *fresh;
	*fresh = (struct group_tables){ 0 };
	app->regroup = true;
}

static void regroup_all(struct app *app) {
	app->regroup = false;
	group_tables_finish(&app->groups);
	app->groups = app->groups_next;
	app->groups_next = (struct group_tables){ 0 };
	for (uint32_t i = 0; i < app->sources.count; i++)
		regroup_source(app, i);
	place_all(app);
}

/* What is saved leaves for the database at once, so that it takes nobody's room in the journal. */
void app_settle(struct app *app) {
	bool regrouped = app->regroup;

	if ((!regrouped && !app->settle) || lane_is_busy(&app->writer.lane))
		return;
	app->settle = false;
	if (regrouped)
		regroup_all(app);
	if (engine_settle(app->engine) || regrouped)
		app_save_changes(app);
}
