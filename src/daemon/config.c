/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "config_check.h"
#include "config_named.h"
#include "error.h"
#include "file.h"
#include "keys.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

/* More is no configuration. */
#define FILE_SIZE_MAX (1u << 20)

/*
 * libinih splits lines into names and values and calls back for each. What it leaves out is done
 * here, in the reader that hands it one line at a time: Debian's build silently cuts lines at 200
 * bytes, does not tell the line's number, reports only the first line it can't make sense of, and
 * says nothing about a section without keys.
 */
struct parser {
	struct config *config;
	struct text *problems;
	const char *name; /* of the file */
	struct span rest; /* not yet read */
	unsigned line;
	bool unanswered; /* the line holds something that libinih has not called back for */
	bool goes_on; /* the line goes on with the list before */
	struct span section;
	bool section_known;
	const struct key *key; /* of the value read last, NULL after a heading */
	unsigned *set_at; /* line at which each key of the section was set, 0: not yet */
	bool out_of_memory;
};

static void problem_begin(struct parser *parser, unsigned line) {
	text_add_format(parser->problems, "%s:%u: ", parser->name, line);
}

static void problem(struct parser *parser, const char *text) {
	problem_begin(parser, parser->line);
	text_add_format(parser->problems, "%s\n", text);
}

/* Where the value of a key lies; of sections with a name in the newest. */
static void *field(struct config *config, const struct key *key) {
	const struct named *named = named_of(span_text(key->section));

	if (!named)
		return (char *)config + key->at;
	return (char *)named_item(config, named, named_count(config, named) - 1) + key->at;
}

/* Gives every key of the newest section of that kind its default; NULL: of all without a name. */
static int set_defaults(struct config *config, const struct named *named) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (named_of(span_text(keys[i].section)) != named || !keys[i].initial)
			continue;

		int r = keys_read(&keys[i], span_text(keys[i].initial), field(config, &keys[i]));
		if (r < 0)
			return r;
	}
	return 0;
}

int config_create(struct config **ret_config) {
	struct config *config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;

	int r = set_defaults(config, NULL);
	if (r < 0) {
		config_destroy(config);
		return r;
	}
	*ret_config = config;
	return 0;
}

void config_destroy(struct config *config) {
	size_t count, kinds;
	const struct key *keys = keys_all(&count);
	const struct named *named = named_all(&kinds);

	if (!config)
		return;
	for (size_t i = 0; i < kinds; i++)
		named_clear(config, &named[i]);
	for (size_t i = 0; i < count; i++) {
		if (!named_of(span_text(keys[i].section)))
			keys_free(&keys[i], (char *)config + keys[i].at);
	}
	free(config);
}

static int add_named(struct parser *parser, const struct named *named, struct span name) {
	struct config_name *item = named_add(parser->config, named, name);
	if (!item)
		return -ENOMEM;

	item->line = parser->line;
	return set_defaults(parser->config, named);
}

/* The keys of a section can't be set twice, but the next one of its kind sets them again. */
static void forget_keys(struct parser *parser, const struct named *named) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].section, named->section) == 0)
			parser->set_at[i] = 0;
	}
}

static void begin_named(struct parser *parser, const struct named *named, struct span name) {
	const struct config_name *before = named_find(parser->config, named, name);

	parser->section_known = false;
	if (name.length == 0) {
		problem_begin(parser, parser->line);
		text_add_format(parser->problems, "[%s]: expected a name: [%s NAME]\n",
			named->section, named->section);
		return;
	}
	if (before) {
		problem_begin(parser, parser->line);
		text_add_format(parser->problems,
			"[%s %s]: given before in line %u; expected a name of its own\n",
			named->section, before->name, before->line);
		return;
	}
	if (add_named(parser, named, name) < 0) {
		parser->out_of_memory = true;
		return;
	}
	forget_keys(parser, named);
	parser->section_known = true;
}

static bool is_section(struct span name) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (span_equal(span_text(keys[i].section), name))
			return true;
	}
	return false;
}

