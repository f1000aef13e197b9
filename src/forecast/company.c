/* SPDX-License-Identifier: Apache-2.0 */
#include "company.h"

#include <errno.h>
#include <stdlib.h>

int company_reserve(struct company *company, size_t room) {
	if (room <= company->room)
		return 0;
	const void *const *states = company->states;
	size_t states_room = company->states_room;
	company_finish(company);
	company->states = states;
	company->states_room = states_room;
	company->offsets = calloc(room + 1, sizeof(*company->offsets));
	company->indices = calloc(room * NEAREST, sizeof(*company->indices));
	company->distances = calloc(room * NEAREST, sizeof(*company->distances));
	company->ages = calloc(room * NEAREST, sizeof(*company->ages));
	if (!company->offsets || !company->indices || !company->distances || !company->ages)
		return -ENOMEM;
	company->room = room;
	return 0;
}

void company_finish(struct company *company) {
	free(company->offsets);
	free(company->indices);
	free(company->distances);
	free(company->ages);
	*company = (struct company){ 0 };
}

/* A saved neighbourhood may know series that are not back yet. */
static bool has_state(const struct company *company, uint32_t series) {
	return series < company->states_room && company->states[series];
}

static void add_series(
	struct company *company, const struct near_seat *near, const struct moment *at) {
	struct companion seen[NEAREST];
	uint32_t entry = company->offsets[company->count], count = 0;
	if (near->hood && at->step_ms > 0)
		count = neighbourhood_companions(near->hood, near->seat, at, seen);
	for (uint32_t i = 0; i < count; i++) {
		if (!has_state(company, seen[i].series))
			continue;
		company->indices[entry] = seen[i].series;
		company->distances[entry] = (float)seen[i].distance;
		company->ages[entry] = (float)seen[i].age;
		entry++;
	}
	company->offsets[++company->count] = entry;
}

void company_add(
	struct company *company, const struct forecaster *forecaster, const struct tick *tick) {
	struct moment at = { forecaster->slot_ms, tick->time_ms };
	for (uint32_t c = 0; c < forecaster->channels; c++) {
		if (!forecaster->rows[c] || !tick_includes(tick, c))
			continue;
		struct row row = row_open(forecaster->layout, forecaster->rows[c]);
		if (row_has_network(&row))
			add_series(company, &forecaster->near[c], &at);
	}
}

struct xlstm_neighbours company_of(const struct company *company, size_t first) {
	return (struct xlstm_neighbours){ .offsets = company->offsets + first,
		.indices = company->indices,
		.distances = company->distances,
		.ages = company->ages,
		.states = company->states };
}
