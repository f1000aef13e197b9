/* SPDX-License-Identifier: Apache-2.0 */
#include "roster.h"

#include "sources.h"

#include <stdlib.h>

#define CAPACITY_FIRST 64

static uint32_t grown(uint32_t capacity, uint32_t id) {
	if (capacity < CAPACITY_FIRST)
		capacity = CAPACITY_FIRST;
	while (capacity <= id)
		capacity *= 2;
	return capacity;
}

static bool grow_detectors(struct roster *roster, uint32_t id) {
	uint32_t capacity = grown(roster->detector_capacity, id);

	struct detector_slot *slots = realloc(roster->detectors, capacity * sizeof(*slots));
	if (!slots)
		return false;

	for (uint32_t i = roster->detector_capacity; i < capacity; i++)
		slots[i] = (struct detector_slot){
			.source = SOURCE_NONE,
			.heard_ms = TIME_NONE,
			.latitude = NAN,
			.longitude = NAN,
		};
	roster->detectors = slots;
	roster->detector_capacity = capacity;
	return true;
}

static bool grow_series(struct roster *roster, uint32_t id) {
	uint32_t capacity = grown(roster->series_capacity, id);

	struct series_slot *slots = realloc(roster->series, capacity * sizeof(*slots));
	if (!slots)
		return false;

	for (uint32_t i = roster->series_capacity; i < capacity; i++)
		slots[i] = (struct series_slot){
			.range_ms = TIME_NONE,
			.low = NAN,
			.high = NAN,
			.accuracy = { { NAN, NAN, NAN, NAN } },
		};
	roster->series = slots;
	roster->series_capacity = capacity;
	return true;
}

void roster_finish(struct roster *roster) {
	for (uint32_t i = 0; i < roster->detector_capacity; i++)
		text_finish(&roster->detectors[i].model);
	for (uint32_t i = 0; i < roster->series_capacity; i++)
		text_finish(&roster->series[i].forecast);
	free(roster->series);
	free(roster->detectors);
	*roster = (struct roster){ 0 };
}

struct detector_slot *roster_detector(struct roster *roster, uint32_t id) {
	if (id >= roster->detector_capacity && !grow_detectors(roster, id))
		return NULL;
	return &roster->detectors[id];
}

struct series_slot *roster_series(struct roster *roster, uint32_t id) {
	if (id >= roster->series_capacity && !grow_series(roster, id))
		return NULL;
	return &roster->series[id];
}
