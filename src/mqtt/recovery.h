/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_RECOVERY_H
#define MQTT_RECOVERY_H

#include "ring.h"

#include <stdbool.h>

/* What an earlier process left in an inbox's file: the messages that were taken in and are not
 * known to be done. */
struct recovery {
	const char *path;
	uint64_t committed; /* as inbox_options' */
	uint64_t start, end; /* result: positions of those messages, in the new file */
	uint64_t messages;
};

/* Replaces the file by a new one of at least `bytes` that holds these messages, and nothing else.
 * `reserve` bytes stay free whatever they are. Ends either with the old file, untouched, or with
 * the new one, complete and on the device. 0, -errno, E_VERSION or E_CORRUPT. */
int recovery_run(struct recovery *recovery, struct ring *ret_ring, size_t bytes, size_t reserve);

#endif
