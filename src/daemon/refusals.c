/* SPDX-License-Identifier: Apache-2.0 */
#include "refusals.h"

#include "error.h"
#include "log.h"

#include <inttypes.h>

/* Between two lines about the same kind. */
#define TELL_INTERVAL_MS 60000

/* Bytes of a topic in the log at the most. */
#define TOPIC_SHOWN 100

/* The last kind counts what the system refused. */
#define KIND_SYSTEM (REFUSALS_MAX - 1)

static int kind_of(int code) {
	int index = error_index(code);

	return index >= 0 && index < KIND_SYSTEM ? index : KIND_SYSTEM;
}

/* No longer than is shown, cut between characters. */
static struct span shorten(struct span topic) {
	if (topic.length <= TOPIC_SHOWN)
		return topic;
	topic.length = TOPIC_SHOWN;
	while (!span_is_utf8(topic))
		topic.length--;
	return topic;
}

/* Topics come from strangers: what would break a line is not shown. */
static void tell(int code, uint64_t count, struct span topic) {
	bool shown = topic.length > 0 && span_is_utf8(topic) && !span_has_control(topic);

	if (shown)
		topic = shorten(topic);
	log_warning("refused %" PRIu64 " (%s: %s)%s%.*s", count, error_name(code), error_text(code),
		shown ? ", the latest on " : "", shown ? (int)topic.length : 0, topic.data);
}

void refusals_add(
	struct refusals *refusals, int code, uint64_t count, int64_t now_ms, struct span topic) {
	int kind = kind_of(code);

	if (count == 0)
		return;
	refusals->total += count;
	refusals->kinds[kind].count += count;

	uint64_t untold = refusals->kinds[kind].count - refusals->kinds[kind].told;
	bool first = refusals->kinds[kind].told == 0;
	if (!first && now_ms - refusals->kinds[kind].told_ms < TELL_INTERVAL_MS)
		return;

	tell(code, untold, topic);
	refusals->kinds[kind].told = refusals->kinds[kind].count;
	refusals->kinds[kind].told_ms = now_ms;
}

void refusals_write(const struct refusals *refusals, struct text *to) {
	bool any = false;

	text_add_char(to, '{');
	for (int i = 0; i < REFUSALS_MAX; i++) {
		if (refusals->kinds[i].count == 0)
			continue;
		text_add_format(to, "%s\"%s\":%" PRIu64, any ? "," : "",
			i == KIND_SYSTEM ? "system" : error_name(error_at(i)),
			refusals->kinds[i].count);
		any = true;
	}
	text_add_char(to, '}');
}
