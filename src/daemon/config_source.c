/* SPDX-License-Identifier: Apache-2.0 */
#include "config_source.h"

#include "error.h"
#include "num.h"
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

/* "0.5", "10%" or both. */
static int read_least(const struct config_list *list, struct guards *guards) {
	for (size_t i = 0; i < list->count; i++) {
		struct span text = span_text(list->items[i]);
		bool relative = text.length > 0 && text.data[text.length - 1] == '%';
		double *to = relative ? &guards->least_relative : &guards->least_absolute, value;

		if (relative)
			text.length--;
		if (num_read(span_trim(text), &value) < 0 || !(value > 0) || *to != 0)
			return E_CONFIG;
		*to = relative ? value / 100 : value;
	}
	return 0;
}

/* A limit, or "-", which leaves it. */
static int read_limit(const char *item, double *ret_limit) {
	struct span text = span_text(item);

	return span_equal(text, SPAN("-")) ? 0 : num_read(text, ret_limit);
}

static int read_range(const struct config_list *list, struct guards *guards) {
	if (list->count == 0)
		return 0;
	if (list->count != 2)
		return E_CONFIG;
	if (read_limit(list->items[0], &guards->low) < 0 ||
		read_limit(list->items[1], &guards->high) < 0)
		return E_CONFIG;
	return 0;
}

int config_guards(const struct config_source *source, struct guards *ret_guards) {
	guards_init(ret_guards);
	ret_guards->side = source->anomaly_side;
	ret_guards->clip = source->clip;
	int r = read_least(&source->anomaly_least, ret_guards);
	if (r == 0)
		r = read_range(&source->range, ret_guards);
	if (r == 0 && !guards_check(ret_guards))
		r = E_CONFIG;
	return r;
}

int config_forecast_options(const struct config *config, const struct config_source *source,
	struct forecast_options *ret_options) {
	struct forecast_options options;

	forecast_options_init(&options);
	options.horizon = source->horizon;
	options.shifts = source->shifts == CONFIG_SHIFTS_FOLLOW;
	options.rows = source->rows == CONFIG_ROWS_LEAN ? ROWS_LEAN : ROWS_FULL;
	int r = config_group(source, options.group);
	if (r == 0)
		r = config_experts(config, &options.experts);
	if (r == 0)
		r = season_read(&source->season, source->step, options.seasons);
	if (r == 0)
		r = config_guards(source, &options.guards);
	if (r == 0)
		r = forecast_options_check(&options);
	if (r == 0)
		*ret_options = options;
	return r;
}