static void unknown(
	struct parser *parser, const char *what, struct span name, struct span section) {
	const char *nearest = keys_nearest(section, name);

	problem_begin(parser, parser->line);
	text_add_format(parser->problems, "unknown %s %.*s", what, SPAN_PRINT(name));
	if (section.length > 0)
		text_add_format(parser->problems, " in [%.*s]", SPAN_PRINT(section));
	if (nearest)
		text_add_format(parser->problems, "; did you mean %s?", nearest);
	text_add_char(parser->problems, '\n');
}

/* "[source plant]" without the leading bracket. */
static void begin_section(struct parser *parser, struct span heading) {
	if (!memchr(heading.data, ']', heading.length)) {
		problem(parser, "expected ] at the end of the section's name");
		parser->section_known = false;
		return;
	}

	struct span name = span_trim(span_cut(&heading, ']'));
	struct span word = span_cut(&name, ' ');

	const struct named *named = named_of(word);

	parser->section = word;
	parser->key = NULL;
	if (named) {
		begin_named(parser, named, span_trim(name));
	} else {
		parser->section_known = is_section(word) && name.data == NULL;
		if (!parser->section_known)
			unknown(parser, "section", word, SPAN_EMPTY);
	}
}

static bool is_indented(struct span line) {
	return line.length > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
}

static bool has_control(struct span line) {
	for (size_t i = 0; i < line.length; i++) {
		if ((unsigned char)line.data[i] < ' ' && line.data[i] != '\t')
			return true;
	}
	return false;
}

/* The next line in the form that libinih is to see it: without its end; without its indentation
 * unless it goes on with a list; empty if it has been worked off here or can't be read. */
static struct span next_line(struct parser *parser, size_t longest) {
	struct span line = span_cut(&parser->rest, '\n');
	parser->line++;
	if (line.length > 0 && line.data[line.length - 1] == '\r')
		line.length--;

	struct span content = span_trim(line);
	if (content.length == 0 || content.data[0] == '#' || content.data[0] == ';')
		return SPAN_EMPTY;
	if (line.length > longest) {
		problem_begin(parser, parser->line);
		text_add_format(parser->problems,
			"line of %zu bytes; expected at most %zu (lists may go on on indented "
			"lines)\n",
			line.length, longest);
		return SPAN_EMPTY;
	}
	if (!span_is_utf8(line) || has_control(line)) {
		problem(parser, "expected text in UTF-8 without control characters");
		return SPAN_EMPTY;
	}
	if (content.data[0] == '[') {
		begin_section(parser, span_of(content.data + 1, content.length - 1));
		return content;
	}
	parser->unanswered = true;
	parser->goes_on = is_indented(line) && parser->key && parser->key->type == KEY_LIST &&
			  !memchr(line.data, '=', line.length);
	return parser->goes_on ? line : content;
}

static void report_unanswered(struct parser *parser) {
	if (parser->unanswered)
		problem(parser, "expected KEY = VALUE or [SECTION]");
	parser->unanswered = false;
}

/* An ini_reader. */
static char *read_line(char *to, int size, void *stream) {
	struct parser *parser = stream;

	report_unanswered(parser);
	if (parser->rest.data == NULL)
		return NULL;

	struct span line = next_line(parser, (size_t)size - 1);
	memcpy(to, line.length > 0 ? line.data : "", line.length);
	to[line.length] = '\0';
	return to;
}

static void expected(struct parser *parser, const struct key *key, struct span value) {
	problem_begin(parser, parser->line);
	text_add_format(
		parser->problems, "%s: found \"%.*s\", expected ", key->name, SPAN_PRINT(value));
	keys_expect(key, parser->problems);
	text_add_char(parser->problems, '\n');
}

/* Notes that the key is set here; false if it was before. */
static bool set_once(struct parser *parser, const struct key *key) {
	size_t count;
	unsigned *line = &parser->set_at[key - keys_all(&count)];

	if (*line) {
		problem_begin(parser, parser->line);
		text_add_format(
			parser->problems, "%s: given before in line %u\n", key->name, *line);
		return false;
	}
	*line = parser->line;
	return true;
}

static void read_value(struct parser *parser, struct span name, struct span value) {
	const struct key *key = keys_find(parser->section, name);
	int r = 0;

	if (!key) {
		unknown(parser, "key", name, parser->section);
	} else {
		void *at = field(parser->config, key);

		if (parser->goes_on)
			r = keys_read_more(key, value, at);
		else if (set_once(parser, key))
			r = keys_read(key, value, at);
	}
	parser->key = key;
	if (r == -ENOMEM)
		parser->out_of_memory = true;
	else if (r < 0)
		expected(parser, key, value);
}

