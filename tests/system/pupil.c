/* SPDX-License-Identifier: Apache-2.0 */
#include "pupil.h"

#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of readings until something must have been learned. A lesson takes some two. */
#define HOURS 600

void pupil_publish(const char *topic, int minute) {
	char text[512];
	int length = snprintf(text, sizeof(text), "{\"time\":%d", PUPIL_BEGIN + 60 * minute);

	for (int c = 0; c < PUPIL_CHANNELS; c++) {
		int period = 7 + c, phase = minute % (2 * period);
		length += snprintf(text + length, sizeof(text) - (size_t)length, ",\"c%d\":%d.%d",
			c, phase < period ? phase : 2 * period - phase, minute * 7 % 10);
	}
	snprintf(text + length, sizeof(text) - (size_t)length, "}");
	publish_text(&peer, topic, text);
}

json_t *ask(const char *verb, const char *payload) {
	char topic[64];

	snprintf(topic, sizeof(topic), "xlstm/main/request/%s", verb);
	publish_text(&peer, topic, payload);
	snprintf(topic, sizeof(topic), "xlstm/main/response/%s", verb);
	return await_json(&peer, topic);
}

void pupil_publish_hour(const char *const *topics, int *minute) {
	for (int i = 0; i < 60; i++, ++*minute) {
		for (const char *const *topic = topics; *topic; topic++)
			pupil_publish(*topic, *minute);
	}
}

void pupil_feed_until(const struct process *fed, const char *const *topics, int *minute,
	const char *sql, const char *expected) {
	for (int hour = 0; hour < HOURS; hour++) {
		pupil_publish_hour(topics, minute);
		json_decref(ask("flush", ""));
		char *found = process_query(fed, sql);
		bool done = strcmp(found, expected) == 0;
		free(found);
		if (done)
			return;
		sleep_ms(250);
	}
	fprintf(stderr, "after %d hours: %s is not %s\n", HOURS, sql, expected);
	exit(1);
}
