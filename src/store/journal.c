/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>

/* Records and what follows them begin at multiples of this, so that they can be read in place. */
#define ALIGNMENT 8

#define FIRST_READINGS 256

#define SPANS_MAX 4

/* Lies before each record; the bytes of its spans follow it, one after the other. */
struct header {
	uint32_t kind;
	uint32_t size; /* of header, record and bytes, aligned */
};

/* What the journal must know about a record: its size, and where its spans lie. Names are checked,
 * payloads are taken as they are. */
struct shape {
	size_t size;
	int names;
	int payloads;
	size_t spans[SPANS_MAX];
};

#define AT(type, field) offsetof(struct type, field)

static const struct shape shapes[JOURNAL_KINDS] = {
	[JOURNAL_DETECTOR] = { sizeof(struct detector_row), 4, 0,
		{ AT(detector_row, name), AT(detector_row, source), AT(detector_row, group),
			AT(detector_row, aggregate) } },
	[JOURNAL_SERIES] = { sizeof(struct series_row), 3, 0,
		{ AT(series_row, channel), AT(series_row, name), AT(series_row, unit) } },
	[JOURNAL_FORECAST] = { sizeof(struct forecast_row), 0, 1, { AT(forecast_row, json) } },
	[JOURNAL_ANOMALY] = { sizeof(struct anomaly_row), 0, 0, { 0 } },
	[JOURNAL_SCORE] = { sizeof(struct score_row), 0, 0, { 0 } },
	[JOURNAL_STATE] = { sizeof(struct state_row), 0, 1, { AT(state_row, bytes) } },
	[JOURNAL_NEIGHBOURHOOD] = { sizeof(struct neighbourhood_row), 0, 1,
		{ AT(neighbourhood_row, bytes) } },
	[JOURNAL_NEIGHBOUR] = { sizeof(struct neighbour_row), 0, 0, { 0 } },
	[JOURNAL_NEIGHBOUR_GAIN] = { sizeof(struct neighbour_gain_row), 0, 0, { 0 } },
	[JOURNAL_BATCH] = { sizeof(struct batch_row), 0, 2,
		{ AT(batch_row, detectors), AT(batch_row, seats) } },
	[JOURNAL_MODEL] = { sizeof(struct model_row), 3, 1,
		{ AT(model_row, name), AT(model_row, parent), AT(model_row, note),
			AT(model_row, weights) } },
	[JOURNAL_LEARNING] = { sizeof(struct learning_row), 4, 0,
		{ AT(learning_row, model), AT(learning_row, candidate), AT(learning_row, subject),
			AT(learning_row, reason) } },
	[JOURNAL_META] = { sizeof(struct meta_row), 1, 1,
		{ AT(meta_row, key), AT(meta_row, value) } },
};

