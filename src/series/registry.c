/* SPDX-License-Identifier: Apache-2.0 */
#include "registry.h"

#include "detector_private.h"
#include "error.h"
#include "name.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>

/* Ids index arrays, so a damaged database must not make them huge. */
#define ID_MAX (UINT32_C(1) << 24)

/* An array by id; ids start at 1 and index 0 stays free. */
struct ids {
	void *items;
	uint32_t last;
	uint32_t capacity;
	uint32_t count;
};

struct registry {
	struct registry_limits limits;
	struct queue_budget budget;
	struct table *names; /* of detectors, to ids */
	struct ids detectors; /* struct detector * */
	struct ids series; /* struct series */
};

struct registry_limits registry_limits_default(void) {
	return (struct registry_limits){
		.series_max = 200000,
		.detectors_max = 100000,
		.channels_max = CHANNELS_MAX,
		.waiting_max = 2000000,
	};
}

int registry_create(
	struct registry **ret_registry, const struct registry_limits *limits, uint64_t seed) {
	struct registry *registry = calloc(1, sizeof(*registry));
	if (!registry)
		return -ENOMEM;

	int r = table_create(&registry->names, seed);
	if (r < 0) {
		free(registry);
		return r;
	}
	registry->limits = *limits;
	if (registry->limits.channels_max > CHANNELS_MAX)
		registry->limits.channels_max = CHANNELS_MAX;
	registry->budget.max = limits->waiting_max;
	*ret_registry = registry;
	return 0;
}

void registry_destroy(struct registry *registry) {
	if (!registry)
		return;
	for (uint32_t id = 1; id <= registry->detectors.last; id++)
		detector_destroy(registry_detector(registry, id));
	free(registry->detectors.items);
	free(registry->series.items);
	table_destroy(registry->names);
	free(registry);
}

/* Makes room for the id; new items are zero. */
static int ids_reserve(struct ids *ids, uint32_t id, size_t size) {
	if (id < ids->capacity)
		return 0;

	uint32_t capacity = ids->capacity ? ids->capacity : 64;
	while (capacity <= id)
		capacity *= 2;
	char *items = realloc(ids->items, capacity * size);
	if (!items)
		return -ENOMEM;
	memset(items + ids->capacity * size, 0, (capacity - ids->capacity) * size);
	ids->items = items;
	ids->capacity = capacity;
	return 0;
}

static void ids_took(struct ids *ids, uint32_t id) {
	ids->count++;
	if (id > ids->last)
		ids->last = id;
}

static struct detector **detector_slot(const struct registry *registry, uint32_t id) {
	return (struct detector **)registry->detectors.items + id;
}

static struct series *series_slot(const struct registry *registry, uint32_t id) {
	return (struct series *)registry->series.items + id;
}

struct detector *registry_detector(const struct registry *registry, uint32_t id) {
	return id >= 1 && id <= registry->detectors.last ? *detector_slot(registry, id) : NULL;
}

struct series registry_series(const struct registry *registry, uint32_t id) {
	if (id < 1 || id > registry->series.last)
		return (struct series){ NULL, 0 };
	return *series_slot(registry, id);
}

uint32_t registry_detector_count(const struct registry *registry) {
	return registry->detectors.count;
}

uint32_t registry_series_count(const struct registry *registry) {
	return registry->series.count;
}

uint32_t registry_last_detector_id(const struct registry *registry) {
	return registry->detectors.last;
}

uint32_t registry_last_series_id(const struct registry *registry) {
	return registry->series.last;
}

size_t registry_waiting(const struct registry *registry) {
	return registry->budget.used;
}

struct detector *registry_find_detector(const struct registry *registry, struct span name) {
	uint32_t id;

	return table_find(registry->names, name, &id) ? registry_detector(registry, id) : NULL;
}

