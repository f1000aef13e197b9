/* SPDX-License-Identifier: Apache-2.0 */
#include "config_source.h"

#include "error.h"
#include "season.h"

#include <errno.h>
#include <string.h>

/* The items of a list with commas between, as the layers below read them. */
static void join(const struct config_list *list, struct text *to) {
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			text_add_char(to, ',');
		text_add(to, span_text(list->items[i]));
	}
}

int config_wire_source(const struct config *config, const struct config_source *source,
	struct wire_source **ret_source, const char **ret_problem) {
	struct text channels = { 0 };

	join(&source->channels, &channels);
	if (text_failed(&channels)) {
		text_finish(&channels);
		return -ENOMEM;
	}

	bool placed = source->position.count == 2;
	struct wire_source_options options = {
		.topic = span_text(source->topic),
		.detector = span_text(source->detector),
		.format = (enum wire_format)source->format,
		.channels = text_span(&channels),
		.time = span_text(source->time),
		.unit = span_text(source->unit),
		.latitude = span_text(placed ? source->position.items[0] : NULL),
		.longitude = span_text(placed ? source->position.items[1] : NULL),
		.payload_max = config->limits.payload,
	};

	int r = wire_source_create(ret_source, &options, ret_problem);
	text_finish(&channels);
	return r;
}

struct clock_options config_clock(const struct config *config, const struct config_source *source) {
	return (struct clock_options){
		.step_ms = source->step,
		.lateness_ms = source->lateness,
		.future_ms = config->limits.future > 0 ? config->limits.future : TIME_MAX_MS,
		.gap_ticks_max = config->limits.gap,
		.aggregate = (enum aggregate)source->aggregate,
	};
}

int config_experts(const struct config *config, uint32_t *ret_mask) {
	struct text names = { 0 };

	join(&config->forecast.experts, &names);
	int r = text_failed(&names) ? -ENOMEM : expert_mask_read(text_span(&names), ret_mask);
	text_finish(&names);
	return r;
}

/* The group's name, the rest of the room as it was: zeros. */
static int config_group(const struct config_source *source, char to[GROUP_NAME_MAX + 1]) {
	size_t length = strlen(source->group);

	if (length > GROUP_NAME_MAX)
		return E_CONFIG;
	memcpy(to, source->group, length);
	return 0;
}

int config_forecast_options(const struct config *config, const struct config_source *source,
	struct forecast_options *ret_options) {
	struct forecast_options options;

	forecast_options_init(&options);
	options.horizon = source->horizon;
	int r = config_group(source, options.group);
	if (r == 0)
		r = config_experts(config, &options.experts);
	if (r == 0)
		r = season_read(&source->season, source->step, options.seasons);
	if (r == 0)
		r = forecast_options_check(&options);
	if (r == 0)
		*ret_options = options;
	return r;
}
