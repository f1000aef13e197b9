/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include "crc32c.h"
#include "error.h"

#include <string.h>

/* Counts up whenever the meaning of a row's bytes changes. */
#define STATE_VERSION 9

struct state_header {
	char magic[4];
	uint32_t version;
	uint32_t identity;
	uint32_t check; /* of the bytes that follow */
	uint64_t length; /* of the bytes that follow */
};

static const char magic[4] = { 'X', 'L', 'S', 'R' };

static size_t used_length(const struct row_layout *layout, const void *row) {
	const unsigned char *bytes = row;
	size_t length = layout->size;
	while (length > 0 && bytes[length - 1] == 0)
		length--;
	return length;
}

size_t state_size(const struct row_layout *layout, const void *row) {
	return sizeof(struct state_header) + used_length(layout, row);
}

void state_save(const struct row_layout *layout, const void *row, void *to) {
	struct state_header header = {
		.version = STATE_VERSION,
		.identity = row_layout_identity(layout),
		.length = used_length(layout, row),
	};
	memcpy(header.magic, magic, sizeof(magic));
	header.check = crc32c(0, row, header.length);
	memcpy(to, &header, sizeof(header));
	memcpy((unsigned char *)to + sizeof(header), row, header.length);
}

/* A part of a stored row, whose trailing zeros are left out. */
static void read_part(void *to, size_t size, size_t at, const unsigned char *bytes, size_t length) {
	size_t there = at < length ? length - at : 0;
	memset(to, 0, size);
	if (there > 0)
		memcpy(to, bytes + at, there < size ? there : size);
}

/* No series ever has so many ticks; counting on from there would begin anew. */
#define TICKS_MAX (UINT64_MAX / 2)

/* Whether the numbers that choose places in a row keep to it: a check sum tells damage, not who wrote
 * the bytes. Others that make no sense are found when they are used (forecaster.h). */
static bool keeps_to_itself(
	const struct row_layout *layout, const unsigned char *bytes, size_t length) {
	struct row_head head;
	struct track track = { .m1 = 0 };
	read_part(&head, sizeof(head), 0, bytes, length);
	if (head.history.next >= layout->history_length || head.history.ticks > TICKS_MAX)
		return false;
	for (int slot = 0; slot < SEASONAL_SLOTS; slot++) {
		uint32_t room = layout->profiles[slot] ? layout->season_room : 0;
		if (head.seasonal[slot].period > layout->season_room ||
			head.seasonal[slot].filled > room)
			return false;
	}
	if (layout->has_network)
		read_part(&track, sizeof(track), layout->track, bytes, length);
	return track.m1 <= layout->season_room && track.m2 <= layout->season_room;
}

int state_load(const struct row_layout *layout, void *row, const void *from, size_t size) {
	struct state_header header;
	if (size < sizeof(header))
		return E_CORRUPT;
	memcpy(&header, from, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)) != 0)
		return E_CORRUPT;
	if (header.version != STATE_VERSION)
		return E_VERSION;
	if (header.identity != row_layout_identity(layout))
		return E_MISMATCH;
	const unsigned char *bytes = (const unsigned char *)from + sizeof(header);
	if (header.length != size - sizeof(header) || header.length > layout->size ||
		crc32c(0, bytes, header.length) != header.check ||
		!keeps_to_itself(layout, bytes, header.length))
		return E_CORRUPT;
	memcpy(row, bytes, header.length);
	memset((unsigned char *)row + header.length, 0, layout->size - header.length);
	return 0;
}