static int add_detector(struct registry *registry, uint32_t id, struct span name,
	const struct clock_options *options, struct detector **ret_detector) {
	if (registry->detectors.count >= registry->limits.detectors_max || id > ID_MAX)
		return E_TOO_MANY_SERIES;
	int r = name_check_detector(name);
	if (r < 0)
		return r;
	r = ids_reserve(&registry->detectors, id, sizeof(struct detector *));
	if (r < 0)
		return r;

	struct detector *detector;
	r = detector_create(&detector, id, name, options, &registry->budget);
	if (r < 0)
		return r;
	r = table_put(registry->names, detector_name(detector), id);
	if (r < 0) {
		detector_destroy(detector);
		return r;
	}
	*detector_slot(registry, id) = detector;
	ids_took(&registry->detectors, id);
	*ret_detector = detector;
	return 0;
}

static int add_series(struct registry *registry, struct detector *detector, uint32_t id,
	struct span channel, struct span unit) {
	if (registry->series.count >= registry->limits.series_max || id > ID_MAX)
		return E_TOO_MANY_SERIES;
	if (detector_channel_count(detector) >= registry->limits.channels_max)
		return E_TOO_MANY_CHANNELS;
	int r = name_check_channel(channel);
	if (r < 0)
		return r;
	r = ids_reserve(&registry->series, id, sizeof(struct series));
	if (r < 0)
		return r;

	uint32_t index = detector_channel_count(detector);
	r = detector_add_channel(detector, channel, unit, id);
	if (r < 0)
		return r;
	*series_slot(registry, id) = (struct series){ detector, index };
	ids_took(&registry->series, id);
	return 0;
}

int registry_find_or_add_detector(struct registry *registry, struct span name,
	const struct clock_options *options, struct detector **ret_detector) {
	struct detector *found = registry_find_detector(registry, name);

	if (found) {
		*ret_detector = found;
		return 0;
	}
	int r = add_detector(registry, registry->detectors.last + 1, name, options, ret_detector);
	return r < 0 ? r : 1;
}

int registry_find_or_add_channel(struct registry *registry, struct detector *detector,
	struct span name, struct span unit, uint32_t *ret_channel) {
	int found = detector_find_channel(detector, name);

	if (found >= 0) {
		*ret_channel = (uint32_t)found;
		return detector_set_unit(detector, (uint32_t)found, unit);
	}
	uint32_t index = detector_channel_count(detector);
	int r = add_series(registry, detector, registry->series.last + 1, name, unit);
	if (r < 0)
		return r;
	*ret_channel = index;
	return 1;
}

int registry_restore_detector(struct registry *registry, uint32_t id, struct span name,
	const struct clock_options *options, struct detector **ret_detector) {
	if (id < 1 || id > ID_MAX || registry_detector(registry, id) ||
		registry_find_detector(registry, name))
		return E_CORRUPT;
	return add_detector(registry, id, name, options, ret_detector);
}

int registry_restore_series(struct registry *registry, struct detector *detector, uint32_t id,
	struct span channel, struct span unit) {
	if (id < 1 || id > ID_MAX || registry_series(registry, id).detector ||
		detector_find_channel(detector, channel) >= 0)
		return E_CORRUPT;
	return add_series(registry, detector, id, channel, unit);
}

struct series registry_find_series(const struct registry *registry, struct span name) {
	const char *slash = name.length ? memrchr(name.data, '/', name.length) : NULL;
	if (!slash)
		return (struct series){ NULL, 0 };

	size_t before = (size_t)(slash - name.data);
	struct detector *detector = registry_find_detector(registry, span_of(name.data, before));
	if (!detector)
		return (struct series){ NULL, 0 };

	int channel = detector_find_channel(detector, span_of(slash + 1, name.length - before - 1));
	if (channel < 0)
		return (struct series){ NULL, 0 };
	return (struct series){ detector, (uint32_t)channel };
}

struct span registry_series_name(
	const struct registry *registry, uint32_t id, char to[SERIES_NAME_MAX]) {
	struct series series = registry_series(registry, id);
	if (!series.detector)
		return SPAN_EMPTY;

	struct span detector = detector_name(series.detector);
	struct span channel = detector_channel_name(series.detector, series.channel);
	memcpy(to, detector.data, detector.length);
	to[detector.length] = '/';
	memcpy(to + detector.length + 1, channel.data, channel.length);
	to[detector.length + 1 + channel.length] = '\0';
	return span_of(to, detector.length + 1 + channel.length);
}
