/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "config_named.h"
#include "keys.h"

#include <errno.h>
#include <string.h>

/* What a configuration takes over from the file as it is now, while the daemon runs. */

static void name_kept(struct text *kept, const char *section, const char *name, const char *key) {
	text_add_format(kept, "%s[%s%s%s] %s", kept->length > 0 ? ", " : "", section,
		name ? " " : "", name ? name : "", key);
}

/* Takes a key over if it differs and may, or names it. Returns how many were taken over, or -ENOMEM. */
static int reload_key(const struct key *key, struct config *config, const struct config *fresh,
	struct text *kept) {
	void *now = (char *)config + key->at;
	const void *then = (const char *)fresh + key->at;

	if (keys_equal(key, now, then))
		return 0;
	if (!key->reload) {
		name_kept(kept, key->section, NULL, key->name);
		return 0;
	}
	int r = keys_copy(key, now, then);
	return r < 0 ? r : 1;
}

static int reload_keys(struct config *config, const struct config *fresh, struct text *kept) {
	size_t count;
	int taken = 0;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count && taken >= 0; i++) {
		if (named_of(span_text(keys[i].section)))
			continue;
		int r = reload_key(&keys[i], config, fresh, kept);
		taken = r < 0 ? r : taken + r;
	}
	return taken;
}

/* The states of a source's detectors are made for some of its keys: these stay what they were. */
static int keep_keys(
	const struct config_name *source, struct config_name *fresh, struct text *kept) {
	size_t count;
	int r = 0;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count && r == 0; i++) {
		const void *now = (const char *)source + keys[i].at;
		void *then = (char *)fresh + keys[i].at;

		if (strcmp(keys[i].section, SECTION_SOURCE) != 0 || keys[i].reload ||
			keys_equal(&keys[i], now, then))
			continue;
		name_kept(kept, SECTION_SOURCE, source->name, keys[i].name);
		r = keys_copy(&keys[i], then, now);
	}
	return r;
}

/* Lets `fresh` keep what may not change, and the sources that it lacks. */
static int keep_sources(const struct config *config, struct config *fresh, struct text *kept) {
	const struct named *sources = named_of(SPAN(SECTION_SOURCE));
	int r = 0;

	for (size_t i = 0; i < config->source_count && r == 0; i++) {
		const struct config_name *source = named_item(config, sources, i);
		struct config_name *same = named_find(fresh, sources, span_text(source->name));

		if (same) {
			r = keep_keys(source, same, kept);
			continue;
		}
		same = named_add_copy(fresh, sources, source);
		if (!same)
			return -ENOMEM;
		same->gone = true;
	}
	return r;
}

static bool has(const struct config *config, const struct named *named, const char *name) {
	const struct config_name *item = named_find(config, named, span_text(name));

	return item && !item->gone;
}

/* Sections of a kind that are new, gone, or different. */
static int count_changes(
	const struct config *config, const struct config *fresh, const struct named *named) {
	int changes = 0;

	for (size_t i = 0; i < named_count(fresh, named); i++) {
		const struct config_name *item = named_item(fresh, named, i);
		const struct config_name *before = named_find(config, named, span_text(item->name));

		if (has(config, named, item->name) != !item->gone)
			changes++;
		else if (before && !item->gone)
			changes += !named_equal(named, item, before);
	}
	for (size_t i = 0; i < named_count(config, named); i++)
		changes += !named_find(fresh, named, span_text(named_item(config, named, i)->name));
	return changes;
}

void config_swap_sections(struct config *config, struct config *fresh) {
	size_t kinds;
	const struct named *named = named_all(&kinds);

	for (size_t i = 0; i < kinds; i++)
		named_swap(config, fresh, &named[i]);
}

int config_reload(struct config *config, struct config *fresh, struct text *kept) {
	size_t kinds;
	const struct named *named = named_all(&kinds);
	int sections = 0;

	int keys = reload_keys(config, fresh, kept);
	if (keys < 0)
		return keys;
	int r = keep_sources(config, fresh, kept);
	if (r < 0)
		return r;
	for (size_t i = 0; i < kinds; i++)
		sections += count_changes(config, fresh, &named[i]);
	config_swap_sections(config, fresh);
	return keys + sections;
}
