/* SPDX-License-Identifier: Apache-2.0 */
#include "positions.h"

#include "arena.h"
#include "error.h"
#include "random.h"
#include "table.h"
#include "table_file.h"

#include <errno.h>
#include <stdlib.h>

/* Metres from the origin: a hundred times around the Earth. */
#define METRES_MAX 4e9

struct positions {
	struct arena names;
	struct table *by_name; /* index of the item */
	struct position *items;
	size_t count, room;
};

/* Columns that have a meaning. */
struct columns {
	int detector, first, second;
	bool metres;
};

static void find_columns(struct table_file *file, struct columns *columns) {
	columns->metres = table_file_column(file, "x", false) >= 0;
	columns->detector = table_file_column(file, "detector", true);
	columns->first = table_file_column(file, columns->metres ? "x" : "latitude", true);
	columns->second = table_file_column(file, columns->metres ? "y" : "longitude", true);
}

static int add(struct positions *positions, struct span name, const struct position *position) {
	if (positions->count == positions->room) {
		size_t room = positions->room ? 2 * positions->room : 64;
		struct position *items = realloc(positions->items, room * sizeof(*items));
		if (!items)
			return -ENOMEM;
		positions->items = items;
		positions->room = room;
	}
	struct span copy = arena_copy(&positions->names, name);
	if (!copy.data)
		return -ENOMEM;
	positions->items[positions->count] = *position;
	return table_put(positions->by_name, copy, (uint32_t)positions->count++);
}

static int take_row(
	struct positions *positions, struct table_file *file, const struct columns *columns) {
	struct position position = { .metres = columns->metres };
	double most_first = columns->metres ? METRES_MAX : 90;
	double most_second = columns->metres ? METRES_MAX : 180;
	struct span name;
	uint32_t before;

	bool sound = table_file_name(file, columns->detector, &name);
	sound &= table_file_number(file, columns->first, -most_first, most_first, &position.first);
	sound &= table_file_number(
		file, columns->second, -most_second, most_second, &position.second);
	if (!sound)
		return 0;
	if (table_find(positions->by_name, name, &before)) {
		table_file_tell(file, "the detector has a position already");
		return 0;
	}
	return add(positions, name, &position);
}

static int read_all(struct positions *positions, struct table_file *file) {
	struct columns columns;
	find_columns(file, &columns);
	int r = table_file_verdict(file);
	while (r >= 0 && (r = table_file_next(file, POSITIONS_MAX)) > 0)
		r = take_row(positions, file, &columns);
	return r < 0 ? r : table_file_verdict(file);
}

int positions_load(struct positions **ret_positions, const char *path, struct text *problems) {
	struct table_file file;
	struct positions *positions = calloc(1, sizeof(*positions));
	if (!positions || table_create(&positions->by_name, random_seed()) < 0) {
		free(positions);
		return -ENOMEM;
	}

	int r = table_file_open(&file, path, problems);
	if (r == 0)
		r = read_all(positions, &file);
	table_file_close(&file);
	if (r < 0) {
		positions_destroy(positions);
		return r;
	}
	*ret_positions = positions;
	return 0;
}

void positions_destroy(struct positions *positions) {
	if (!positions)
		return;
	table_destroy(positions->by_name);
	arena_finish(&positions->names);
	free(positions->items);
	free(positions);
}

size_t positions_count(const struct positions *positions) {
	return positions->count;
}

bool positions_find(
	const struct positions *positions, struct span detector, struct position *ret_position) {
	uint32_t index;
	if (!table_find(positions->by_name, detector, &index))
		return false;
	*ret_position = positions->items[index];
	return true;
}
