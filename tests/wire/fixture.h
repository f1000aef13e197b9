/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WIRE_FIXTURE_H
#define TESTS_WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "error.h"
#include "num.h"
#include "source.h"
#include "text.h"

#include <math.h>

/* The time at which messages arrive in these tests. */
#define NOW INT64_C(1790000000000)

/* One message and what it should become: readings as "detector channel value unit @time", joined by
 * "; ", without unit or time where there is none; refused parts as "!name". Or an error. */
struct message {
	const char *topic;
	const char *payload;
	int error;
	const char *readings;
};

static inline void describe_reading(struct text *to, const struct reading *reading) {
	char number[NUM_TEXT_MAX];

	text_add_format(
		to, "%.*s %.*s ", SPAN_PRINT(reading->detector), SPAN_PRINT(reading->channel));
	if (isnan(reading->value))
		text_add(to, SPAN("null"));
	else
		text_add(to, span_of(number, num_write_exact(number, reading->value)));
	if (reading->unit.length > 0)
		text_add_format(to, " %.*s", SPAN_PRINT(reading->unit));
	if (reading->time_ms != TIME_NONE)
		text_add_format(to, " @%lld", (long long)reading->time_ms);
}

static inline void describe_list(struct text *to, const struct reading_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			text_add(to, SPAN("; "));
		describe_reading(to, &list->items[i]);
	}
	for (int i = 0; i < error_count(); i++) {
		for (uint32_t j = 0; j < list->refused[i]; j++)
			text_add_format(to, " !%s", error_name(error_at(i)));
	}
	text_add_char(to, '\0');
}

static inline struct wire_source *make_source(const struct wire_source_options *options) {
	struct wire_source *source;
	const char *problem = "none";

	if (wire_source_create(&source, options, &problem) < 0)
		fail_msg("source: %s", problem);
	return source;
}

static inline void check_message(const struct wire_source *source, const struct message *message,
	struct reading_list *list) {
	const char *wanted = message->readings ? message->readings : "";
	struct text text = { 0 };

	int r = wire_read(
		source, span_text(message->topic), span_text(message->payload), NOW, list);
	describe_list(&text, list);
	if (r != message->error)
		fail_msg("%s: %s instead of %s", message->payload, error_name(r),
			error_name(message->error));
	if (strcmp(text.data, wanted) != 0)
		fail_msg("%s:\n%s\ninstead of\n%s", message->payload, text.data, wanted);
	text_finish(&text);
}

/* Reads the messages one after the other into one list. */
static inline void check_messages(
	const struct wire_source_options *options, const struct message *messages, size_t count) {
	struct wire_source *source = make_source(options);
	struct reading_list list = { 0 };

	for (size_t i = 0; i < count; i++)
		check_message(source, &messages[i], &list);
	reading_list_finish(&list);
	wire_source_destroy(source);
}

#define CHECK(options, messages)                                                                   \
	check_messages(&(options), messages, sizeof(messages) / sizeof((messages)[0]))

#endif
