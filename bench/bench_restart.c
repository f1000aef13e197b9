/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long does the daemon take from exec until it is ready, with many detectors in its database? Each
 * has one channel and a few dozen readings behind it. Started again after an orderly stop, and after
 * SIGKILL a moment after each detector has had one more reading, which no saved state contains.
 *
 *     bench_restart [DETECTORS_LEAN [DETECTORS_FULL]]
 */
#include "scene.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>

#define LEAN 10000
#define FULL 4000 /* 427 kB each, so that they fit into 2 GB; 10 000 take 4.5 GB */

#define READINGS 48
#define BEGIN    1700000040
#define STEP_S   60

/* Of readings that go out in one message. */
#define PAYLOAD_MAX 4096

/* Messages between two questions whether the daemon has kept up. */
#define BURST 500

/* Seconds that may pass until it is ready with LEAN detectors. */
#define MARK_S 3.0

static void publish_readings(int detector, int from, int to) {
	char topic[32], payload[PAYLOAD_MAX];
	int length = 0;

	for (int i = from; i < to; i++)
		length += snprintf(payload + length, sizeof(payload) - (size_t)length,
			"m value=%d %d000000000\n", (detector + i * i) % 17, BEGIN + STEP_S * i);
	snprintf(topic, sizeof(topic), "restart/d%d", detector);
	peer_publish(&peer, topic, payload, (size_t)length, 0, false);
}

static void publish_all(int detectors, int from, int to) {
	for (int i = 0; i < detectors; i++) {
		publish_readings(i, from, to);
		if (i % BURST == BURST - 1)
			await_subscribed(&peer);
	}
	await_subscribed(&peer);
}

/* Every state is saved, and contains every reading. */
static void await_saved(int detectors) {
	char expected[32];

	snprintf(expected, sizeof(expected), "%d|0", detectors);
	process_await_query(&process,
		"SELECT (SELECT count(*) FROM state), (SELECT count(*) FROM pending)", expected);
}

static double started_in_s(void) {
	int64_t begin_ms = now_ms();

	process_start(&process);
	return (double)(now_ms() - begin_ms) / 1e3;
}

static void prepare(const char *rows) {
	char configuration[512];

	snprintf(configuration, sizeof(configuration),
		"[store]\nstate_interval = 5s\n[forecast]\nmodel = " MODELS
		"/base-2.safetensors\nrows = %s\n"
		"[limits]\nmemory = 6G\n"
		"[source restart]\ntopic = restart/{detector}\nformat = line-protocol\n"
		"channels = value\nqos = 0\nstep = %ds\n",
		rows, STEP_S);
	scene_open(configuration);
	process_start(&process);
	peer_subscribe(&peer, "xlstm/main/response/#", 1);
	await_subscribed(&peer);
}

static void measure(const char *rows, int detectors) {
	prepare(rows);
	publish_all(detectors, 0, READINGS);
	await_saved(detectors);
	process_stop(&process);
	double stopped_s = started_in_s();

	await_subscribed(&peer);
	publish_all(detectors, READINGS, READINGS + 1);
	process_kill(&process);
	double killed_s = started_in_s();
	double bytes = process_query_number(&process, "SELECT sum(length(bytes)) FROM state");

	printf("%-5s %9d %10.1f MB %8.2f s %8.2f s\n", rows, detectors, bytes / 1e6, stopped_s,
		killed_s);
	fflush(stdout);
	scene_close(NULL);
}

int main(int argc, char **argv) {
	int lean = argc > 1 ? atoi(argv[1]) : LEAN;
	int full = argc > 2 ? atoi(argv[2]) : FULL;

	printf("mark: %.1f s with %d lean detectors\n", MARK_S, LEAN);
	printf("rows  detectors        states    stopped     killed\n");
	measure("lean", lean);
	measure("full", full);
	return 0;
}
