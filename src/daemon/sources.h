/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_SOURCES_H
#define DAEMON_SOURCES_H

#include "config_source.h"

struct mqtt;

/* One [source] of the configuration, ready for use. */
struct app_source {
	const struct config_source *config;
	struct wire_source *wire; /* NULL: it is gone from the file, and hears nothing */
	struct clock_options clock;
	struct forecast_options forecast;
};

/* All of them, in the order of the file. */
struct sources {
	struct app_source *items;
	uint32_t count;
};

/* No source: of a detector whose section is gone from the configuration. */
#define SOURCE_NONE UINT32_MAX

/* The configuration must outlive them. 0, -ENOMEM or E_CONFIG. */
int sources_init(struct sources *sources, const struct config *config);
void sources_finish(struct sources *sources);

/* The sources of a configuration that has been reloaded: clocks and forecasts are those of `now`. */
int sources_reload(struct sources *sources, const struct config *config, const struct sources *now);

/* Subscribes to what they hear and `before`, which may be NULL, did not, and ends what only those heard.
 * 0, or -ENOMEM and what was heard before is still. */
int sources_subscribe(
	const struct sources *sources, const struct sources *before, struct mqtt *mqtt);

/* Index of the first source for this topic, or SOURCE_NONE. */
uint32_t sources_match(const struct sources *sources, struct span topic);

/* Index of the source with this name, or SOURCE_NONE. */
uint32_t sources_find(const struct sources *sources, struct span name);

#endif
