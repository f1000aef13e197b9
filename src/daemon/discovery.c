/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery.h"

#include "app.h"

void app_announce(struct app *app, const struct detector *detector) {
	struct wire_discovery_channel channels[CHANNELS_MAX];
	uint32_t count = detector_channel_count(detector);

	if (!app->config->mqtt.discovery || !app->publisher.connected)
		return;
	for (uint32_t i = 0; i < count; i++)
		channels[i] = (struct wire_discovery_channel){ detector_channel_name(detector, i),
			detector_channel_unit(detector, i) };

	struct wire_discovery discovery = {
		.prefix = span_text(app->config->mqtt.discovery_prefix),
		.base = span_text(app->config->mqtt.base),
		.instance = span_text(app->config->daemon.instance),
		.version = SPAN(VERSION),
		.detector = detector_name(detector),
		.channels = channels,
		.channel_count = count,
	};
	text_reset(&app->topic);
	text_reset(&app->json);
	wire_write_discovery_topic(&app->topic, &discovery);
	wire_write_discovery(&app->json, &discovery);
	if (text_failed(&app->topic) || text_failed(&app->json))
		return;

	struct mail mail = {
		.kind = MAIL_MESSAGE,
		.retained = true,
		.topic = text_span(&app->topic),
		.payload = text_span(&app->json),
	};
	publisher_add(&app->publisher, &mail);
}

void app_announce_all(struct app *app) {
	uint32_t last = registry_last_detector_id(app->registry);

	for (uint32_t id = 1; app->config->mqtt.discovery && id <= last; id++) {
		const struct detector *detector = registry_detector(app->registry, id);

		if (detector)
			app_announce(app, detector);
	}
}