/* An ini_handler. Section and name come cut to fifty bytes; the section is known from its heading
 * and a name that long is unknown either way. */
static int read_pair(void *user, const char *section, const char *name, const char *value) {
	struct parser *parser = user;

	(void)section;
	parser->unanswered = false;
	if (parser->section_known)
		read_value(parser, span_text(name), span_text(value));
	else if (parser->section.length == 0)
		problem(parser, "expected a [SECTION] before the first key");
	return 1;
}

/* Sources take from [forecast] what they do not say themselves. */
static int inherit(struct config *config, struct config_source *source) {
	static const struct config_list unset = { 0 };
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		void *at = (char *)source + keys[i].at;

		if (!keys[i].inherits || !keys_equal(&keys[i], at, &unset))
			continue;

		const struct key *from = keys_find(SPAN("forecast"), span_text(keys[i].inherits));
		int r = keys_copy(&keys[i], at, (char *)config + from->at);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse(struct parser *parser) {
	struct config *config = parser->config;
	int r = ini_parse_stream(read_line, parser, read_pair, parser);

	if (r == -2 || parser->out_of_memory)
		return -ENOMEM;
	for (size_t i = 0; i < config->source_count; i++) {
		r = inherit(config, &config->sources[i]);
		if (r < 0)
			return r;
	}
	config_check(config, parser->name, parser->problems);
	return text_failed(parser->problems) ? -ENOMEM : 0;
}

int config_parse(
	struct span content, const char *name, struct text *problems, struct config **ret_config) {
	size_t count, before = problems->length;
	struct parser parser = { .problems = problems, .name = name, .rest = content };

	/* Editors of another system mark UTF-8 so. */
	if (span_starts_with(content, SPAN("\xef\xbb\xbf")))
		parser.rest = span_of(content.data + 3, content.length - 3);
	keys_all(&count);
	parser.set_at = calloc(count, sizeof(*parser.set_at));
	if (!parser.set_at)
		return -ENOMEM;

	int r = config_create(&parser.config);
	if (r == 0)
		r = parse(&parser);
	if (r == 0 && problems->length > before)
		r = E_CONFIG;
	free(parser.set_at);
	if (r < 0) {
		config_destroy(parser.config);
		return r;
	}
	*ret_config = parser.config;
	return 0;
}

int config_load(const char *path, struct text *problems, struct config **ret_config) {
	struct text content = { 0 };

	int r = file_read(path, FILE_SIZE_MAX, &content);
	if (r == 0) {
		r = config_parse(text_span(&content), path, problems, ret_config);
	} else if (r != -ENOMEM) {
		text_add_format(problems, "%s: %s\n", path, error_text(r));
		r = E_CONFIG;
	}
	text_finish(&content);
	return r;
}

static void print_section(const char *section, const void *from, struct text *out) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].section, section) != 0)
			continue;
		text_add_format(out, "%s = ", keys[i].name);
		keys_write(&keys[i], (const char *)from + keys[i].at, out);
		text_add_char(out, '\n');
	}
}

static void print_named(const struct config *config, const struct named *named, struct text *out) {
	for (size_t i = 0; i < named_count(config, named); i++) {
		const struct config_name *item = named_item(config, named, i);

		if (item->gone)
			continue;
		text_add_format(out, "\n[%s %s]\n", named->section, item->name);
		print_section(named->section, item, out);
	}
}

void config_print(const struct config *config, struct text *out) {
	size_t count, kinds;
	const struct key *keys = keys_all(&count);
	const struct named *named = named_all(&kinds);

	for (size_t i = 0; i < count; i++) {
		const char *section = keys[i].section;

		if ((i > 0 && strcmp(section, keys[i - 1].section) == 0) ||
			named_of(span_text(section)))
			continue;
		text_add_format(out, "%s[%s]\n", i > 0 ? "\n" : "", section);
		print_section(section, config, out);
	}
	for (size_t i = 0; i < kinds; i++)
		print_named(config, &named[i], out);
}
