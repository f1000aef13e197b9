/* SPDX-License-Identifier: Apache-2.0 */
#include "accuracy.h"
#include "app.h"

#include "crc32c.h"
#include "error.h"
#include "notify.h"
#include "score.h"

#include <errno.h>
#include <string.h>

/*
 * A detector's state in the database, in the machine's byte order:
 *
 *   header | clock | range of channel 0, 1, ... | state of channel 0 | state of channel 1 | ...
 *
 * It is taken while no batch is in flight, so clock and states are of the same moment; readings
 * that the clock holds but that have not stepped yet are in the clock's part.
 *
 * Detectors of a group depend on each other. So those of a component (engine.h) and its neighbourhoods
 * are taken at one moment, go into one transaction, and contain everything up to the same sequence.
 */
#define STATE_VERSION 2

struct state_header {
	uint32_t version;
	uint32_t channels;
	uint32_t clock_bytes;
	uint32_t channel_bytes[CHANNELS_MAX];
};

/* What was predicted for a channel's next observation (struct series_slot). */
struct state_range {
	int64_t time_ms;
	double low, high;
};

/* States that one turn of the loop copies at the most, in bytes: a few milliseconds. */
#define SAVE_BYTES_PER_TURN (4u << 20)

/* What is committed at once at the end: from the least on, more if it takes less than half of these
 * milliseconds. */
#define PIECE_BYTES_MIN (256u << 10)
#define PIECE_BYTES_MAX (16u << 20)
#define PIECE_MS        200

/* How long the service manager is asked to wait for a commit at the end. */
#define PATIENCE_MS 30000

uint64_t app_layout(const struct app *app, uint32_t source) {
	const struct app_source *from = &app->sources.items[source];
	const struct forecast_options *forecast = &from->forecast;
	/* Values in a row without padding, so that equal options give equal bytes. */
	int64_t values[] = { forecast->horizon, forecast->experts, forecast->seasons[0],
		forecast->seasons[1], forecast->season_max, forecast->cross_channels,
		forecast->rows, forecast->group[0] != 0, from->clock.step_ms, from->clock.aggregate,
		from->clock.lateness_ms > 0, (int64_t)app->model_layout };

	return (uint64_t)STATE_VERSION << 32 | crc32c(0, values, sizeof(values));
}

static size_t measure(
	const struct app *app, const struct detector *detector, struct state_header *header) {
	size_t bytes = sizeof(*header) + header->clock_bytes +
		       header->channels * sizeof(struct state_range);

	for (uint32_t i = 0; i < header->channels; i++) {
		size_t size = engine_state_size(app->engine, detector, i);

		header->channel_bytes[i] = (uint32_t)size;
		bytes += size;
	}
	return bytes;
}

static struct series_slot *series_of(
	const struct app *app, const struct detector *detector, uint32_t channel) {
	return &app->roster.series[detector_channel_series(detector, channel)];
}

static char *fill_ranges(
	const struct app *app, const struct detector *detector, uint32_t channels, char *to) {
	for (uint32_t i = 0; i < channels; i++) {
		const struct series_slot *slot = series_of(app, detector, i);
		struct state_range range = { slot->range_ms, slot->low, slot->high };

		memcpy(to, &range, sizeof(range));
		to += sizeof(range);
	}
	return to;
}

static void fill(struct app *app, const struct detector *detector,
	const struct state_header *header, char *to) {
	memcpy(to, header, sizeof(*header));
	to += sizeof(*header);
	memcpy(to, app->state.data, header->clock_bytes);
	to = fill_ranges(app, detector, header->channels, to + header->clock_bytes);
	for (uint32_t i = 0; i < header->channels; i++) {
		engine_state_save(app->engine, detector, i, to);
		to += header->channel_bytes[i];
	}
}

static int save_scores(struct app *app, const struct detector *detector, uint32_t channel) {
	struct score scores[HORIZON_MAX];
	uint32_t leads = engine_scores(app->engine, detector, channel, scores);
	struct series_slot *slot =
		roster_series(&app->roster, detector_channel_series(detector, channel));

	if (slot)
		slot->accuracy = accuracy_of_leads(scores, leads);
	for (uint32_t i = 0; i < leads; i++) {
		const struct score *score = &scores[i];
		struct score_row row = {
			.series = detector_channel_series(detector, channel),
			.lead = score->lead,
			.n = score->n,
			.mae = score->mae,
			.rmse = score->rmse,
			.bias = score->bias,
			.skill = score->skill,
			.skill_seasonal = score->skill_seasonal,
			.coverage80 = score->coverage80,
			.mase = score->mase,
			.pinball = score->pinball,
			.updated_ms = app_now(),
		};

		if (score->n == 0)
			continue;
		int r = journal_score(writer_journal(&app->writer), &row);
		if (r < 0)
			return r;
	}
	return 0;
}

