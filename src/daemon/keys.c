/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "error.h"
#include "num.h"
#include "timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A name is taken for a slip of the pen up to this many changed, added or missing letters. */
#define NEAR_DISTANCE 3

/* Bytes of a written list after which its line ends. */
#define LIST_LINE_LENGTH 60

/* Longest name that distances are computed for. */
#define NAME_LENGTH_MAX 63

const struct key *keys_find(struct span section, struct span name) {
	size_t count;
	const struct key *keys = keys_all(&count);

	for (size_t i = 0; i < count; i++) {
		if (span_equal(section, span_text(keys[i].section)) &&
			span_equal(name, span_text(keys[i].name)))
			return &keys[i];
	}
	return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c) {
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Letters to change, add or remove to make one from the other (Levenshtein 1965), with one row of
 * the table kept. */
static size_t distance(struct span a, struct span b) {
	size_t row[NAME_LENGTH_MAX + 1];

	if (a.length > NAME_LENGTH_MAX || b.length > NAME_LENGTH_MAX)
		return NAME_LENGTH_MAX;
	for (size_t j = 0; j <= b.length; j++)
		row[j] = j;
	for (size_t i = 0; i < a.length; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b.length; j++) {
			size_t changed = diagonal + (a.data[i] != b.data[j]);

			diagonal = row[j + 1];
			row[j + 1] = smallest(changed, row[j] + 1, row[j + 1] + 1);
		}
	}
	return row[b.length];
}

const char *keys_nearest(struct span section, struct span name) {
	size_t count, least = NEAR_DISTANCE + 1;
	const struct key *keys = keys_all(&count);
	const char *nearest = NULL;

	for (size_t i = 0; i < count; i++) {
		if (section.length > 0 && !span_equal(section, span_text(keys[i].section)))
			continue;

		const char *known = section.length > 0 ? keys[i].name : keys[i].section;
		size_t away = distance(name, span_text(known));

		if (away < least && away < strlen(known)) {
			least = away;
			nearest = known;
		}
	}
	return nearest;
}

static void add_choices(const struct key *key, struct text *out) {
	for (const struct key_choice *choice = key->choices; choice->word; choice++) {
		if (choice > key->choices)
			text_add(out, choice[1].word ? SPAN(", ") : SPAN(" or "));
		text_add(out, span_text(choice->word));
	}
}

/* A size in the largest unit that divides it, as it is written in the file. */
static void add_bytes(uint64_t bytes, struct text *out) {
	static const char units[] = { '\0', 'k', 'M', 'G' };
	size_t unit = 0;

	while (unit + 1 < sizeof(units) && bytes > 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	text_add_format(out, "%llu", (unsigned long long)bytes);
	if (unit > 0)
		text_add_char(out, units[unit]);
}

static void add_duration(int64_t ms, struct text *out) {
	char written[TIME_TEXT_MAX];

	text_add(out, span_of(written, duration_write(written, ms)));
}

void keys_expect(const struct key *key, struct text *out) {
	switch (key->type) {
	case KEY_TEXT: text_add(out, SPAN("a text")); return;
	case KEY_SWITCH: text_add(out, SPAN("on or off")); return;
	case KEY_LIST: text_add(out, SPAN("words separated by commas")); return;
	case KEY_CHOICE: add_choices(key, out); return;
	case KEY_COUNT:
		text_add_format(out, "a whole number from %.0f to %.0f", key->min, key->max);
		break;
	case KEY_BYTES:
		text_add(out, SPAN("a size from "));
		add_bytes((uint64_t)key->min, out);
		text_add(out, SPAN(" to "));
		add_bytes((uint64_t)key->max, out);
		break;
	case KEY_DURATION:
		text_add(out, SPAN("a duration from "));
		add_duration((int64_t)key->min, out);
		text_add(out, SPAN(" to "));
		add_duration((int64_t)key->max, out);
		break;
	}
	if (key->zero)
		text_add_format(out, ", or %s", key->zero);
}

static int read_text(struct span value, char **at) {
	char *copy = strndup(value.length > 0 ? value.data : "", value.length);
	if (!copy)
		return -ENOMEM;

	free(*at);
	*at = copy;
	return 0;
}

static int read_switch(struct span value, bool *at) {
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "on", true },
		{ "yes", true },
		{ "true", true },
		{ "off", false },
		{ "no", false },
		{ "false", false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_equal(value, span_text(words[i].word))) {
			*at = words[i].value;
			return 0;
		}
	}
	return E_SYNTAX;
}

static int read_choice(const struct key *key, struct span value, uint32_t *at) {
	for (const struct key_choice *choice = key->choices; choice->word; choice++) {
		if (span_equal(value, span_text(choice->word))) {
			*at = choice->value;
			return 0;
		}
	}
	return E_SYNTAX;
}

/* "64k": the number and what a trailing unit makes of it. */
static int read_bytes(struct span value, int64_t *ret_bytes) {
	int64_t factor = 1;

	if (value.length > 0) {
		switch (value.data[value.length - 1]) {
		case 'k': factor = INT64_C(1) << 10; break;
		case 'M': factor = INT64_C(1) << 20; break;
		case 'G': factor = INT64_C(1) << 30; break;
		}
	}
	if (factor > 1)
		value.length--;

	int r = num_read_int(value, ret_bytes);
	if (r == 0 && __builtin_mul_overflow(*ret_bytes, factor, ret_bytes))
		r = E_NUMBER;
	return r;
}

