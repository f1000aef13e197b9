/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_KEYS_H
#define DAEMON_KEYS_H

#include "config.h"

/*
 * The table of configuration keys: one row says everything about a key. Parsing, --check-config,
 * --print-config, the reference page and the shipped file are all made from it.
 */

enum key_type {
	KEY_TEXT, /* char *; "" is unset */
	KEY_SWITCH, /* bool: on, off */
	KEY_COUNT, /* uint32_t */
	KEY_BYTES, /* uint64_t: 512, 64k, 16M, 1G */
	KEY_DURATION, /* int64_t milliseconds: 250ms, 60s, 15m, 1h, 7d */
	KEY_CHOICE, /* uint32_t: one of the key's words */
	KEY_LIST, /* struct config_list: words separated by commas, may go on on indented lines */
};

struct key_choice {
	const char *word;
	uint32_t value;
};

struct key {
	const char *section;
	const char *name;
	enum key_type type;
	size_t at; /* offset in struct config, or in the struct of a section with a name */
	const char *initial; /* as it would stand in the file; NULL: as `inherits` */
	double min, max; /* range of a number, a size in bytes or a duration in ms */
	const char *zero; /* the word that stands for 0, which then needs not lie in the range */
	const struct key_choice *choices; /* KEY_CHOICE, ends with a NULL word */
	const char *inherits; /* sources: the key of [forecast] whose value counts where this one is
				 * unset: zero, or an empty list */
	bool required; /* sources: must be given */
	bool reload; /* may change on SIGHUP */
	const char *help; /* one or two sentences; what, unit, consequence */
};

/* Sections that are repeated, each under a name of its own: [source NAME]. */
#define SECTION_SOURCE "source"
#define SECTION_GROUP  "group"

/* All rows, grouped by section in the order of the shipped file. */
const struct key *keys_all(size_t *ret_count);

/* NULL if there is none. */
const struct key *keys_find(struct span section, struct span name);

/* The known name nearest to a mistyped one, or NULL if none is near. Sections if `section` is
 * empty, else the keys of that section. */
const char *keys_nearest(struct span section, struct span name);

/* What a value of this key looks like: "a duration from 100ms to 1d". */
void keys_expect(const struct key *key, struct text *out);

/* Reads a value into the field at `at`; a text or list that was there is freed.
 * 0, E_SYNTAX, -ENOMEM; the field is unchanged on failure. */
int keys_read(const struct key *key, struct span value, void *at);

/* Appends further items to the list at `at`. As keys_read. */
int keys_read_more(const struct key *key, struct span value, void *at);

/* The value as it would stand in the file. */
void keys_write(const struct key *key, const void *at, struct text *out);

bool keys_equal(const struct key *key, const void *a, const void *b);
int keys_copy(const struct key *key, void *to, const void *from);
void keys_free(const struct key *key, void *at);

/* The shipped configuration file: every key, commented out, at its default. */
void keys_write_file(struct text *out);

/* The reference page's tables in Markdown, and the manual's list in roff. */
void keys_write_page(struct text *out);
void keys_write_manual(struct text *out);

#endif
