/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void links_finish(struct links *links) {
	for (size_t i = 0; i < links->room; i++)
		free(links->lists[i].others);
	free(links->lists);
	*links = (struct links){ 0 };
}

static int reserve(struct links *links, uint32_t series) {
	if (series < links->room)
		return 0;
	size_t room = series + 1 + series / 2;
	struct link_list *lists = realloc(links->lists, room * sizeof(*lists));
	if (!lists)
		return -ENOMEM;
	memset(lists + links->room, 0, (room - links->room) * sizeof(*lists));
	links->lists = lists;
	links->room = room;
	return 0;
}

int links_limit(struct links *links, uint32_t series) {
	int r = reserve(links, series);
	if (r == 0)
		links->lists[series].limited = true;
	return r;
}

static bool holds(const struct link_list *list, uint32_t other) {
	for (uint32_t i = 0; i < list->count; i++)
		if (list->others[i] == other)
			return true;
	return false;
}

static int add(struct links *links, uint32_t series, uint32_t other) {
	int r = links_limit(links, series);
	if (r < 0)
		return r;
	struct link_list *list = &links->lists[series];
	if (holds(list, other))
		return 0;
	if (list->count == list->room) {
		uint32_t room = list->room ? 2 * list->room : 8;
		uint32_t *others = realloc(list->others, room * sizeof(*others));
		if (!others)
			return -ENOMEM;
		list->others = others;
		list->room = room;
	}
	list->others[list->count++] = other;
	return 0;
}

int links_add(struct links *links, uint32_t a, uint32_t b) {
	int r = add(links, a, b);
	return r < 0 ? r : add(links, b, a);
}

bool links_limits(const struct links *links, uint32_t series) {
	return series < links->room && links->lists[series].limited;
}

bool links_allow(const struct links *links, uint32_t a, uint32_t b) {
	return !links_limits(links, a) || holds(&links->lists[a], b);
}
