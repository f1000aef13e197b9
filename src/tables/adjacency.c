/* SPDX-License-Identifier: Apache-2.0 */
#include "adjacency.h"

#include "arena.h"
#include "error.h"
#include "random.h"
#include "table.h"
#include "table_file.h"

#include <errno.h>
#include <stdlib.h>

/* Weights are shares or distances turned into something like them. */
#define WEIGHT_MAX 1e9

struct edge {
	uint32_t from, to;
	float weight;
};

struct adjacency {
	struct arena bytes;
	struct table *by_name; /* index of the name */
	struct span *names;
	size_t names_count, names_room;
	struct edge *edges; /* by from, the heaviest first */
	size_t edges_count, edges_room;
};

struct columns {
	int from, to, weight;
};

/* The items with room for one more, where they may have moved to; NULL without memory, then they stay. */
static void *with_room(void *items, size_t *room, size_t count, size_t size) {
	if (count < *room)
		return items;
	size_t more = *room ? 2 * *room : 256;
	void *larger = realloc(items, more * size);
	if (larger)
		*room = more;
	return larger;
}

/* The index of a name, a new one if need be. */
static int index_of(struct adjacency *adjacency, struct span name, uint32_t *ret_index) {
	if (table_find(adjacency->by_name, name, ret_index))
		return 0;
	struct span *names = with_room(
		adjacency->names, &adjacency->names_room, adjacency->names_count, sizeof(*names));
	if (!names)
		return -ENOMEM;
	adjacency->names = names;
	struct span copy = arena_copy(&adjacency->bytes, name);
	if (!copy.data)
		return -ENOMEM;
	*ret_index = (uint32_t)adjacency->names_count;
	adjacency->names[adjacency->names_count++] = copy;
	return table_put(adjacency->by_name, copy, *ret_index);
}

static int add_edge(struct adjacency *adjacency, struct span from, struct span to, double weight) {
	struct edge edge = { .weight = (float)weight };
	int r = index_of(adjacency, from, &edge.from);
	if (r == 0)
		r = index_of(adjacency, to, &edge.to);
	if (r < 0 || edge.from == edge.to || edge.weight == 0)
		return r;
	struct edge *edges = with_room(
		adjacency->edges, &adjacency->edges_room, adjacency->edges_count, sizeof(*edges));
	if (!edges)
		return -ENOMEM;
	adjacency->edges = edges;
	edges[adjacency->edges_count++] = edge;
	return 0;
}

static int take_row(
	struct adjacency *adjacency, struct table_file *file, const struct columns *columns) {
	struct span from, to;
	double weight;
	bool sound = table_file_name(file, columns->from, &from);
	sound &= table_file_name(file, columns->to, &to);
	sound &= table_file_number(file, columns->weight, 0, WEIGHT_MAX, &weight);
	return sound ? add_edge(adjacency, from, to, weight) : 0;
}

static int read_all(struct adjacency *adjacency, struct table_file *file) {
	struct columns columns = { table_file_column(file, "from", true),
		table_file_column(file, "to", true), table_file_column(file, "weight", true) };
	int r = table_file_verdict(file);
	while (r >= 0 && (r = table_file_next(file, ADJACENCY_MAX)) > 0)
		r = take_row(adjacency, file, &columns);
	return r < 0 ? r : table_file_verdict(file);
}

/* By from, the heaviest first, equal ones by to. */
static int compare(const void *a, const void *b) {
	const struct edge *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* Keeps the first of each pair, and the heaviest of each detector. */
static void thin_out(struct adjacency *adjacency) {
	struct edge *edges = adjacency->edges;
	size_t kept = 0, first = 0;
	for (size_t i = 0; i < adjacency->edges_count; i++) {
		if (kept == first || edges[i].from != edges[first].from)
			first = kept;
		bool known = kept - first == CANDIDATES_MAX;
		for (size_t j = first; j < kept && !known; j++)
			known = edges[j].to == edges[i].to;
		if (!known)
			edges[kept++] = edges[i];
	}
	adjacency->edges_count = kept;
}

int adjacency_load(struct adjacency **ret_adjacency, const char *path, struct text *problems) {
	struct table_file file;
	struct adjacency *adjacency = calloc(1, sizeof(*adjacency));
	if (!adjacency || table_create(&adjacency->by_name, random_seed()) < 0) {
		free(adjacency);
		return -ENOMEM;
	}

	int r = table_file_open(&file, path, problems);
	if (r == 0)
		r = read_all(adjacency, &file);
	table_file_close(&file);
	if (r < 0) {
		adjacency_destroy(adjacency);
		return r;
	}
	if (adjacency->edges_count > 0)
		qsort(adjacency->edges, adjacency->edges_count, sizeof(struct edge), compare);
	thin_out(adjacency);
	*ret_adjacency = adjacency;
	return 0;
}

void adjacency_destroy(struct adjacency *adjacency) {
	if (!adjacency)
		return;
	table_destroy(adjacency->by_name);
	arena_finish(&adjacency->bytes);
	free(adjacency->names);
	free(adjacency->edges);
	free(adjacency);
}

size_t adjacency_count(const struct adjacency *adjacency) {
	return adjacency->edges_count;
}

bool adjacency_names(const struct adjacency *adjacency, struct span detector) {
	uint32_t index;
	return table_find(adjacency->by_name, detector, &index);
}

/* The first edge from a name or a later one. */
static size_t first_edge(const struct adjacency *adjacency, uint32_t from) {
	size_t low = 0, high = adjacency->edges_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (adjacency->edges[middle].from < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t adjacency_candidates(
	const struct adjacency *adjacency, struct span detector, struct span *to) {
	uint32_t from;
	size_t count = 0;
	if (!table_find(adjacency->by_name, detector, &from))
		return 0;
	for (size_t i = first_edge(adjacency, from);
		i < adjacency->edges_count && adjacency->edges[i].from == from; i++)
		to[count++] = adjacency->names[adjacency->edges[i].to];
	return count;
}