static int drop_gains(struct app *app, const struct detector *detector, uint32_t channel) {
	struct neighbour_gain_row row = { .series = detector_channel_series(detector, channel) };

	return journal_neighbour_gain(writer_journal(&app->writer), &row);
}

/* Returns how many, or an error; those that were there go once there are none any more. */
static int save_gains(struct app *app, const struct detector *detector, uint32_t channel) {
	struct neighbour_gain gains[HORIZON_MAX];
	uint32_t leads = engine_neighbour_gains(app->engine, detector, channel, gains);
	const struct series_slot *slot = series_of(app, detector, channel);
	int r = leads == 0 && slot->sees ? drop_gains(app, detector, channel) : 0;

	for (uint32_t i = 0; i < leads && r == 0; i++) {
		struct neighbour_gain_row row = {
			.series = detector_channel_series(detector, channel),
			.lead = gains[i].lead,
			.alone = gains[i].alone,
			.together = gains[i].together,
		};

		r = journal_neighbour_gain(writer_journal(&app->writer), &row);
	}
	return r < 0 ? r : (int)leads;
}

/* Whom a series looks at. Returns how many, or an error; those that it looks at no more go. */
static int save_nearest(struct app *app, const struct detector *detector, uint32_t channel) {
	struct neighbour neighbours[NEIGHBOURS_MAX];
	uint32_t count = engine_neighbours(app->engine, detector, channel, neighbours);
	const struct series_slot *slot = series_of(app, detector, channel);
	int r = 0;

	for (uint32_t i = 0; (count > 0 || slot->sees) && i < NEIGHBOURS_MAX && r == 0; i++) {
		struct neighbour_row row = {
			.series = detector_channel_series(detector, channel),
			.rank = i + 1,
			.neighbour = i < count ? neighbours[i].series : 0,
			.correlation = i < count ? neighbours[i].correlation : NAN,
			.distance_m = i < count ? neighbours[i].distance : NAN,
		};

		r = journal_neighbour(writer_journal(&app->writer), &row);
	}
	return r < 0 ? r : (int)count;
}

/* And what they are good for. */
static int save_neighbours(struct app *app, const struct detector *detector, uint32_t channel) {
	int count = save_nearest(app, detector, channel);
	int leads = count < 0 ? count : save_gains(app, detector, channel);
	struct series_slot *slot = series_of(app, detector, channel);

	if (leads < 0)
		return leads;
	slot->sees = count > 0 || leads > 0;
	return 0;
}

/* Returns the bytes that it copied, or an error. */
static int64_t save_neighbourhood(struct app *app, size_t index) {
	struct neighbourhood_row row = {
		.id = engine_neighbourhood_id(app->engine, index),
		.saved_ms = app_now(),
		.bytes = { NULL, engine_neighbourhood_size(app->engine, index) },
	};
	void *to;

	int r = journal_neighbourhood(writer_journal(&app->writer), &row, &to);
	if (r < 0)
		return r;
	engine_neighbourhood_save(app->engine, index, to);
	return (int64_t)row.bytes.length;
}

/* Returns the bytes that it copied, or an error. */
static int64_t write_state(struct app *app, const struct detector_slot *slot, uint64_t sequence) {
	const struct detector *detector = slot->detector;
	struct state_header header = {
		.version = STATE_VERSION,
		.channels = detector_channel_count(detector),
	};
	void *to;

	text_reset(&app->state);
	detector_save(detector, &app->state);
	if (text_failed(&app->state))
		return -ENOMEM;

	header.clock_bytes = (uint32_t)app->state.length;
	size_t bytes = measure(app, detector, &header);
	struct state_row row = {
		.detector = detector_id(detector),
		.layout = app_layout(app, slot->source),
		.sequence = sequence,
		.saved_ms = app_now(),
		.bytes = { NULL, bytes },
	};
	int r = journal_state(writer_journal(&app->writer), &row, &to);
	if (r < 0)
		return r;

	fill(app, detector, &header, to);
	for (uint32_t i = 0; i < header.channels && r == 0; i++)
		r = save_scores(app, detector, i);
	for (uint32_t i = 0; i < header.channels && r == 0; i++)
		r = save_neighbours(app, detector, i);
	return r < 0 ? r : (int64_t)bytes;
}

