/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <sys/types.h>

/*
 * One writer per database. The lock is a record lock on a file beside the database, which the
 * kernel drops when its process dies, however it dies. (Not on the database itself: closing any
 * descriptor of a file drops all of the process's record locks, SQLite's among them.)
 */

/* Takes the lock of the database at `path`; a lock file that is made gets `mode`. 0 and the
 * descriptor that holds it; E_IN_USE and the process that has it (0: out of sight); -errno. */
int lock_take(const char *path, unsigned mode, int *ret_descriptor, pid_t *ret_holder);

/* Lets it go; the file stays. */
void lock_drop(int descriptor);

/* Who has it: 1 and *ret_holder; 0 if nobody does; -errno. */
int lock_holder(const char *path, pid_t *ret_holder);

#endif
