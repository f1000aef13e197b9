/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message costs the daemon, in CPU time, beside what it costs a subscriber that does nothing
 * with it. Both listen to the same broker at the same time: 1 000 topics, some 60 bytes of JSON,
 * QoS 0, in three rounds: readings not stored, readings stored, and forecasts of 24 steps on.
 *
 *     bench_ingest XLSTMD [MESSAGES [PER_SECOND]]
 */
#include "broker.h"
#include "daemon.h"
#include "peer.h"
#include "program.h"
#include "timing.h"

#include <mosquitto.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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
	const char *configuration;
	double mark; /* CPU over the bare subscriber's, at the most; 0: none */
};

static const struct round rounds[] = {
	{"not storing",                        "[store]\nreadings = off\nforecasts = off\n[forecast]\nenabled = off\n",
         2.5													       },
	{ "storing every reading",             "[store]\nforecasts = off\n[forecast]\nenabled = off\n",                 4.5},
	{ "storing, forecasts of 24 steps on", "[forecast]\nhorizon = 24\n",                                            0  },
};

#define ROUNDS (sizeof(rounds) / sizeof(rounds[0]))

/* ---- The bare subscriber, a process of its own ---- */

static _Atomic int *received; /* shared */

static void on_message(
	struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message) {
	(void)mosquitto;
	(void)context;
	(void)message;
	atomic_fetch_add_explicit(received, 1, memory_order_relaxed);
}

static void on_connect(struct mosquitto *mosquitto, void *context, int code) {
	(void)context;
	if (code != 0 || mosquitto_subscribe(mosquitto, NULL, "bench/#", 0) != MOSQ_ERR_SUCCESS)
		_exit(1);
}

static pid_t start_subscriber(int port) {
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mosquitto_lib_init();
	struct mosquitto *mosquitto = mosquitto_new(NULL, true, NULL);
	mosquitto_message_callback_set(mosquitto, on_message);
	mosquitto_connect_callback_set(mosquitto, on_connect);
	if (mosquitto_connect(mosquitto, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS)
		_exit(1);
	mosquitto_loop_forever(mosquitto, -1, 1);
	_exit(0);
}

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

/* ---- A round ---- */

struct result {
	double bare_us, daemon_us; /* CPU per message */
	uint64_t lost;
};

static bool drained(void *context) {
	const int *messages = context;

	return atomic_load(received) >= *messages;
}

static struct result run(
	const struct round *round, const char *program, int messages, int per_second) {
	const struct broker_options options = { .lines = "max_queued_messages 0" };
	static struct peer peer;
	struct broker broker;
	struct daemon daemon;

	if (!broker_start(&broker, &options)) {
		printf("no mosquitto here\n");
		exit(77);
	}
	atomic_store(received, 0);
	daemon_start(&daemon, program, &broker, round->configuration,
		"[source bench]\ntopic = bench/{detector}\nformat = json\nchannels = value\nqos = "
		"0\n"
		"time = time\nstep = 100ms\n");
	pid_t subscriber = start_subscriber(broker.port);
	peer_connect(&peer, broker.port);
	daemon_await_stats(&daemon, &peer, "messages", 0, DRAIN_MS);
	publish(peer.mosquitto, TOPICS, per_second); /* warms both up: every series is known */
	int warm = TOPICS;
	if (!wait_until(drained, &warm, DRAIN_MS))
		exit(1);
	daemon_await_stats(&daemon, &peer, "messages", TOPICS, DRAIN_MS);

	uint64_t bare = program_cpu_ns(subscriber), ours = program_cpu_ns(daemon.pid);
	publish(peer.mosquitto, messages, per_second);
	int all = TOPICS + messages;
	wait_until(drained, &all, DRAIN_MS);
	uint64_t got = daemon_await_stats(&daemon, &peer, "messages", (uint64_t)all, DRAIN_MS);
	struct result result = {
		.bare_us = (double)(program_cpu_ns(subscriber) - bare) / messages / 1e3,
		.daemon_us = (double)(program_cpu_ns(daemon.pid) - ours) / messages / 1e3,
		.lost = (uint64_t)all - got,
	};

	program_end(subscriber);
	peer_disconnect(&peer);
	daemon_finish(&daemon);
	broker_finish(&broker);
	return result;
}

int main(int argc, char **argv) {
	int messages = argc > 2 ? atoi(argv[2]) : MESSAGES;
	int per_second = argc > 3 ? atoi(argv[3]) : PER_SECOND;

	if (argc < 2 || messages < 1 || per_second < 1) {
		fprintf(stderr, "Usage: %s XLSTMD [MESSAGES [PER_SECOND]]\n", argv[0]);
		return 2;
	}
	received = mmap(
		NULL, sizeof(*received), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	printf("%d messages at %d a second over %d topics, QoS 0; CPU per message\n", messages,
		per_second, TOPICS);
	printf("%-36s %10s %10s %8s %6s\n", "", "bare", "xlstmd", "ratio", "mark");
	for (size_t i = 0; i < ROUNDS; i++) {
		struct result result = run(&rounds[i], argv[1], messages, per_second);
		printf("%-36s %7.2f us %7.2f us %8.2f", rounds[i].name, result.bare_us,
			result.daemon_us, result.daemon_us / result.bare_us);
		if (rounds[i].mark > 0)
			printf(" %6.1f", rounds[i].mark);
		if (result.lost > 0)
			printf("   %llu lost", (unsigned long long)result.lost);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
