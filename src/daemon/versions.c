/* SPDX-License-Identifier: Apache-2.0 */
#include "versions.h"

#include "num.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void version_finish(struct version *version) {
	text_finish(&version->name);
	text_finish(&version->parent);
}

void versions_finish(struct versions *versions) {
	for (size_t i = 0; i < versions->count; i++)
		version_finish(&versions->items[i]);
	free(versions->items);
	*versions = (struct versions){ 0 };
}

/* What stands between the last + and the @ after it, or the end; 0 if that is no number. */
static uint64_t number_of(struct span name) {
	struct span own = version_detector(name);
	if (own.length > 0)
		name.length -= own.length + 1;
	const char *plus = memrchr(name.data, '+', name.length);
	int64_t number;

	if (!plus)
		return 0;
	struct span digits = span_of(plus + 1, (size_t)(name.data + name.length - plus - 1));
	return num_read_int(digits, &number) == 0 && number > 0 ? (uint64_t)number : 0;
}

static int make_room(struct versions *versions) {
	if (versions->count < versions->room)
		return 0;
	size_t room = versions->room ? 2 * versions->room : 16;

	struct version *items = realloc(versions->items, room * sizeof(*items));
	if (!items)
		return -ENOMEM;

	versions->items = items;
	versions->room = room;
	return 0;
}

int versions_add(
	struct versions *versions, struct span name, struct span parent, int64_t created_ms) {
	struct version version = { .created_ms = created_ms };
	uint64_t number = number_of(name);

	text_add(&version.name, name);
	text_add(&version.parent, parent);
	if (text_failed(&version.name) || text_failed(&version.parent) || make_room(versions) < 0) {
		version_finish(&version);
		return -ENOMEM;
	}
	versions->items[versions->count++] = version;
	if (number > versions->last)
		versions->last = number;
	return 0;
}

const struct version *versions_find(const struct versions *versions, struct span name) {
	for (size_t i = 0; i < versions->count; i++) {
		if (span_equal(text_span(&versions->items[i].name), name))
			return &versions->items[i];
	}
	return NULL;
}

void versions_write_next(
	const struct versions *versions, struct span base, struct span detector, struct text *to) {
	text_add(to, base);
	text_add_format(to, "+%" PRIu64, versions->last + 1);
	if (detector.length == 0)
		return;
	text_add_char(to, '@');
	text_add(to, detector);
}

struct span version_detector(struct span name) {
	const char *at = memchr(name.data, '@', name.length);

	return at ? span_of(at + 1, (size_t)(name.data + name.length - at - 1)) : SPAN_EMPTY;
}

bool version_is_of(struct span name, struct span base) {
	return span_starts_with(name, base) && name.length > base.length &&
	       name.data[base.length] == '+';
}

const struct version *versions_surplus(
	const struct versions *versions, struct span detector, size_t most, struct span kept) {
	const struct version *oldest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < versions->count; i++) {
		const struct version *version = &versions->items[i];
		struct span name = text_span(&version->name);

		if (!span_equal(version_detector(name), detector))
			continue;
		count++;
		if (!oldest && !span_equal(name, kept))
			oldest = version;
	}
	return count > most ? oldest : NULL;
}

void versions_remove(struct versions *versions, const struct version *version) {
	size_t index = (size_t)(version - versions->items);

	version_finish(&versions->items[index]);
	versions->count--;
	memmove(versions->items + index, versions->items + index + 1,
		(versions->count - index) * sizeof(*versions->items));
}
