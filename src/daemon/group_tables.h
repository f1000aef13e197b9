/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_GROUP_TABLES_H
#define DAEMON_GROUP_TABLES_H

#include "adjacency.h"
#include "config.h"
#include "engine.h"
#include "positions.h"
#include "registry.h"

/* What the files of a section [group NAME] say. */
struct group_table {
	char *name;
	struct positions *positions; /* NULL: none */
	struct adjacency *adjacency;
};

/* Reads the files of a group, "": none. 0; E_CONFIG, and what is wrong has been appended to `problems`;
 * -ENOMEM. To be finished in any case. */
int group_table_load(struct group_table *table, const char *name, const char *positions,
	const char *adjacency, struct text *problems);
void group_table_finish(struct group_table *table);

/* Tells the engine where a detector is and whom it may see; to be called again when a channel is new. What
 * the file says counts for more than what the detector has told, NAN: nothing. 0 or -ENOMEM. table may be NULL. */
int group_table_apply(const struct group_table *table, struct engine *engine,
	const struct registry *registry, const struct detector *detector, double latitude,
	double longitude);

/* All groups of a configuration. */
struct group_tables {
	struct group_table *items;
	size_t count;
};

/* As group_table_load; then there are none. */
int group_tables_load(
	struct group_tables *tables, const struct config *config, struct text *problems);
void group_tables_finish(struct group_tables *tables);

/* NULL: nothing is said about the group. */
const struct group_table *group_tables_find(const struct group_tables *tables, const char *group);

#endif