/* Reads what all numeric types come to: an integer within the range, or the word for zero. */
static int read_number(const struct key *key, struct span value, int64_t *ret_number) {
	int64_t number;
	int r;

	if (key->zero && span_equal(value, span_text(key->zero))) {
		*ret_number = 0;
		return 0;
	}
	if (key->type == KEY_DURATION)
		r = duration_read(value, &number);
	else if (key->type == KEY_BYTES)
		r = read_bytes(value, &number);
	else
		r = num_read_int(value, &number);
	if (r < 0 || (double)number < key->min || (double)number > key->max)
		return E_SYNTAX;

	*ret_number = number;
	return 0;
}

static void list_free(struct config_list *list) {
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){ 0 };
}

static int list_add(struct config_list *list, struct span item) {
	char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;

	list->items = items;
	items[list->count] = strndup(item.data, item.length);
	if (!items[list->count])
		return -ENOMEM;

	list->count++;
	return 0;
}

/* Items between commas; an empty one is a slip, but one comma may end a line. */
static int list_add_all(struct config_list *list, struct span value) {
	while (value.length > 0) {
		struct span item = span_trim(span_cut(&value, ','));
		if (item.length == 0)
			return E_SYNTAX;

		int r = list_add(list, item);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_list(struct span value, struct config_list *at) {
	struct config_list list = { 0 };

	int r = list_add_all(&list, value);
	if (r < 0) {
		list_free(&list);
		return r;
	}
	list_free(at);
	*at = list;
	return 0;
}

int keys_read(const struct key *key, struct span value, void *at) {
	int64_t number;

	switch (key->type) {
	case KEY_TEXT: return read_text(value, at);
	case KEY_SWITCH: return read_switch(value, at);
	case KEY_CHOICE: return read_choice(key, value, at);
	case KEY_LIST: return read_list(value, at);
	case KEY_COUNT:
	case KEY_BYTES:
	case KEY_DURATION: break;
	}

	int r = read_number(key, value, &number);
	if (r < 0)
		return r;

	if (key->type == KEY_COUNT)
		*(uint32_t *)at = (uint32_t)number;
	else if (key->type == KEY_BYTES)
		*(uint64_t *)at = (uint64_t)number;
	else
		*(int64_t *)at = number;
	return 0;
}

int keys_read_more(const struct key *key, struct span value, void *at) {
	return key->type == KEY_LIST ? list_add_all(at, value) : E_SYNTAX;
}

static void write_choice(const struct key *key, uint32_t value, struct text *out) {
	for (const struct key_choice *choice = key->choices; choice->word; choice++) {
		if (choice->value == value)
			text_add(out, span_text(choice->word));
	}
}

/* Goes on on an indented line where one gets long: the reader of the file knows a longest line. */
static void write_list(const struct config_list *list, struct text *out) {
	size_t line = out->length;

	for (size_t i = 0; i < list->count; i++) {
		if (i > 0 && out->length - line > LIST_LINE_LENGTH) {
			text_add(out, SPAN(",\n\t"));
			line = out->length;
		} else if (i > 0) {
			text_add(out, SPAN(", "));
		}
		text_add(out, span_text(list->items[i]));
	}
}

void keys_write(const struct key *key, const void *at, struct text *out) {
	switch (key->type) {
	case KEY_TEXT: text_add(out, span_text(*(char *const *)at)); return;
	case KEY_SWITCH: text_add(out, *(const bool *)at ? SPAN("on") : SPAN("off")); return;
	case KEY_CHOICE: write_choice(key, *(const uint32_t *)at, out); return;
	case KEY_LIST: write_list(at, out); return;
	case KEY_COUNT: text_add_format(out, "%u", *(const uint32_t *)at); return;
	case KEY_BYTES:
		if (key->zero && *(const uint64_t *)at == 0)
			text_add(out, span_text(key->zero));
		else
			add_bytes(*(const uint64_t *)at, out);
		return;
	case KEY_DURATION:
		if (key->zero && *(const int64_t *)at == 0)
			text_add(out, span_text(key->zero));
		else
			add_duration(*(const int64_t *)at, out);
		return;
	}
}

static bool list_equal(const struct config_list *a, const struct config_list *b) {
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return true;
}

bool keys_equal(const struct key *key, const void *a, const void *b) {
	switch (key->type) {
	case KEY_TEXT: return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case KEY_SWITCH: return *(const bool *)a == *(const bool *)b;
	case KEY_LIST: return list_equal(a, b);
	case KEY_CHOICE:
	case KEY_COUNT: return *(const uint32_t *)a == *(const uint32_t *)b;
	case KEY_BYTES: return *(const uint64_t *)a == *(const uint64_t *)b;
	case KEY_DURATION: return *(const int64_t *)a == *(const int64_t *)b;
	}
	return false;
}

static int list_copy(struct config_list *to, const struct config_list *from) {
	struct config_list list = { 0 };

	for (size_t i = 0; i < from->count; i++) {
		int r = list_add(&list, span_text(from->items[i]));
		if (r < 0) {
			list_free(&list);
			return r;
		}
	}
	list_free(to);
	*to = list;
	return 0;
}

int keys_copy(const struct key *key, void *to, const void *from) {
	switch (key->type) {
	case KEY_TEXT: return read_text(span_text(*(char *const *)from), to);
	case KEY_LIST: return list_copy(to, from);
	case KEY_SWITCH: *(bool *)to = *(const bool *)from; break;
	case KEY_CHOICE:
	case KEY_COUNT: *(uint32_t *)to = *(const uint32_t *)from; break;
	case KEY_BYTES: *(uint64_t *)to = *(const uint64_t *)from; break;
	case KEY_DURATION: *(int64_t *)to = *(const int64_t *)from; break;
	}
	return 0;
}

void keys_free(const struct key *key, void *at) {
	if (key->type == KEY_LIST) {
		list_free(at);
	} else if (key->type == KEY_TEXT) {
		free(*(char **)at);
		*(char **)at = NULL;
	}
}
