/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What the detectors of a group say depends on who stepped together with whom. So each batch is noted
 * among the readings, with a sequence of its own and the seats that were taken with it, and a replay after a
 * crash steps the same ones together, in the same seats. What was not committed has not happened: it steps as it comes.
 */

static int note(struct app *app, uint64_t sequence, size_t count) {
	struct batch_row row = {
		.sequence = sequence,
		.detectors = span_of(app->stepping, count * sizeof(*app->stepping)),
		.seats = engine_seats_taken(app->engine),
	};

	return writer_takes_readings(&app->writer)
		       ? journal_batch(writer_journal(&app->writer), &row)
		       : -ENOMEM;
}

void app_note_batch(struct app *app, const struct batch *batch) {
	size_t count = engine_grouped(batch, app->stepping);
	if (count == 0)
		return;

	uint64_t sequence = ++app->sequence;
	for (size_t i = 0; i < count; i++)
		app->roster.detectors[app->stepping[i]].sequence = sequence;
	if (app->config->store.readings && note(app, sequence, count) < 0)
		writer_count_unstored(&app->writer);
}

/* One whose period was closed because time had passed has no tick until it is closed again. */
static int make_tick(struct detector *detector) {
	while (!detector_has_tick(detector) && detector_expires_ms(detector) != TIME_NONE) {
		int r = detector_expire_again(detector);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run(struct app *app, struct detector *const *detectors, size_t count, struct span seats,
	enum app_output mode) {
	int r = engine_fill_again(app->engine, app->step.batch, detectors, count, seats);

	batch_run(app->step.batch);
	app_apply(app, app->step.batch, mode);
	return r;
}

/* Those of the batch that are to step, in `to`. 0 or an error of the clock. */
static int choose(struct app *app, const struct batch_row *row,
	bool (*wanted)(const struct detector_slot *slot, uint64_t sequence), struct detector **to,
	size_t *ret_count) {
	size_t count = 0;
	uint32_t id;

	for (size_t at = 0; at + sizeof(id) <= row->detectors.length; at += sizeof(id)) {
		memcpy(&id, row->detectors.data + at, sizeof(id));
		struct detector_slot *slot =
			id < app->roster.detector_capacity ? &app->roster.detectors[id] : NULL;

		if (!slot || !slot->detector || !wanted(slot, row->sequence) ||
			!engine_is_grouped(app->engine, slot->detector))
			continue;
		int r = make_tick(slot->detector);
		if (r < 0)
			return r;
		slot->sequence = row->sequence;
		to[count++] = slot->detector;
	}
	*ret_count = count;
	return 0;
}

/* With a smaller [limits] batch than before it takes more than one. */
int app_run_again(struct app *app, const struct batch_row *row,
	bool (*wanted)(const struct detector_slot *slot, uint64_t sequence), enum app_output mode) {
	size_t most = app->config->limits.batch, count = 0;
	struct detector **detectors =
		malloc(row->detectors.length / sizeof(uint32_t) * sizeof(struct detector *));
	if (!detectors)
		return -ENOMEM;

	int r = choose(app, row, wanted, detectors, &count);
	for (size_t at = 0; at < count && r == 0; at += most)
		r = run(app, detectors + at, count - at < most ? count - at : most, row->seats,
			mode);
	free(detectors);
	return r;
}
