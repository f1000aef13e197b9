/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERIES_REGISTRY_H
#define SERIES_REGISTRY_H

#include "detector.h"
#include "span.h"

#include <stdint.h>

/*
 * All detectors and series by name and by id. A series is one channel of one detector, named
 * "detector/channel". Ids start at 1, rise, and never change; the caller stores them and gives
 * them back with registry_restore_* at the next start. Nothing is ever removed.
 */
struct registry;

struct registry_limits {
	uint32_t series_max;
	uint32_t detectors_max;
	uint32_t channels_max; /* of one detector, at most CHANNELS_MAX */
	size_t waiting_max; /* readings that wait to be pulled, over all detectors; each takes 32
	                     * bytes */
};

/* A hundred thousand detectors, two hundred thousand series, 64 channels, two million readings. */
struct registry_limits registry_limits_default(void);

/* Room for "detector/channel" with its terminator. */
#define SERIES_NAME_MAX (2 * NAME_MAX_LENGTH + 2)

struct series {
	struct detector *detector;
	uint32_t channel;
};

/* `seed` keys the hash of names: random in the daemon, so that nobody can choose collisions. */
int registry_create(
	struct registry **ret_registry, const struct registry_limits *limits, uint64_t seed);
void registry_destroy(struct registry *registry);

/* The detector of that name, NULL if there is none. */
struct detector *registry_find_detector(const struct registry *registry, struct span name);

/* 1 if it was added, 0 if it was there (`options` are then not looked at), or E_NAME, E_ENCODING,
 * E_TOO_MANY_SERIES (limit of detectors or series), -ENOMEM. */
int registry_find_or_add_detector(struct registry *registry, struct span name,
	const struct clock_options *options, struct detector **ret_detector);

/* The channel's index in its detector, likewise; also E_TOO_MANY_CHANNELS. A unit given later than
 * the channel is taken if there was none. */
int registry_find_or_add_channel(struct registry *registry, struct detector *detector,
	struct span name, struct span unit, uint32_t *ret_channel);

/* Puts back what the store knows. Channels keep their indices if their series are restored in the
 * order of their ids. 0, E_CORRUPT if an id or name is wrong or taken, or the errors above; limits
 * hold. */
int registry_restore_detector(struct registry *registry, uint32_t id, struct span name,
	const struct clock_options *options, struct detector **ret_detector);
int registry_restore_series(struct registry *registry, struct detector *detector, uint32_t id,
	struct span channel, struct span unit);

uint32_t registry_detector_count(const struct registry *registry);
uint32_t registry_series_count(const struct registry *registry);

/* Ids of detectors lie in 1..last; some may be free after a restore (NULL). */
uint32_t registry_last_detector_id(const struct registry *registry);
struct detector *registry_detector(const struct registry *registry, uint32_t id);

/* The same for series; a free or unknown id has no detector. */
uint32_t registry_last_series_id(const struct registry *registry);
struct series registry_series(const struct registry *registry, uint32_t id);

/* The series of that full name; without a detector if there is none. */
struct series registry_find_series(const struct registry *registry, struct span name);

/* Writes "detector/channel", terminated, and returns it; empty for a free or unknown id. */
struct span registry_series_name(
	const struct registry *registry, uint32_t id, char to[SERIES_NAME_MAX]);

/* Readings accepted but not yet pulled, over all detectors: whoever feeds the registry pauses
 * before this reaches waiting_max. */
size_t registry_waiting(const struct registry *registry);

#endif
