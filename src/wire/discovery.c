/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery.h"

#include "crc32c.h"
#include "forecast.h"

#include <stdbool.h>

static bool is_plain(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* A name in the characters that Home Assistant allows in ids. Where that changes it, a checksum keeps
 * "a/b" and "a_b" apart. */
static void write_id(struct text *to, struct span name) {
	bool changed = false;

	for (size_t i = 0; i < name.length; i++) {
		text_add_char(to, is_plain(name.data[i]) ? name.data[i] : '_');
		changed |= !is_plain(name.data[i]);
	}
	if (changed)
		text_add_format(to, "_%08x", crc32c(0, name.data, name.length));
}

/* "xlstm_<instance>_<detector>" */
static void write_device_id(struct text *to, const struct wire_discovery *discovery) {
	write_id(to, discovery->base);
	text_add_char(to, '_');
	write_id(to, discovery->instance);
	text_add_char(to, '_');
	write_id(to, discovery->detector);
}

void wire_write_discovery_topic(struct text *to, const struct wire_discovery *discovery) {
	text_add(to, discovery->prefix);
	text_add(to, SPAN("/device/"));
	write_device_id(to, discovery);
	text_add(to, SPAN("/config"));
}

/* What a sensor shows of the forecast message. */
struct view {
	const char *id;
	const char *name;
	const char *template;
	bool has_unit;
};

static const struct view views[] = {
	{ "_forecast", " forecast", "{{ value_json.mean[0] }}", true },
	{ "_anomaly", " anomaly", "{{ value_json.anomaly }}", false },
};
#define VIEWS (sizeof(views) / sizeof(views[0]))

static void write_component_id(struct text *to, const struct wire_discovery *discovery,
	const struct wire_discovery_channel *channel, const struct view *view) {
	write_device_id(to, discovery);
	text_add_char(to, '_');
	write_id(to, channel->name);
	text_add(to, span_text(view->id));
}

/* A JSON string of what is in `pieces`, which is emptied. */
static void write_pieces(struct text *to, struct text *pieces) {
	text_add_json_string(to, text_span(pieces));
	to->failed |= text_failed(pieces);
	text_finish(pieces);
}

static void write_name(struct text *to, struct span channel, struct span view) {
	struct text name = { 0 };

	text_add(&name, channel);
	text_add(&name, view);
	write_pieces(to, &name);
}

static void write_forecast_topic(struct text *to, const struct wire_discovery *discovery,
	const struct wire_discovery_channel *channel) {
	struct text topic = { 0 };

	wire_write_series_topic(&topic, discovery->base, SPAN("forecast"), discovery->detector);
	text_add_char(&topic, '/');
	text_add(&topic, channel->name);
	write_pieces(to, &topic);
}

static void write_state_topic(struct text *to, const struct wire_discovery *discovery) {
	struct text topic = { 0 };

	wire_write_instance_topic(&topic, discovery->base, discovery->instance, SPAN("state"));
	write_pieces(to, &topic);
}

static void write_component(struct text *to, const struct wire_discovery *discovery,
	const struct wire_discovery_channel *channel, const struct view *view) {
	text_add_char(to, '"');
	write_component_id(to, discovery, channel, view);
	text_add(to, SPAN("\":{\"platform\":\"sensor\",\"unique_id\":\""));
	write_component_id(to, discovery, channel, view);
	text_add(to, SPAN("\",\"name\":"));
	write_name(to, channel->name, span_text(view->name));
	text_add(to, SPAN(",\"state_topic\":"));
	write_forecast_topic(to, discovery, channel);
	text_add(to, SPAN(",\"value_template\":"));
	text_add_json_string(to, span_text(view->template));
	if (view->has_unit && channel->unit.length > 0) {
		text_add(to, SPAN(",\"unit_of_measurement\":"));
		text_add_json_string(to, channel->unit);
	}
	text_add(to, SPAN(",\"state_class\":\"measurement\"}"));
}

static void write_device(struct text *to, const struct wire_discovery *discovery) {
	text_add(to, SPAN("{\"device\":{\"identifiers\":[\""));
	write_device_id(to, discovery);
	text_add(to, SPAN("\"],\"name\":"));
	text_add_json_string(to, discovery->detector);
	text_add(to, SPAN(",\"manufacturer\":\"xlstmd\"},\"origin\":{\"name\":\"xlstmd\",\"sw\":"));
	text_add_json_string(to, discovery->version);
	text_add(to, SPAN("},\"availability_topic\":"));
	write_state_topic(to, discovery);
}

void wire_write_discovery(struct text *to, const struct wire_discovery *discovery) {
	write_device(to, discovery);
	text_add(to, SPAN(",\"components\":{"));
	for (size_t i = 0; i < discovery->channel_count * VIEWS; i++) {
		if (i > 0)
			text_add_char(to, ',');
		write_component(to, discovery, &discovery->channels[i / VIEWS], &views[i % VIEWS]);
	}
	text_add(to, SPAN("}}"));
}
