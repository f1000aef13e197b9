/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

/* Closes what is over without waiting for the next reading. */
static void expire(struct app *app, struct detector *detector, int64_t now_ms) {
	int64_t due_ms = detector_expires_ms(detector);

	if (due_ms == TIME_NONE || due_ms > now_ms)
		return;
	if (detector_expire(detector, now_ms) == 0)
		app_want(app, detector);
}

static bool is_silent(const struct app *app, const struct detector_slot *slot, int64_t now_ms) {
	int64_t patience_ms = app->config->forecast.stale_after * detector_step_ms(slot->detector);

	return slot->heard_ms != TIME_NONE && now_ms - slot->heard_ms > patience_ms;
}

static void tell_stale(struct app *app, struct detector_slot *slot) {
	uint32_t channels = detector_channel_count(slot->detector);

	slot->stale = true;
	for (uint32_t i = 0; i < channels; i++)
		app_publish_stale(app, detector_channel_series(slot->detector, i));
}

void app_watch_silence(struct app *app, int64_t now_ms) {
	uint32_t last = registry_last_detector_id(app->registry);

	for (uint32_t id = 1; id <= last && id < app->roster.detector_capacity; id++) {
		struct detector_slot *slot = &app->roster.detectors[id];

		if (!slot->detector || slot->source == SOURCE_NONE)
			continue;
		expire(app, slot->detector, now_ms);
		if (!slot->stale && is_silent(app, slot, now_ms))
			tell_stale(app, slot);
	}
}
