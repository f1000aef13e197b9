/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "log.h"
#include "setup.h"

#include <stdlib.h>

/*
 * What changes with the configuration while the daemon runs. A file with a mistake changes nothing.
 *
 * A source that is gone from the file stays among the sources, behind the others, until the daemon ends: it
 * hears nothing, but its detectors are saved as ever, and it may come back. What states are made for (step,
 * horizon and the like, docs/config.md) stays as it was at the start, or when the source first came.
 */

/* The source of each detector among others. */
static void renumber(struct app *app, const struct sources *next) {
	for (uint32_t id = 1; id < app->roster.detector_capacity; id++) {
		struct detector_slot *slot = &app->roster.detectors[id];

		if (slot->source != SOURCE_NONE)
			slot->source = sources_find(next,
				span_text(app->sources.items[slot->source].config->heading.name));
	}
}

/* What has been put in order for another configuration takes effect. The publish lane, which alone speaks to the
 * client, is waited for. */
static int change_sources(struct app *app) {
	struct sources next;

	int r = sources_reload(&next, app->config, &app->sources);
	if (r < 0)
		return r;

	lane_wait(&app->publisher.lane);
	r = sources_subscribe(&next, &app->sources, app->publisher.mqtt);
	if (r < 0) {
		sources_finish(&next);
		return r;
	}
	app->publisher.tend = true;
	renumber(app, &next);
	sources_finish(&app->sources);
	app->sources = next;
	return 0;
}

static void apply_options(struct app *app) {
	struct writer_options options = setup_writer_options(app);

	log_set_level(app->verbose ? LOG_LEVEL_DEBUG : (enum log_level)app->config->daemon.log);
	writer_set_options(&app->writer, &options);
	app_set_pause(app);
	app_publish_info(app);
}

/* Returns how many keys and sections have changed, or an error. */
static int take_over(
	struct app *app, struct config *fresh, struct text *problems, struct text *kept) {
	struct group_tables groups;

	int r = group_tables_load(&groups, fresh, problems);
	if (r < 0)
		return r;

	int changed = config_reload(app->config, fresh, kept);
	r = changed < 0 ? changed : change_sources(app);
	if (r < 0) {
		if (changed >= 0)
			config_swap_sections(app->config, fresh);
		group_tables_finish(&groups);
		return r;
	}
	app_reload_groups(app, &groups);
	return changed;
}

static int reload(struct app *app, struct text *problems, struct text *kept) {
	struct config *fresh;

	int r = config_load(app->config_path, problems, &fresh);
	if (r == 0) {
		r = take_over(app, fresh, problems, kept);
		config_destroy(fresh);
	}
	if (r < 0) {
		log_error("configuration not reloaded: %s\n%.*s", error_text(r),
			SPAN_PRINT(text_span(problems)));
		return r;
	}
	log_notice("configuration reloaded, %d keys and sections changed", r);
	if (kept->length > 0)
		log_warning("these have changed, too, but need a restart: %.*s",
			SPAN_PRINT(text_span(kept)));
	apply_options(app);
	return 0;
}

bool app_reload(struct app *app) {
	struct text problems = { 0 }, kept = { 0 };
	int r = reload(app, &problems, &kept);

	text_finish(&problems);
	text_finish(&kept);
	return r == 0;
}
