/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message costs the daemon, in CPU time, beside what it costs a bare subscriber, made of
 * libmosquitto, that does nothing with it. Both listen to the same broker at the same time: 1 000
 * topics, some 60 bytes of JSON, QoS 0. Before the daemon's three rounds (readings not stored,
 * readings stored, forecasts of 24 steps on) another subscriber that does nothing, made of Paho,
 * says what of the daemon's cost is its client library's.
 *
 *     bench_ingest XLSTMD [MESSAGES [PER_SECOND]]
 */
#include "broker.h"
#include "daemon.h"
#include "peer.h"
#include "program.h"
#include "subscriber.h"
#include "timing.h"

#include <mosquitto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TOPICS 1000

#define MESSAGES   100000
#define PER_SECOND 10000

/* A publisher sends this many times a second what is due. */
#define BURSTS 1000

/* Both are given this long to work off what has been sent. */
#define DRAIN_MS 60000

struct round {
	const char *name;
	const char *configuration; /* of the daemon; NULL: Paho alone */
	double mark; /* CPU over the bare subscriber's, at the most; 0: none */
};

static const struct round rounds[] = {
	{ "Paho alone", NULL, 0 },
	{ "not storing", "[store]\nreadings = off\nforecasts = off\n[forecast]\nenabled = off\n",
		2.5 },
	{ "storing every reading", "[store]\nforecasts = off\n[forecast]\nenabled = off\n", 4.5 },
	{ "storing, forecasts of 24 steps on", "[forecast]\nhorizon = 24\n", 0 },
};

#define ROUNDS (sizeof(rounds) / sizeof(rounds[0]))

/* ---- The publisher ---- */

