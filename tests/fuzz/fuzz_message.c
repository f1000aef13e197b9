/* SPDX-License-Identifier: Apache-2.0 */
/* Any message, read by a source of any format: names are valid, values are numbers or missing, times
 * lie within 1970 to 2200, reading again gives the same, and a refusal leaves nothing behind.
 * Input: a byte that chooses the source, the topic up to a newline, the payload. */
#include "error.h"
#include "fuzz.h"
#include "name.h"
#include "source.h"

#include <math.h>
#include <string.h>

#define NOW INT64_C(1790000000000)

/* clang-format off */
static const struct wire_source_options sources[] = {
	{ .topic = { "#", 1 }, .format = WIRE_AUTO },
	{ .topic = { "{detector}/{channel}", 20 }, .format = WIRE_NUMBER },
	{ .topic = { "{detector}", 10 }, .format = WIRE_JSON },
	{ .topic = { "{site}/{detector}/{channel}", 27 }, .format = WIRE_JSON },
	{ .topic = { "{site}", 6 },
		.detector = { "{site}/{id}", 11 },
		.channels = { "a, b = c.d, v", 13 },
		.time = { "x.t", 3 },
		.latitude = { "lat", 3 },
		.longitude = { "lon", 3 },
		.format = WIRE_JSON },
	{ .topic = { "{rest#}", 7 }, .format = WIRE_SENML },
	{ .topic = { "senml", 5 }, .format = WIRE_SENML },
	{ .topic = { "{gateway}", 9 },
		.detector = { "{gateway}/{bn}", 14 },
		.format = WIRE_SENML },
	{ .topic = { "lines", 5 }, .format = WIRE_LINE_PROTOCOL },
	{ .topic = { "{site}", 6 },
		.detector = { "{site}-{measurement}-{host}", 27 },
		.format = WIRE_LINE_PROTOCOL },
	{ .topic = { "{detector}", 10 }, .time = { "arrival", 7 }, .payload_max = 100 },
};
/* clang-format on */
#define SOURCES (sizeof(sources) / sizeof(sources[0]))

static struct wire_source *source_at(size_t index) {
	static struct wire_source *compiled[SOURCES];
	const char *problem;

	if (!compiled[index])
		FUZZ_ASSERT(wire_source_create(&compiled[index], &sources[index], &problem) == 0);
	return compiled[index];
}

static void check_reading(const struct reading *reading) {
	FUZZ_ASSERT(name_check_detector(reading->detector) == 0);
	FUZZ_ASSERT(name_check_channel(reading->channel) == 0);
	FUZZ_ASSERT(!isinf(reading->value));
	FUZZ_ASSERT(reading->time_ms == TIME_NONE ||
		    (reading->time_ms >= 0 && reading->time_ms <= TIME_MAX_MS));
	FUZZ_ASSERT(reading->unit.length == 0 || span_is_utf8(reading->unit));
}

static void check_list(const struct reading_list *list) {
	FUZZ_ASSERT(list->count <= WIRE_READINGS_MAX);
	for (size_t i = 0; i < list->count; i++)
		check_reading(&list->items[i]);
	for (size_t i = 0; i < list->position_count; i++) {
		FUZZ_ASSERT(fabs(list->positions[i].latitude) <= 90);
		FUZZ_ASSERT(fabs(list->positions[i].longitude) <= 180);
		FUZZ_ASSERT(name_check_detector(list->positions[i].detector) == 0);
	}
}

static void check_same(const struct reading_list *a, const struct reading_list *b) {
	FUZZ_ASSERT(a->count == b->count);
	FUZZ_ASSERT(memcmp(a->refused, b->refused, sizeof(a->refused)) == 0);
	for (size_t i = 0; i < a->count; i++) {
		const struct reading *x = &a->items[i], *y = &b->items[i];
		FUZZ_ASSERT(span_equal(x->detector, y->detector));
		FUZZ_ASSERT(span_equal(x->channel, y->channel));
		FUZZ_ASSERT(span_equal(x->unit, y->unit));
		FUZZ_ASSERT(x->time_ms == y->time_ms);
		FUZZ_ASSERT(x->value == y->value || (isnan(x->value) && isnan(y->value)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct reading_list first, second;
	struct span payload = span_of(data, size);
	const struct wire_source *source = source_at(fuzz_take(&payload) % SOURCES);
	struct span topic = span_cut(&payload, '\n');

	int r = wire_read(source, topic, payload, NOW, &first);
	FUZZ_ASSERT(r <= 0);
	FUZZ_ASSERT((r == 0) == (first.count > 0));
	FUZZ_ASSERT(wire_source_matches(source, topic) == (r != E_NO_SOURCE));
	check_list(&first);
	FUZZ_ASSERT(wire_read(source, topic, payload, NOW, &second) == r);
	check_same(&first, &second);
	return 0;
}