static size_t align(size_t size) {
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static struct span get_span(const void *row, size_t at) {
	struct span span;

	memcpy(&span, (const char *)row + at, sizeof(span));
	return span;
}

void journal_finish(struct journal *journal) {
	text_finish(&journal->records);
	free(journal->readings);
	*journal = (struct journal){ 0 };
}

void journal_reset(struct journal *journal) {
	text_reset(&journal->records);
	journal->reading_count = 0;
	journal->floor = 0;
	journal->input = 0;
}

bool journal_is_empty(const struct journal *journal) {
	return journal->records.length == 0 && journal->reading_count == 0 && journal->floor == 0 &&
	       journal->input == 0;
}

size_t journal_size(const struct journal *journal) {
	return journal->records.length + journal->reading_count * sizeof(*journal->readings);
}

static int check_names(const struct shape *shape, const void *row) {
	for (int i = 0; i < shape->names; i++) {
		struct span name = get_span(row, shape->spans[i]);

		if (!span_is_utf8(name))
			return E_ENCODING;
		if (span_has_control(name))
			return E_NAME;
	}
	return 0;
}

/* Adds a record with room for its spans, and copies those that have data. *ret_payload is where the
 * last span's bytes belong. */
static int add_record(
	struct journal *journal, enum journal_kind kind, const void *row, void **ret_payload) {
	const struct shape *shape = &shapes[kind];
	int spans = shape->names + shape->payloads;

	int r = check_names(shape, row);
	if (r < 0)
		return r;

	size_t size = sizeof(struct header) + align(shape->size);
	for (int i = 0; i < spans; i++)
		size += get_span(row, shape->spans[i]).length;
	size = align(size);
	if (size > UINT32_MAX)
		return E_TOO_LARGE;

	char *to = text_reserve(&journal->records, size);
	if (!to) {
		journal->records.failed = false;
		return -ENOMEM;
	}

	struct header header = { kind, (uint32_t)size };
	memcpy(to, &header, sizeof(header));
	memcpy(to + sizeof(header), row, shape->size);

	char *bytes = to + sizeof(header) + align(shape->size);
	for (int i = 0; i < spans; i++) {
		struct span span = get_span(row, shape->spans[i]);

		*ret_payload = bytes;
		if (span.data && span.length > 0)
			memcpy(bytes, span.data, span.length);
		bytes += span.length;
	}
	journal->records.length += size;
	return 0;
}

static int add(struct journal *journal, enum journal_kind kind, const void *row) {
	void *payload;

	return add_record(journal, kind, row, &payload);
}

int journal_detector(struct journal *journal, const struct detector_row *row) {
	return add(journal, JOURNAL_DETECTOR, row);
}

int journal_series(struct journal *journal, const struct series_row *row) {
	return add(journal, JOURNAL_SERIES, row);
}

static int grow_readings(struct journal *journal) {
	size_t capacity =
		journal->reading_capacity ? journal->reading_capacity * 2 : FIRST_READINGS;
	struct reading_row *readings =
		realloc(journal->readings, capacity * sizeof(*journal->readings));
	if (!readings)
		return -ENOMEM;

	journal->readings = readings;
	journal->reading_capacity = capacity;
	return 0;
}

int journal_reading(struct journal *journal, const struct reading_row *row) {
	if (journal->reading_count == journal->reading_capacity) {
		int r = grow_readings(journal);
		if (r < 0)
			return r;
	}
	journal->readings[journal->reading_count++] = *row;
	return 0;
}

int journal_forecast(struct journal *journal, const struct forecast_row *row) {
	return add(journal, JOURNAL_FORECAST, row);
}

int journal_anomaly(struct journal *journal, const struct anomaly_row *row) {
	return add(journal, JOURNAL_ANOMALY, row);
}

int journal_score(struct journal *journal, const struct score_row *row) {
	return add(journal, JOURNAL_SCORE, row);
}

int journal_state(struct journal *journal, const struct state_row *row, void **ret_bytes) {
	struct state_row copy = *row;

	copy.bytes.data = NULL;
	return add_record(journal, JOURNAL_STATE, &copy, ret_bytes);
}

int journal_neighbourhood(
	struct journal *journal, const struct neighbourhood_row *row, void **ret_bytes) {
	struct neighbourhood_row copy = *row;

	copy.bytes.data = NULL;
	return add_record(journal, JOURNAL_NEIGHBOURHOOD, &copy, ret_bytes);
}

int journal_neighbour(struct journal *journal, const struct neighbour_row *row) {
	return add(journal, JOURNAL_NEIGHBOUR, row);
}

int journal_neighbour_gain(struct journal *journal, const struct neighbour_gain_row *row) {
	return add(journal, JOURNAL_NEIGHBOUR_GAIN, row);
}

int journal_batch(struct journal *journal, const struct batch_row *row) {
	return add(journal, JOURNAL_BATCH, row);
}

size_t journal_place(const struct journal *journal) {
	return journal->records.length;
}

void journal_take_back(struct journal *journal, size_t place) {
	journal->records.length = place;
}

void journal_floor(struct journal *journal, uint64_t sequence) {
	if (sequence > journal->floor)
		journal->floor = sequence;
}

void journal_input(struct journal *journal, uint64_t position) {
	journal->input = position;
}

int journal_model(struct journal *journal, const struct model_row *row) {
	return add(journal, JOURNAL_MODEL, row);
}

int journal_learning(struct journal *journal, const struct learning_row *row) {
	return add(journal, JOURNAL_LEARNING, row);
}

int journal_meta(struct journal *journal, struct span key, struct span value) {
	if (!span_is_utf8(value))
		return E_ENCODING;
	return add(journal, JOURNAL_META, &(struct meta_row){ key, value });
}

bool journal_next(const struct journal *journal, size_t *at, enum journal_kind *ret_kind,
	union journal_row *ret_row) {
	if (*at >= journal->records.length)
		return false;

	const char *from = journal->records.data + *at;
	struct header header;
	memcpy(&header, from, sizeof(header));

	const struct shape *shape = &shapes[header.kind];
	memcpy(ret_row, from + sizeof(header), shape->size);

	const char *bytes = from + sizeof(header) + align(shape->size);
	for (int i = 0; i < shape->names + shape->payloads; i++) {
		struct span span = get_span(ret_row, shape->spans[i]);

		span.data = bytes;
		memcpy((char *)ret_row + shape->spans[i], &span, sizeof(span));
		bytes += span.length;
	}
	*ret_kind = (enum journal_kind)header.kind;
	*at += header.size;
	return true;
}
