/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_STORE_FAILING_VFS_H
#define TESTS_STORE_FAILING_VFS_H

/*
 * A SQLite file system that hands everything to the default one and fails when it is told to: the
 * nth write, sync or truncation from now, and all after it until it is healed.
 */
#define FAILING_VFS "failing"

void failing_vfs_register(void);

/* Operation n from now (1: the next) fails with `result`; 0 heals. */
void failing_vfs_fail_at(int n, int result);

/* Whether an operation has failed since failing_vfs_fail_at. */
int failing_vfs_has_failed(void);

/* Syncs so far. */
int failing_vfs_syncs(void);

#endif
