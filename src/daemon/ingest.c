/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "error.h"
#include "log.h"

#include <errno.h>

static void refuse(struct app *app, int code, uint64_t count, const struct mail *mail) {
	refusals_add(&app->refusals, code, count, app_clock(app), mail->topic);
}

static const char *const aggregate_names[] = {
	[AGGREGATE_MEAN] = "mean",
	[AGGREGATE_LAST] = "last",
	[AGGREGATE_SUM] = "sum",
	[AGGREGATE_MAX] = "max",
};

/* It is new, or its step, position or group has become known. */
int app_journal_slot(struct app *app, const struct detector_slot *slot) {
	const struct config_source *source = app->sources.items[slot->source].config;
	struct detector_row row = {
		.id = detector_id(slot->detector),
		.name = detector_name(slot->detector),
		.source = span_text(source->heading.name),
		.group = span_text(source->group),
		.aggregate = span_text(aggregate_names[source->aggregate]),
		.step_ms = slot->stored_step_ms,
		.latitude = slot->latitude,
		.longitude = slot->longitude,
	};

	return journal_detector(writer_journal(&app->writer), &row);
}

/* Room for the states of a detector's channels. Where the limit of memory is reached its readings
 * are recorded all the same. */
static int make_room(struct app *app, struct detector *detector, uint32_t source) {
	if (!app->engine)
		return 0;

	int r = engine_add(app->engine, detector, &app->sources.items[source].forecast);
	if (r == 0 && app_has_own_weights(app, source))
		r = app_own_weights(app, NULL, detector);
	if (r == 0)
		r = app_place(app, &app->roster.detectors[detector_id(detector)]);
	if (r != E_TOO_MANY_SERIES)
		return r;
	if (app->counters.without_forecast++ == 0)
		log_warning("[limits] memory is reached: further series are recorded but not "
			    "forecast");
	return 0;
}

/* The slot of a new detector. The detector of a stored one whose source is gone finds a source
 * again at its first reading. */
static int adopt(struct app *app, struct detector *detector, uint32_t source) {
	struct detector_slot *slot = roster_detector(&app->roster, detector_id(detector));
	if (!slot)
		return -ENOMEM;
	if (slot->source != SOURCE_NONE)
		return 0;

	slot->detector = detector;
	slot->source = source;
	slot->saved = app->sequence;
	detector_set_options(detector, &app->sources.items[source].clock);
	int r = app_journal_slot(app, slot);
	return r < 0 ? r : make_room(app, detector, source);
}

static int find_detector(
	struct app *app, uint32_t source, struct span name, struct detector **ret_detector) {
	const struct clock_options *clock = &app->sources.items[source].clock;
	struct detector *detector;

	int r = registry_find_or_add_detector(app->registry, name, clock, &detector);
	if (r < 0)
		return r;

	r = adopt(app, detector, source);
	if (r < 0)
		return r;

	*ret_detector = detector;
	return 0;
}

/* Notes a new series, and makes room for its state. */
static int add_series(struct app *app, struct detector *detector, uint32_t channel) {
	char name[SERIES_NAME_MAX];
	uint32_t id = detector_channel_series(detector, channel);
	struct series_row row = {
		.id = id,
		.detector = detector_id(detector),
		.index = channel,
		.channel = detector_channel_name(detector, channel),
		.name = registry_series_name(app->registry, id, name),
		.unit = detector_channel_unit(detector, channel),
	};

	if (!roster_series(&app->roster, id))
		return -ENOMEM;

	int r = journal_series(writer_journal(&app->writer), &row);
	if (r < 0)
		return r;

	app_announce(app, detector);
	uint32_t source = app->roster.detectors[detector_id(detector)].source;
	return make_room(app, detector, source);
}

static int find_channel(struct app *app, struct detector *detector, const struct reading *reading,
	uint32_t *ret_channel) {
	int r = registry_find_or_add_channel(
		app->registry, detector, reading->channel, reading->unit, ret_channel);

	return r == 1 ? add_series(app, detector, *ret_channel) : r;
}

void app_want(struct app *app, struct detector *detector) {
	struct tick tick;

	if (app->engine) {
		if (detector_has_tick(detector))
			engine_want(app->engine, detector);
		return;
	}
	while (detector_next_tick(detector, &tick))
		app->counters.ticks++;
}

