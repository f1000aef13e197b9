/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include "program.h"
#include "timing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_configuration(const struct daemon *daemon, const struct broker *broker,
	const char *sections, const char *sources) {
	FILE *file = fopen(daemon->configuration, "we");

	if (!file) {
		perror(daemon->configuration);
		exit(1);
	}
	fprintf(file, "[daemon]\ninstance = %s\nstats_interval = 200ms\n", daemon->instance);
	fprintf(file, "[mqtt]\nserver = %s\nreconnect_min = 50ms\n", broker->server);
	fprintf(file, "[store]\npath = %s\n", broker_file(broker, "xlstmd.db"));
	fprintf(file, "%s\n%s\n", sections, sources);
	if (fclose(file) != 0) {
		perror(daemon->configuration);
		exit(1);
	}
}

void daemon_start(struct daemon *daemon, const char *program, const struct broker *broker,
	const char *sections, const char *sources) {
	*daemon = (struct daemon){ .program = program, .instance = "test" };
	snprintf(daemon->configuration, sizeof(daemon->configuration), "%s",
		broker_file(broker, "xlstmd.conf"));
	snprintf(daemon->log, sizeof(daemon->log), "%s", broker_file(broker, "xlstmd.log"));
	write_configuration(daemon, broker, sections, sources);

	const char *const arguments[] = { program, "-c", daemon->configuration, NULL };
	daemon->pid = program_start(arguments, daemon->log);
}

/* The number after "name": in JSON that has it once at the top. */
static uint64_t find_counter(const char *json, const char *name) {
	char key[64];

	snprintf(key, sizeof(key), "\"%s\":", name);
	const char *at = strstr(json, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void show_log(const struct daemon *daemon) {
	char line[1024];
	FILE *file = fopen(daemon->log, "re");

	while (file && fgets(line, sizeof(line), file))
		fputs(line, stderr);
	if (file)
		fclose(file);
}

uint64_t daemon_await_stats(struct daemon *daemon, struct peer *peer, const char *counter,
	uint64_t least, unsigned timeout_ms) {
	int64_t deadline = now_ms() + timeout_ms;
	char topic[64];
	uint64_t value = 0;
	bool heard = false;

	snprintf(topic, sizeof(topic), "xlstm/%s/stats", daemon->instance);
	peer_subscribe(peer, topic, 0);
	while (now_ms() < deadline && (!heard || value < least)) {
		const struct peer_message *message = peer_next(peer, 1000);
		if (!message || strcmp(message->topic, topic) != 0)
			continue;
		value = find_counter(message->payload, counter);
		heard = true;
	}
	if (!heard) {
		fprintf(stderr, "the daemon says nothing\n");
		show_log(daemon);
		exit(1);
	}
	return value;
}

void daemon_finish(struct daemon *daemon) {
	int status = daemon->pid > 0 ? program_end(daemon->pid) : 0;

	daemon->pid = 0;
	if (status != 0) {
		fprintf(stderr, "the daemon ended with status %#x\n", (unsigned)status);
		show_log(daemon);
		exit(1);
	}
}
