/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <string.h>

/* Bytes of a comment line in the shipped file. */
#define COMMENT_WIDTH 78

static const struct {
	const char *section;
	const char *text;
} sections[] = {
	{ "daemon", "The daemon itself." },
	{ "mqtt", "The broker that readings come from and forecasts go to." },
	{ "store", "The database." },
	{ "forecast", "What is forecast and how; a source may say otherwise for its own series." },
	{ "limits", "Bounds on everything that a stranger could let grow." },
	{ SECTION_SOURCE,
		"Where readings come from: one section for each kind of topic, each with a name of "
		"its own. A message is read by the first source that its topic matches." },
	{ SECTION_GROUP, "What is known of the detectors of a group, which sources name: where "
			 "they are, and who "
			 "is next to whom. All of it may be left out." },
};

static const char *section_text(const char *section) {
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (strcmp(sections[i].section, section) == 0)
			return sections[i].text;
	}
	return "";
}

/* Lines of words, each behind "# ". */
static void add_comment(const char *words, struct text *out) {
	struct span rest = span_text(words);
	size_t line = 0;

	while (rest.data) {
		struct span word = span_cut(&rest, ' ');

		if (line > 0 && line + 1 + word.length > COMMENT_WIDTH) {
			text_add_char(out, '\n');
			line = 0;
		}
		text_add(out, line == 0 ? SPAN("# ") : SPAN(" "));
		text_add(out, word);
		line += (line == 0 ? 2 : 1) + word.length;
	}
	text_add_char(out, '\n');
}

/* The name of a section in the shipped file, "" if it has none. */
static const char *example_name(const char *section) {
	if (strcmp(section, SECTION_SOURCE) == 0)
		return " plant";
	return strcmp(section, SECTION_GROUP) == 0 ? " road" : "";
}

static bool begins_section(const struct key *keys, size_t i) {
	return i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0;
}

static void add_value(const struct key *key, struct text *out) {
	if (key->inherits)
		text_add_format(out, "#%s =\n", key->name);
	else
		text_add_format(
			out, key->initial[0] ? "#%s = %s\n" : "#%s =%s\n", key->name, key->initial);
}

static void add_key(const struct key *key, struct text *out) {
	struct text comment = { 0 };

	text_add(&comment, span_text(key->help));
	if (key->type != KEY_TEXT) {
		text_add(&comment, SPAN(" Expected: "));
		keys_expect(key, &comment);
		text_add_char(&comment, '.');
	}
	if (key->inherits)
		text_add(&comment, SPAN(" Unset: as in [forecast]."));
	text_add_char(&comment, '\0');
	if (text_failed(&comment))
		out->failed = true;
	else
		add_comment(comment.data, out);
	text_finish(&comment);
	add_value(key, out);
}

void keys_write_file(struct text *out) {
	size_t count;
	const struct key *keys = keys_all(&count);

	text_add(out, SPAN("# Configuration of xlstmd: every key, at its default.\n"
			   "# xlstmd.conf(5) says more; xlstmd --check-config finds mistakes.\n"));
	for (size_t i = 0; i < count; i++) {
		if (begins_section(keys, i)) {
			const char *name = example_name(keys[i].section);

			text_add_char(out, '\n');
			add_comment(section_text(keys[i].section), out);
			text_add_format(
				out, name[0] ? "#[%s%s]\n" : "[%s%s]\n", keys[i].section, name);
		}
		text_add_char(out, '\n');
		add_key(&keys[i], out);
	}
}

static void add_default(const struct key *key, struct text *out) {
	if (key->required)
		text_add(out, SPAN("required"));
	else if (key->inherits)
		text_add_format(out, "as in `[forecast] %s`", key->inherits);
	else if (key->initial[0])
		text_add_format(out, "`%s`", key->initial);
	else
		text_add(out, SPAN("empty"));
}

void keys_write_page(struct text *out) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (begins_section(keys, i)) {
			bool named = example_name(keys[i].section)[0] != '\0';

			text_add_format(out, "%s### `[%s%s]`\n\n%s\n\n", i > 0 ? "\n" : "",
				keys[i].section, named ? " NAME" : "",
				section_text(keys[i].section));
			text_add(out, SPAN("| key | default | expected | what |\n"
					   "|---|---|---|---|\n"));
		}
		text_add_format(out, "| `%s` | ", keys[i].name);
		add_default(&keys[i], out);
		text_add(out, SPAN(" | "));
		keys_expect(&keys[i], out);
		text_add_format(out, " | %s%s |\n", keys[i].help,
			keys[i].reload ? " *May change on reload.*" : "");
	}
}

void keys_write_manual(struct text *out) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (begins_section(keys, i)) {
			bool named = example_name(keys[i].section)[0] != '\0';

			text_add_format(out, ".SS [%s%s]\n%s\n", keys[i].section,
				named ? " NAME" : "", section_text(keys[i].section));
		}
		text_add_format(out, ".TP\n.B %s\n%s\n", keys[i].name, keys[i].help);
		if (keys[i].type != KEY_TEXT) {
			text_add(out, SPAN("Expected: "));
			keys_expect(&keys[i], out);
			text_add(out, SPAN(".\n"));
		}
		if (keys[i].initial && keys[i].initial[0])
			text_add_format(out, "Default: %s.\n", keys[i].initial);
		if (keys[i].reload)
			text_add(out, SPAN("May change on reload.\n"));
	}
}
