/* SPDX-License-Identifier: Apache-2.0 */
/* A template and a topic, parted by a newline: a template that is taken gives a subscription that
 * is a template itself and matches the same topics; the levels of a match make up the topic. */
#include "error.h"
#include "fuzz.h"
#include "topic.h"

#include <string.h>

static void check_levels(
	const struct topic_template *topic, struct span text, const struct span *values) {
	size_t length = 0;

	for (size_t i = 0; i < topic->count; i++) {
		if (i > 0 && values[i].data)
			length++;
		length += values[i].length;
		if (topic->levels[i].kind == TOPIC_LITERAL)
			FUZZ_ASSERT(span_equal(values[i], topic->levels[i].text));
		if (topic->levels[i].kind == TOPIC_ONE)
			FUZZ_ASSERT(values[i].length == 0 ||
				    !memchr(values[i].data, '/', values[i].length));
	}
	FUZZ_ASSERT(length == text.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_of(data, size);
	struct span template = span_cut(&text, '\n');
	struct topic_template topic, filter_topic;
	struct span values[TOPIC_LEVELS_MAX];
	struct text filter = { 0 };
	const char *problem = NULL;

	if (topic_template_read(template, &topic, &problem) < 0) {
		FUZZ_ASSERT(problem);
		return 0;
	}
	FUZZ_ASSERT(topic.count >= 1 && topic.count <= TOPIC_LEVELS_MAX);
	topic_template_filter(&topic, &filter);
	FUZZ_ASSERT(topic_template_read(text_span(&filter), &filter_topic, &problem) == 0);

	if (topic_template_match(&topic, text, values)) {
		check_levels(&topic, text, values);
		FUZZ_ASSERT(topic_template_match(&filter_topic, text, values));
	}
	text_finish(&filter);
	return 0;
}
