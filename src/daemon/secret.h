/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_SECRET_H
#define DAEMON_SECRET_H

#include "text.h"

/* From now on the process leaves no core dump, and nobody but root may look into its memory: not even
 * other processes of its user. 0 or -errno. */
int secret_seal_process(void);

/* The path of a systemd credential (LoadCredential=) in `to`, terminated; false if there is none of
 * that name. */
bool secret_credential_path(const char *name, struct text *to);

/* The first line of a file, without its end, terminated. 0, -errno, E_TOO_LARGE, or E_EMPTY. */
int secret_read(const char *path, struct text *to);

/* Overwrites and frees it. */
void secret_forget(struct text *secret);

#endif
