/* SPDX-License-Identifier: Apache-2.0 */
#include "sources.h"

#include "mqtt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
		if (r == 0 && !source->config->heading.gone)
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

int sources_reload(
	struct sources *sources, const struct config *config, const struct sources *now) {
	int r = sources_init(sources, config);
	if (r < 0)
		return r;

	for (uint32_t i = 0; i < sources->count; i++) {
		struct app_source *source = &sources->items[i];
		uint32_t same = sources_find(now, span_text(source->config->heading.name));

		if (same == SOURCE_NONE)
			continue;
		source->clock = now->items[same].clock;
		source->forecast = now->items[same].forecast;
	}
	return 0;
}

static bool hears(const struct sources *sources, struct span filter, uint32_t qos) {
	for (uint32_t i = 0; sources && i < sources->count; i++) {
		const struct app_source *source = &sources->items[i];

		if (source->wire && span_equal(wire_source_filter(source->wire), filter) &&
			source->config->qos == qos)
			return true;
	}
	return false;
}

/* Calls `change` for each filter that one hears and the other does not. */
static int change_filters(const struct sources *sources, const struct sources *other,
	struct mqtt *mqtt, int (*change)(struct mqtt *mqtt, const char *filter, int qos)) {
	int r = 0;

	for (uint32_t i = 0; sources && i < sources->count && r == 0; i++) {
		const struct app_source *source = &sources->items[i];
		struct span filter = source->wire ? wire_source_filter(source->wire) : SPAN_EMPTY;

		if (!source->wire || hears(other, filter, source->config->qos))
			continue;
		char *text = strndup(filter.data, filter.length);
		r = text ? change(mqtt, text, (int)source->config->qos) : -ENOMEM;
		free(text);
	}
	return r;
}

static int end_filter(struct mqtt *mqtt, const char *filter, int qos) {
	(void)qos;
	mqtt_unsubscribe(mqtt, filter);
	return 0;
}

/* Those that go go first: one may come back with another quality of service. */
int sources_subscribe(
	const struct sources *sources, const struct sources *before, struct mqtt *mqtt) {
	int r = change_filters(before, sources, mqtt, end_filter);
	if (r == 0)
		r = change_filters(sources, before, mqtt, mqtt_subscribe);
	if (r < 0) {
		(void)change_filters(sources, before, mqtt, end_filter);
		(void)change_filters(before, sources, mqtt, mqtt_subscribe);
	}
	return r;
}

uint32_t sources_match(const struct sources *sources, struct span topic) {
	for (uint32_t i = 0; i < sources->count; i++) {
		const struct wire_source *wire = sources->items[i].wire;

		if (wire && wire_source_matches(wire, topic))
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
