/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_RING_H
#define MQTT_RING_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes in a circle, mapped twice one behind the other, so that what runs over the end lies in one
 * piece. Places in it are positions in an endless stream of bytes.
 *
 * It is memory, or a file that outlives the process. A kill loses nothing that was written to it; a
 * power cut may lose what ring_sync has not confirmed. All its blocks are allocated when it is
 * made, so that writing to it cannot fail later.
 */
struct ring_header;

struct ring {
	char *data; /* twice the capacity */
	size_t capacity; /* a multiple of the page */
	struct ring_header *header; /* of a file, else NULL */
	int fd;
};

/* -errno on failure, as the next one. `capacity` is rounded up to whole pages. */
int ring_create_memory(struct ring *ring, size_t capacity);

/* Makes the file `path`, whatever it was before, with mode 0600. `released` as in ring_released.
 * -ENOSPC: no room for it. */
int ring_create_file(struct ring *ring, const char *path, size_t capacity, uint64_t released);

/* Opens an earlier file. -ENOENT; E_VERSION if another version has made it; E_CORRUPT if it is no
 * such file or not all of it. */
int ring_open_file(struct ring *ring, const char *path);

/* Fine on a zeroed ring. */
void ring_close(struct ring *ring);

/* Where the byte of this position lies; the following ones, up to the capacity, lie behind it. */
char *ring_at(const struct ring *ring, uint64_t position);

/* What lies before this position is needed no more: kept in the file. */
void ring_set_released(struct ring *ring, uint64_t position);
uint64_t ring_released(const struct ring *ring);

/* Returns once the device has everything that was written to the file. 0 or -errno. */
int ring_sync(const struct ring *ring);

#endif
