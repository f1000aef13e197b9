/* SPDX-License-Identifier: Apache-2.0 */
#include "group_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int group_table_load(struct group_table *table, const char *name, const char *positions,
	const char *adjacency, struct text *problems) {
	int r = 0;

	*table = (struct group_table){ .name = strdup(name) };
	if (!table->name)
		return -ENOMEM;
	if (positions[0])
		r = positions_load(&table->positions, positions, problems);
	if (adjacency[0] && r != -ENOMEM) {
		int second = adjacency_load(&table->adjacency, adjacency, problems);
		r = r < 0 ? r : second;
	}
	return r;
}

void group_table_finish(struct group_table *table) {
	free(table->name);
	positions_destroy(table->positions);
	adjacency_destroy(table->adjacency);
}

static struct place find_place(
	const struct group_table *table, struct span detector, double latitude, double longitude) {
	struct position position;

	if (!table || !table->positions || !positions_find(table->positions, detector, &position))
		return place_on_globe(latitude, longitude);
	return position.metres ? place_on_plane(position.first, position.second)
			       : place_on_globe(position.first, position.second);
}

static int link_candidates(const struct adjacency *adjacency, struct engine *engine,
	const struct registry *registry, const struct detector *detector) {
	struct span names[CANDIDATES_MAX];
	size_t count = adjacency_candidates(adjacency, detector_name(detector), names);
	int r = engine_link(engine, detector, NULL);

	for (size_t i = 0; i < count && r == 0; i++) {
		const struct detector *other = registry_find_detector(registry, names[i]);

		if (other)
			r = engine_link(engine, detector, other);
	}
	return r;
}

int group_table_apply(const struct group_table *table, struct engine *engine,
	const struct registry *registry, const struct detector *detector, double latitude,
	double longitude) {
	struct span name = detector_name(detector);
	struct place place = find_place(table, name, latitude, longitude);

	engine_place(engine, detector, &place);
	if (!table || !table->adjacency || !adjacency_names(table->adjacency, name))
		return 0;
	return link_candidates(table->adjacency, engine, registry, detector);
}

int group_tables_load(
	struct group_tables *tables, const struct config *config, struct text *problems) {
	int r = 0;

	*tables = (struct group_tables){ 0 };
	if (config->group_count == 0)
		return 0;
	tables->items = calloc(config->group_count, sizeof(*tables->items));
	if (!tables->items)
		return -ENOMEM;
	for (size_t i = 0; i < config->group_count && r != -ENOMEM; i++) {
		const struct config_group *group = &config->groups[i];
		int next = group_table_load(&tables->items[tables->count++], group->heading.name,
			group->positions, group->adjacency, problems);

		r = next < 0 ? next : r;
	}
	if (r < 0)
		group_tables_finish(tables);
	return r;
}

void group_tables_finish(struct group_tables *tables) {
	for (size_t i = 0; i < tables->count; i++)
		group_table_finish(&tables->items[i]);
	free(tables->items);
	*tables = (struct group_tables){ 0 };
}

const struct group_table *group_tables_find(const struct group_tables *tables, const char *group) {
	for (size_t i = 0; i < tables->count; i++) {
		if (strcmp(tables->items[i].name, group) == 0)
			return &tables->items[i];
	}
	return NULL;
}
