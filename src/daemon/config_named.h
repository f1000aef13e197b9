/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_CONFIG_NAMED_H
#define DAEMON_CONFIG_NAMED_H

#include "config.h"

/*
 * Sections that come once for each name: [source NAME], [group NAME]. Their structs begin with
 * struct config_name and lie in an array of struct config.
 */
struct named {
	const char *section;
	size_t size; /* of an item */
	size_t items_at, count_at; /* in struct config */
};

/* The kind of that section; NULL: it has no names. */
const struct named *named_of(struct span section);

/* All kinds, in the order in which they are printed. */
const struct named *named_all(size_t *ret_count);

size_t named_count(const struct config *config, const struct named *named);
struct config_name *named_item(
	const struct config *config, const struct named *named, size_t index);
struct config_name *named_find(
	const struct config *config, const struct named *named, struct span name);

/* Another item, with its name and nothing else; NULL: no memory. */
struct config_name *named_add(struct config *config, const struct named *named, struct span name);

/* Frees all items of a kind. */
void named_clear(struct config *config, const struct named *named);

/* Whether two items agree in their keys. */
bool named_equal(
	const struct named *named, const struct config_name *a, const struct config_name *b);

/* Adds a copy of an item of another configuration; NULL: no memory. */
struct config_name *named_add_copy(
	struct config *config, const struct named *named, const struct config_name *from);

/* Exchanges the items of a kind between two configurations. */
void named_swap(struct config *a, struct config *b, const struct named *named);

#endif
