/* SPDX-License-Identifier: Apache-2.0 */
#include "config_named.h"

#include "keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KIND(name, type, items, count)                                                             \
	{                                                                                          \
		name, sizeof(struct type), offsetof(struct config, items),                         \
			offsetof(struct config, count)                                             \
	}

static const struct named kinds[] = {
	KIND(SECTION_SOURCE, config_source, sources, source_count),
	KIND(SECTION_GROUP, config_group, groups, group_count),
};

const struct named *named_all(size_t *ret_count) {
	*ret_count = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

const struct named *named_of(struct span section) {
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (span_equal(span_text(kinds[i].section), section))
			return &kinds[i];
	}
	return NULL;
}

static char *items_of(const struct config *config, const struct named *named) {
	char *items;

	memcpy(&items, (const char *)config + named->items_at, sizeof(items));
	return items;
}

static void set_items(struct config *config, const struct named *named, char *items, size_t count) {
	memcpy((char *)config + named->items_at, &items, sizeof(items));
	memcpy((char *)config + named->count_at, &count, sizeof(count));
}

size_t named_count(const struct config *config, const struct named *named) {
	size_t count;

	memcpy(&count, (const char *)config + named->count_at, sizeof(count));
	return count;
}

struct config_name *named_item(
	const struct config *config, const struct named *named, size_t index) {
	return (struct config_name *)(void *)(items_of(config, named) + index * named->size);
}

struct config_name *named_find(
	const struct config *config, const struct named *named, struct span name) {
	for (size_t i = 0; i < named_count(config, named); i++) {
		struct config_name *item = named_item(config, named, i);

		if (span_equal(span_text(item->name), name))
			return item;
	}
	return NULL;
}

struct config_name *named_add(struct config *config, const struct named *named, struct span name) {
	size_t count = named_count(config, named);
	char *items = realloc(items_of(config, named), (count + 1) * named->size);
	if (!items)
		return NULL;

	set_items(config, named, items, count);
	struct config_name *item = named_item(config, named, count);
	memset(item, 0, named->size);
	item->name = strndup(name.data, name.length);
	if (!item->name)
		return NULL;
	set_items(config, named, items, count + 1);
	return item;
}

void named_clear(struct config *config, const struct named *named) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < named_count(config, named); i++) {
		struct config_name *item = named_item(config, named, i);

		for (size_t k = 0; k < count; k++) {
			if (strcmp(keys[k].section, named->section) == 0)
				keys_free(&keys[k], (char *)item + keys[k].at);
		}
		free(item->name);
	}
	free(items_of(config, named));
	set_items(config, named, NULL, 0);
}

bool named_equal(
	const struct named *named, const struct config_name *a, const struct config_name *b) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].section, named->section) == 0 &&
			!keys_equal(&keys[i], (const char *)a + keys[i].at,
				(const char *)b + keys[i].at))
			return false;
	}
	return true;
}

struct config_name *named_add_copy(
	struct config *config, const struct named *named, const struct config_name *from) {
	size_t count;
	const struct key *keys = keys_all(&count);
	struct config_name *item = named_add(config, named, span_text(from->name));
	int r = item ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && r == 0; i++) {
		if (strcmp(keys[i].section, named->section) == 0)
			r = keys_copy(&keys[i], (char *)item + keys[i].at,
				(const char *)from + keys[i].at);
	}
	if (r < 0)
		return NULL;
	item->line = from->line;
	return item;
}

void named_swap(struct config *a, struct config *b, const struct named *named) {
	char *items = items_of(a, named);
	size_t count = named_count(a, named);

	set_items(a, named, items_of(b, named), named_count(b, named));
	set_items(b, named, items, count);
}