static bool has_changed(const struct detector_slot *slot) {
	return slot->detector && slot->source != SOURCE_NONE &&
	       (slot->sequence > slot->saved || slot->saved_waiting);
}

static void note_saved(struct app *app, struct detector_slot *slot, uint64_t sequence) {
	slot->saved = slot->sequence = sequence;
	slot->saved_waiting = detector_has_tick(slot->detector);
	app->counters.states++;
}

/* The detector with this id, if it has to be saved and belongs to the component. */
static struct detector_slot *changed_member(struct app *app, uint32_t id, uint32_t component) {
	struct detector_slot *slot = roster_detector(&app->roster, id);

	return component && slot && has_changed(slot) &&
			       engine_component(app->engine, slot->detector) == component
		       ? slot
		       : NULL;
}

/* Returns the bytes that it copied, or an error. Neighbourhoods are as their members left them. */
static int64_t write_component(struct app *app, uint32_t component, uint32_t last) {
	int64_t bytes = 0, written;
	size_t count = engine_neighbourhoods(app->engine);

	for (uint32_t id = 1; id <= last; id++) {
		const struct detector_slot *slot = changed_member(app, id, component);

		written = slot ? write_state(app, slot, app->sequence) : 0;
		if (written < 0)
			return written;
		bytes += written;
	}
	bool changed = bytes > 0 || engine_component_changed(app->engine, component);
	for (size_t i = 0; i < count && changed; i++) {
		if (engine_neighbourhood_component(app->engine, i) != component)
			continue;
		written = save_neighbourhood(app, i);
		if (written < 0)
			return written;
		bytes += written;
	}
	return bytes;
}

/* All of a component, or nothing. */
static int64_t save_component(struct app *app, uint32_t component) {
	struct journal *journal = writer_journal(&app->writer);
	size_t place = journal_place(journal);
	uint32_t last = registry_last_detector_id(app->registry);

	int64_t bytes = write_component(app, component, last);
	if (bytes < 0) {
		journal_take_back(journal, place);
		return bytes;
	}
	for (uint32_t id = 1; id <= last; id++) {
		struct detector_slot *slot = changed_member(app, id, component);

		if (slot)
			note_saved(app, slot, app->sequence);
	}
	engine_component_saved(app->engine, component);
	return bytes;
}

/* Returns the bytes that it copied, or an error; then the state stays due. */
static int64_t save(struct app *app, struct detector_slot *slot) {
	uint32_t component = engine_component(app->engine, slot->detector);

	if (component)
		return component == detector_id(slot->detector) ? save_component(app, component)
								: 0;
	if (!has_changed(slot))
		return 0;

	int64_t bytes = write_state(app, slot, slot->sequence);
	if (bytes >= 0)
		note_saved(app, slot, slot->sequence);
	return bytes;
}

/* Looks again at what every stored state contains. */
static void raise_floor(struct app *app) {
	uint64_t floor = app->sequence;
	uint32_t last = registry_last_detector_id(app->registry);

	for (uint32_t id = 1; id <= last && id < app->roster.detector_capacity; id++) {
		const struct detector_slot *slot = &app->roster.detectors[id];

		if (has_changed(slot) && slot->saved < floor)
			floor = slot->saved;
	}
	app->floor = floor;
}

void app_note_floor(struct app *app) {
	struct journal *journal = writer_journal(&app->writer);

	if (!app->engine)
		app->floor = app->sequence;
	if (journal_size(journal) > 0)
		journal_floor(journal, app->floor);
}

/* The detector that is looked at next, round and round. */
static struct detector_slot *next_slot(struct app *app) {
	uint32_t last = registry_last_detector_id(app->registry);

	app->save_cursor = app->save_cursor >= last ? 1 : app->save_cursor + 1;
	if (app->save_cursor == last) {
		raise_floor(app);
		app->settle = true;
	}
	return roster_detector(&app->roster, app->save_cursor);
}

