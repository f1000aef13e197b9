/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <sqlite3.h>

/* In the header of every database of ours, for file(1) and against mistakes: "xlst". */
#define SCHEMA_APPLICATION 0x786c7374

/* Which version of the schema the database has: 0 in *ret_version if nothing is in it yet. 0,
 * E_VERSION for a database that is not ours, E_CORRUPT or another error. */
int schema_identify(sqlite3 *db, int *ret_version);

/* Makes tables, indexes and views in one transaction. */
int schema_create(sqlite3 *db);

/* Makes a database of an earlier version, from 1, one of the present version, in one transaction. */
int schema_upgrade(sqlite3 *db, int version);

#endif