static int64_t now_us(clockid_t clock) {
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void publish_one(struct mosquitto *mosquitto, int number) {
	char topic[32], payload[128];

	snprintf(topic, sizeof(topic), "bench/sensor%03d", number % TOPICS);
	int length = snprintf(payload, sizeof(payload),
		"{\"time\":%.3f,\"value\":%.3f,\"quality\":\"good\",\"id\":\"s%03d\"}",
		(double)now_us(CLOCK_REALTIME) / 1e6, 20 + number % 97 * 0.125, number % TOPICS);
	if (mosquitto_publish(mosquitto, NULL, topic, length, payload, 0, false) !=
		MOSQ_ERR_SUCCESS) {
		fprintf(stderr, "publishing failed\n");
		exit(1);
	}
}

/* Evenly, as a thousand sensors would. */
static void publish(struct mosquitto *mosquitto, int messages, int per_second) {
	int64_t start = now_us(CLOCK_MONOTONIC);

	for (int sent = 0; sent < messages;) {
		int64_t elapsed = now_us(CLOCK_MONOTONIC) - start;
		int due = (int)(elapsed * per_second / 1000000);
		for (; sent < messages && sent < due; sent++)
			publish_one(mosquitto, sent);
		mosquitto_loop(mosquitto, 0, 1);
		usleep(1000000 / BURSTS);
	}
}

/* ---- What is measured ---- */

struct subject {
	bool is_daemon;
	struct daemon daemon;
	struct subscriber paho;
};

/* What await_received waits for. */
struct target {
	const struct subscriber *subscriber;
	int messages;
};

static bool has_received(void *context) {
	const struct target *target = context;

	return atomic_load(target->subscriber->received) >= target->messages;
}

static void await_received(const struct subscriber *subscriber, int messages) {
	struct target target = { subscriber, messages };

	wait_until(has_received, &target, DRAIN_MS);
}

static void subject_start(struct subject *subject, const struct round *round, const char *program,
	const struct broker *broker) {
	*subject = (struct subject){ .is_daemon = round->configuration != NULL };
	if (subject->is_daemon)
		daemon_start(&subject->daemon, program, broker, round->configuration,
			"[source bench]\ntopic = bench/{detector}\nformat = json\n"
			"channels = value\nqos = 0\ntime = time\nstep = 100ms\n");
	else
		subscriber_start(&subject->paho, SUBSCRIBER_PAHO, broker->port);
}

static uint64_t subject_cpu_ns(const struct subject *subject) {
	return program_cpu_ns(subject->is_daemon ? subject->daemon.pid : subject->paho.pid, NULL);
}

/* Returns the messages that it has received, those expected or after a while fewer. */
static uint64_t subject_await(struct subject *subject, struct peer *peer, int messages) {
	if (subject->is_daemon)
		return daemon_await_stats(
			&subject->daemon, peer, "messages", (uint64_t)messages, DRAIN_MS);
	await_received(&subject->paho, messages);
	return (uint64_t)atomic_load(subject->paho.received);
}

static void subject_finish(struct subject *subject) {
	if (subject->is_daemon)
		daemon_finish(&subject->daemon);
	else
		subscriber_finish(&subject->paho);
}

/* ---- A round ---- */

struct result {
	double bare_us, subject_us; /* CPU per message */
	int64_t lost;
};

/* The first message of each topic, when everything about it is new, is not counted. */
static struct result measure(struct subject *subject, const struct subscriber *bare,
	struct peer *peer, int messages, int per_second) {
	int all = TOPICS + messages;

	subject_await(subject, peer, 0);
	publish(peer->mosquitto, TOPICS, per_second);
	await_received(bare, TOPICS);
	subject_await(subject, peer, TOPICS);

	uint64_t bare_ns = program_cpu_ns(bare->pid, NULL), subject_ns = subject_cpu_ns(subject);
	publish(peer->mosquitto, messages, per_second);
	await_received(bare, all);
	int64_t got = (int64_t)subject_await(subject, peer, all);
	return (struct result){
		.bare_us = (double)(program_cpu_ns(bare->pid, NULL) - bare_ns) / messages / 1e3,
		.subject_us = (double)(subject_cpu_ns(subject) - subject_ns) / messages / 1e3,
		.lost = all - got,
	};
}

static struct result run(
	const struct round *round, const char *program, int messages, int per_second) {
	const struct broker_options options = { .lines = "max_queued_messages 0" };
	static struct peer peer;
	struct broker broker;
	struct subject subject;
	struct subscriber bare;

	if (!broker_start(&broker, &options)) {
		printf("no mosquitto here\n");
		exit(77);
	}
	subject_start(&subject, round, program, &broker);
	subscriber_start(&bare, SUBSCRIBER_MOSQUITTO, broker.port);
	peer_connect(&peer, broker.port);
	struct result result = measure(&subject, &bare, &peer, messages, per_second);

	subscriber_finish(&bare);
	peer_disconnect(&peer);
	subject_finish(&subject);
	broker_finish(&broker);
	return result;
}

static void print_result(const struct round *round, const struct result *result) {
	printf("%-36s %7.2f us %7.2f us %8.2f", round->name, result->bare_us, result->subject_us,
		result->subject_us / result->bare_us);
	if (round->mark > 0)
		printf(" %6.1f", round->mark);
	if (result->lost > 0)
		printf("   %lld lost", (long long)result->lost);
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv) {
	int messages = argc > 2 ? atoi(argv[2]) : MESSAGES;
	int per_second = argc > 3 ? atoi(argv[3]) : PER_SECOND;

	if (argc < 2 || messages < 1 || per_second < 1) {
		fprintf(stderr, "Usage: %s XLSTMD [MESSAGES [PER_SECOND]]\n", argv[0]);
		return 2;
	}
	printf("%d messages at %d a second over %d topics, QoS 0; CPU per message\n", messages,
		per_second, TOPICS);
	printf("%-36s %10s %10s %8s %6s\n", "", "bare", "this", "ratio", "mark");
	for (size_t i = 0; i < ROUNDS; i++) {
		struct result result = run(&rounds[i], argv[1], messages, per_second);
		print_result(&rounds[i], &result);
	}
	return 0;
}