/* What would be larger the longer it waited. */
static void save_large(struct app *app) {
	uint32_t component = engine_large_component(app->engine);

	if (component && writer_takes_states(&app->writer))
		(void)save_component(app, component);
}

void app_save_due(struct app *app) {
	int64_t bytes = 0;

	save_large(app);
	while (app->save_credit >= 1 && bytes < SAVE_BYTES_PER_TURN &&
		writer_takes_states(&app->writer)) {
		struct detector_slot *slot = next_slot(app);

		app->save_credit--;
		if (!slot || !slot->detector || slot->source == SOURCE_NONE)
			continue;
		int64_t saved = save(app, slot);
		if (saved < 0)
			return;
		bytes += saved;
	}
}

/* Component 0 is that of the empty neighbourhoods; those who left one may sit elsewhere. */
void app_save_changes(struct app *app) {
	uint32_t last = registry_last_detector_id(app->registry);

	for (uint32_t id = 0; id <= last; id++) {
		struct detector_slot *slot = roster_detector(&app->roster, id);

		if (engine_component_changed(app->engine, id))
			(void)save_component(app, id);
		else if (slot && slot->saved_waiting && has_changed(slot))
			(void)save(app, slot);
	}
}

/* Commits what there is, for which the service manager is asked to wait. Returns the milliseconds that it took. */
static int64_t commit(struct app *app) {
	int64_t begin_ms = app_clock(app);

	notify_patience(PATIENCE_MS);
	app_note_floor(app);
	app_note_input(app);
	writer_commit(&app->writer, app_now());
	uv_update_time(&app->loop);
	return app_clock(app) - begin_ms;
}

/* In pieces that grow as long as the disk takes them quickly: a slow one is given what it can take by the deadline,
 * and one piece more. */
void app_save_all(struct app *app, int64_t deadline_ms) {
	uint32_t last = registry_last_detector_id(app->registry);
	size_t piece = PIECE_BYTES_MIN;

	commit(app);
	for (uint32_t id = 1; id <= last && id < app->roster.detector_capacity; id++) {
		struct detector_slot *slot = &app->roster.detectors[id];

		if (app_clock(app) >= deadline_ms || app->writer.failure < 0)
			break;
		if (slot->detector && slot->source != SOURCE_NONE)
			save(app, slot);
		if (journal_size(writer_journal(&app->writer)) >= piece &&
			commit(app) < PIECE_MS / 2 && piece < PIECE_BYTES_MAX)
			piece *= 2;
	}
	raise_floor(app);
	commit(app);
}

/* The header, if the bytes are as long as it says. */
static int read_header(struct span bytes, struct state_header *header) {
	if (bytes.length < sizeof(*header))
		return E_CORRUPT;
	memcpy(header, bytes.data, sizeof(*header));
	if (header->version != STATE_VERSION)
		return E_VERSION;
	if (header->channels > CHANNELS_MAX)
		return E_CORRUPT;

	size_t length = sizeof(*header) + (size_t)header->clock_bytes +
			header->channels * sizeof(struct state_range);
	for (uint32_t i = 0; i < header->channels; i++)
		length += header->channel_bytes[i];
	return length == bytes.length ? 0 : E_CORRUPT;
}

static const char *load_ranges(
	struct app *app, const struct detector *detector, uint32_t channels, const char *at) {
	for (uint32_t i = 0; i < channels; i++) {
		struct series_slot *slot = series_of(app, detector, i);
		struct state_range range;

		memcpy(&range, at, sizeof(range));
		at += sizeof(range);
		slot->range_ms = range.time_ms;
		slot->low = range.low;
		slot->high = range.high;
	}
	return at;
}

int app_load_state(struct app *app, struct detector *detector, struct span bytes) {
	struct state_header header;

	int r = read_header(bytes, &header);
	if (r < 0)
		return r;
	if (header.channels > detector_channel_count(detector))
		return E_MISMATCH;

	const char *at = load_ranges(
		app, detector, header.channels, bytes.data + sizeof(header) + header.clock_bytes);
	for (uint32_t i = 0; i < header.channels && r == 0; i++) {
		if (header.channel_bytes[i] > 0)
			r = engine_state_load(
				app->engine, detector, i, at, header.channel_bytes[i]);
		at += header.channel_bytes[i];
	}
	if (r == 0)
		r = detector_load(
			detector, span_of(bytes.data + sizeof(header), header.clock_bytes));
	return r;
}