static int journal_accepted(struct app *app, const struct reading_row *row) {
	if (!app->config->store.readings)
		return 0;
	if (!writer_takes_readings(&app->writer)) {
		writer_count_unstored(&app->writer);
		return 0;
	}
	return journal_reading(writer_journal(&app->writer), row);
}

/* The inferred step has become known, or has changed: people and the next start want to know. */
static int note_step(struct app *app, struct detector_slot *slot) {
	int64_t step_ms =
		detector_step_is_known(slot->detector) ? detector_step_ms(slot->detector) : 0;

	if (step_ms == slot->stored_step_ms)
		return 0;
	slot->stored_step_ms = step_ms;
	return app_journal_slot(app, slot);
}

/* Accepts one reading, or says why not. `message` is the sequence of its message's first. */
static int accept_reading(struct app *app, uint32_t source, const struct reading *reading,
	const struct mail *mail, uint64_t message, uint64_t sequence) {
	struct detector *detector;
	uint32_t channel;

	if (reading->time_ms == TIME_NONE && mail->retained)
		return E_RETAINED;

	int r = find_detector(app, source, reading->detector, &detector);
	if (r == 0)
		r = find_channel(app, detector, reading, &channel);
	if (r < 0)
		return r;

	struct arrival arrival = { mail->time_ms, message };
	struct reading_row row = {
		.series = detector_channel_series(detector, channel),
		.time_ms = reading->time_ms == TIME_NONE ? mail->time_ms : reading->time_ms,
		.value = reading->value,
		.sequence = sequence,
	};
	r = detector_put(detector, channel, row.time_ms, row.value, &arrival);
	if (r < 0)
		return r;

	struct detector_slot *slot = &app->roster.detectors[detector_id(detector)];
	slot->sequence = sequence;
	slot->heard_ms = mail->time_ms;
	slot->stale = false;
	app_want(app, detector);
	r = journal_accepted(app, &row);
	return r < 0 ? r : note_step(app, slot);
}

static void note_position(struct app *app, const struct wire_position *position) {
	struct detector *detector = registry_find_detector(app->registry, position->detector);
	struct detector_slot *slot =
		detector ? roster_detector(&app->roster, detector_id(detector)) : NULL;

	if (!slot || slot->source == SOURCE_NONE)
		return;
	if (slot->latitude == position->latitude && slot->longitude == position->longitude)
		return;

	slot->latitude = position->latitude;
	slot->longitude = position->longitude;
	if (app->engine)
		(void)app_place(app, slot);
	app_journal_slot(app, slot);
}

/* Whether any part of the message was at fault. */
static bool count_parts_refused(struct app *app, const struct mail *mail) {
	bool any = false;

	for (int i = 0; i < error_count(); i++) {
		if (app->readings.refused[i] == 0)
			continue;
		refuse(app, error_at(i), app->readings.refused[i], mail);
		any = true;
	}
	return any;
}

static void accept_all(struct app *app, uint32_t source, const struct mail *mail) {
	uint64_t message = app->sequence + SEQUENCE_BETWEEN_MESSAGES;
	uint64_t sequence = message;

	for (size_t i = 0; i < app->readings.count; i++) {
		int r = accept_reading(
			app, source, &app->readings.items[i], mail, message, sequence);
		if (r < 0) {
			refuse(app, r, 1, mail);
			continue;
		}
		app->counters.readings++;
		app->sequence = sequence++;
	}
	for (size_t i = 0; i < app->readings.position_count; i++)
		note_position(app, &app->readings.positions[i]);
}

bool app_is_own(const struct app *app, struct span topic) {
	for (size_t i = 0; i < OWN_TOPICS; i++) {
		if (span_starts_with(topic, text_span(&app->own_topics[i])))
			return true;
	}
	return false;
}

/* What we publish ourselves is no reading, however wide a source's topic. */
void app_ingest(struct app *app, const struct mail *mail) {
	if (app_is_own(app, mail->topic)) {
		app->counters.own++;
		return;
	}
	app->counters.messages++;
	app->counters.bytes += mail->payload.length;

	uint32_t source = sources_match(&app->sources, mail->topic);
	if (source == SOURCE_NONE) {
		refuse(app, E_NO_SOURCE, 1, mail);
		return;
	}

	int r = wire_read(app->sources.items[source].wire, mail->topic, mail->payload,
		mail->time_ms, &app->readings);
	bool counted = count_parts_refused(app, mail);
	if (r == 0)
		accept_all(app, source, mail);
	else if (!counted)
		refuse(app, r, 1, mail);
}
