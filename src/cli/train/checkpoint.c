/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint: a heading, then weights, average and both moments, then the lanes' states. What the
 * lanes were showing follows from seed and step.
 */
#include "trainer_private.h"

#include "crc32c.h"
#include "error.h"
#include "file.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC   "xlstmck\n"
#define VERSION 2

struct heading {
	char magic[8];
	uint32_t version;
	uint32_t crc; /* of all that follows it */
	uint64_t seed, steps;
	double rate, decay, young, recorded_share;
	uint64_t recorded; /* ticks */
	uint64_t relatives, frozen;
	uint64_t lanes, floats, state_size;
	/* Up to here a run is the same run. */
	uint64_t step, adamw_steps;
};

#define SAME_FROM offsetof(struct heading, seed)
#define SAME_TO   offsetof(struct heading, step)

static struct heading heading_of(const struct trainer *trainer) {
	const struct trainer_options *options = &trainer->options;
	const struct recorded *recorded = options->source.recorded;
	return (struct heading){ .magic = MAGIC,
		.version = VERSION,
		.seed = options->source.seed,
		.steps = options->steps,
		.rate = options->rate,
		.decay = options->decay,
		.young = options->young,
		.recorded_share = options->source.recorded_share,
		.recorded = recorded ? recorded_ticks(recorded) : 0,
		.relatives = options->source.relatives != NULL,
		.frozen = options->frozen,
		.lanes = options->lanes,
		.floats = trainer->floats,
		.state_size = trainer->state_size,
		.step = trainer->step };
}

static size_t states_size(const struct trainer *trainer) {
	return TRAINER_SLICE * trainer->state_size;
}

static size_t whole_size(const struct trainer *trainer) {
	return sizeof(struct heading) + 4 * trainer->floats * sizeof(float) +
	       trainer->slice_count * states_size(trainer);
}

static uint32_t crc_of(const unsigned char *bytes, size_t size) {
	const size_t from = offsetof(struct heading, seed);
	return crc32c(0, bytes + from, size - from);
}

/* The arrays behind the heading, in the order of the file. */
static void write_arrays(const struct trainer *trainer, unsigned char *to, uint64_t *ret_steps) {
	const size_t size = trainer->floats * sizeof(float);
	xlstm_adamw_moments(trainer->adamw, trainer->mean, trainer->square, ret_steps);
	const struct xlstm_weights *parts[] = { trainer->weights, trainer->mean, trainer->square };
	for (int i = 0; i < 3; i++) {
		weights_gather(parts[i], trainer->sum);
		memcpy(to + (size_t)i * size, trainer->sum, size);
	}
	memcpy(to + 3 * size, trainer->average, size);
	to += 4 * size;
	for (uint32_t s = 0; s < trainer->slice_count; s++, to += states_size(trainer))
		memcpy(to, trainer->slices[s].states, states_size(trainer));
}

static void read_arrays(struct trainer *trainer, const unsigned char *from, uint64_t steps) {
	const size_t size = trainer->floats * sizeof(float);
	struct xlstm_weights *parts[] = { trainer->weights, trainer->mean, trainer->square };
	for (int i = 0; i < 3; i++) {
		memcpy(trainer->sum, from + (size_t)i * size, size);
		weights_scatter(parts[i], trainer->sum);
	}
	xlstm_adamw_resume(trainer->adamw, trainer->mean, trainer->square, steps);
	memcpy(trainer->average, from + 3 * size, size);
	from += 4 * size;
	for (uint32_t s = 0; s < trainer->slice_count; s++, from += states_size(trainer))
		memcpy(trainer->slices[s].states, from, states_size(trainer));
}

int trainer_save(const struct trainer *trainer, const char *path) {
	struct heading heading = heading_of(trainer);
	size_t size = whole_size(trainer);
	unsigned char *bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	write_arrays(trainer, bytes + sizeof(heading), &heading.adamw_steps);
	memcpy(bytes, &heading, sizeof(heading));
	heading.crc = crc_of(bytes, size);
	memcpy(bytes, &heading, sizeof(heading));
	int r = file_replace(path, (struct span){ (const char *)bytes, size }, 0644);
	free(bytes);
	return r;
}

static int check(const struct trainer *trainer, const unsigned char *bytes, size_t size) {
	struct heading heading, own = heading_of(trainer);
	if (size < sizeof(heading))
		return E_CORRUPT;
	memcpy(&heading, bytes, sizeof(heading));
	if (memcmp(heading.magic, MAGIC, sizeof(heading.magic)) != 0)
		return E_CORRUPT;
	if (heading.version != VERSION)
		return E_VERSION;
	if (heading.crc != crc_of(bytes, size))
		return E_CORRUPT;
	if (size != whole_size(trainer) ||
		memcmp((const char *)&heading + SAME_FROM, (const char *)&own + SAME_FROM,
			SAME_TO - SAME_FROM) != 0)
		return E_MISMATCH;
	return 0;
}

static void seek_lanes(struct trainer *trainer) {
	for (uint32_t s = 0; s < trainer->slice_count; s++) {
		struct slice *slice = &trainer->slices[s];
		for (int i = 0; i < TRAINER_SLICE; i++)
			lane_seek(slice->lanes[i], trainer->step, slice->room);
	}
}

int trainer_resume(struct trainer *trainer, const char *path) {
	struct text text = { 0 };
	struct heading heading;
	int r = file_read(path, 2 * whole_size(trainer), &text);
	const unsigned char *bytes = (const unsigned char *)text_span(&text).data;
	if (r == 0)
		r = check(trainer, bytes, text_span(&text).length);
	if (r == 0) {
		memcpy(&heading, bytes, sizeof(heading));
		trainer->step = heading.step;
		read_arrays(trainer, bytes + sizeof(heading), heading.adamw_steps);
		seek_lanes(trainer);
	}
	text_finish(&text);
	return r;
}
