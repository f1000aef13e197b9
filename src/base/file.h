/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "span.h"
#include "text.h"

/* Appends a whole file to `text`, at most `limit` bytes. 0, -errno or E_TOO_LARGE. */
int file_read(const char *path, size_t limit, struct text *text);

/* Gives a file its place, durably, instead of what was there. 0 or -errno. */
int file_move(const char *from, const char *to);

/* Replaces a whole file or leaves the old one: writes beside it, fsyncs, renames, fsyncs the
 * directory. Mode is that of a new file. 0 or -errno. */
int file_replace(const char *path, struct span content, unsigned mode);

/* Opens /dev/null in place of those of the three standard files that were closed when the process began: what it opens
 * would else take their place, and be written to as standard error. 0 or -errno. */
int file_open_standard(void);

#endif
