/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include "crc32c.h"
#include "error.h"

#include <string.h>

/* Counts up whenever the meaning of a row's bytes changes. */
#define STATE_VERSION 3

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
		crc32c(0, bytes, header.length) != header.check)
		return E_CORRUPT;
	memset(row, 0, layout->size);
	memcpy(row, bytes, header.length);
	return 0;
}
