/* SPDX-License-Identifier: Apache-2.0 */
#include "sources.h"

#include <errno.h>
#include <stdlib.h>

int sources_init(struct sources *sources, const struct config *config) {
	const char *problem;

	*sources = (struct sources){ 0 };
	if (config->source_count == 0)
		return 0;
	sources->items = calloc(config->source_count, sizeof(*sources->items));
	if (!sources->items)
		return -ENOMEM;

	for (size_t i = 0; i < config->source_count; i++) {
		struct app_source *source = &sources->items[i];

		source->config = &config->sources[i];
		source->clock = config_clock(config, source->config);
		int r = config_forecast_options(config, source->config, &source->forecast);
		if (r == 0)
			r = config_wire_source(config, source->config, &source->wire, &problem);
		if (r < 0) {
			sources_finish(sources);
			return r;
		}
		sources->count++;
	}
	return 0;
}

void sources_finish(struct sources *sources) {
	for (uint32_t i = 0; i < sources->count; i++)
		wire_source_destroy(sources->items[i].wire);
	free(sources->items);
	*sources = (struct sources){ 0 };
}

uint32_t sources_match(const struct sources *sources, struct span topic) {
	for (uint32_t i = 0; i < sources->count; i++) {
		if (wire_source_matches(sources->items[i].wire, topic))
			return i;
	}
	return SOURCE_NONE;
}

uint32_t sources_find(const struct sources *sources, struct span name) {
	for (uint32_t i = 0; i < sources->count; i++) {
		if (span_equal(span_text(sources->items[i].config->heading.name), name))
			return i;
	}
	return SOURCE_NONE;
}
