/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics without end: a stranger publishes one reading on each of TOPICS topics, of which the limits
 * let one in fifty in. Every message is accounted for, and from a tenth of the way on neither memory
 * nor the database grows.
 *
 *   flood [TOPICS]
 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One topic in so many becomes a series. */
#define TOPICS_PER_SERIES 50

/* Messages between two questions whether the daemon has kept up. */
#define BURST 1000

/* Memory at the end over memory after a tenth of the topics. */
#define GROWTH_MAX 1.02

struct look {
	double messages, readings, refused, series, resident, database;
};

static double sum_of(const json_t *object) {
	const char *name;
	json_t *value;
	double sum = 0;

	json_object_foreach((json_t *)(uintptr_t)object, name, value) sum +=
		json_number_value(value);
	return sum;
}

/* The counters once everything published before has been read. */
static struct look look(void) {
	await_subscribed(&peer);
	json_decref(await_json(&peer, "xlstm/main/stats"));
	json_t *stats = await_json(&peer, "xlstm/main/stats");
	struct look now = {
		.messages = json_number_at(stats, "messages"),
		.readings = json_number_at(stats, "readings"),
		.refused = sum_of(json_object_get(stats, "refused")),
		.series = json_number_at(stats, "series"),
		.resident = json_number_at(stats, "memory.resident"),
		.database = json_number_at(stats, "store.database_bytes") +
			    json_number_at(stats, "store.wal_bytes"),
	};

	json_decref(stats);
	printf("%9.0f messages, %6.0f readings, %9.0f refused, %6.0f series, %6.1f MB resident, "
	       "%5.1f MB database\n",
		now.messages, now.readings, now.refused, now.series, now.resident / 1e6,
		now.database / 1e6);
	fflush(stdout);
	return now;
}

static void publish_topics(long from, long to) {
	char topic[64];

	for (long i = from; i < to; i++) {
		snprintf(topic, sizeof(topic), "flood/stranger%ld/x", i);
		peer_publish(&peer, topic, "1", 1, 0, false);
		if (i % BURST == BURST - 1)
			await_subscribed(&peer);
	}
}

static int missed(const char *what) {
	printf("MISSED: %s\n", what);
	return 1;
}

static int judge(const struct look *early, const struct look *end, long topics) {
	double limit = (double)(topics / TOPICS_PER_SERIES);
	int failures = 0;

	if (end->messages < 0.99 * (double)topics)
		failures += missed("the messages came");
	if (end->readings + end->refused < end->messages)
		failures += missed("every message is a reading or a refusal with a name");
	if (end->series > limit)
		failures += missed("series keep to their limit");
	/* Sanitizers' allocators keep what is freed. */
	if (!SANITIZED && end->resident > GROWTH_MAX * early->resident)
		failures += missed("memory stays");
	if (end->database > early->database + 1e6)
		failures += missed("the database stays");
	return failures;
}

int main(int argc, char **argv) {
	long topics = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	char configuration[512];

	snprintf(configuration, sizeof(configuration),
		"[store]\nstate_interval = 1d\n[limits]\nseries = %ld\ndetectors = %ld\nmemory = "
		"64M\n"
		"[source flood]\ntopic = flood/{detector}/{channel}\nformat = number\nstep = 1h\n",
		topics / TOPICS_PER_SERIES, topics / TOPICS_PER_SERIES);
	scene_open(configuration);
	process_start(&process);
	peer_subscribe(&peer, "xlstm/main/#", 0);
	await_subscribed(&peer);
	publish_topics(0, topics / 10);
	struct look early = look();
	publish_topics(topics / 10, topics);
	struct look end = look();
	process_stop(&process);
	int failures = judge(&early, &end, topics);
	scene_close(NULL);
	return failures > 0;
}
