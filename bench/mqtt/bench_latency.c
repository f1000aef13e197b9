/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long after a reading is published its forecast is received: 100 readings a second, each from
 * another of 100 sensors, through a real broker and the real daemon, which stores everything.
 *
 *     bench_latency XLSTMD [SECONDS]
 */
#include "broker.h"
#include "daemon.h"
#include "peer.h"
#include "timing.h"

#include <mosquitto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SENSORS     100
#define PER_SECOND  100
#define SECONDS     30
#define SECONDS_MAX 3600

/* Until every series has been seen a few times. */
#define WARM_SECONDS 5

/* For the last forecasts to come. */
#define SETTLE_MS 500

#define MEDIAN_MARK_MS 2.0
#define P99_MARK_MS    10.0

/* When each sensor's latest reading was published; 0 once its forecast has come. */
static _Atomic int64_t published_ns[SENSORS];

static double latencies_ms[SECONDS_MAX * PER_SECOND];
static _Atomic int count;
static _Atomic bool warm;

static int64_t now_ns(clockid_t clock) {
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void on_forecast(
	struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message) {
	int64_t received = now_ns(CLOCK_MONOTONIC);
	int sensor;

	(void)mosquitto;
	(void)context;
	if (sscanf(message->topic, "xlstm/forecast/sensor%d/", &sensor) != 1 || sensor < 0 ||
		sensor >= SENSORS)
		return;
	int64_t published = atomic_exchange(&published_ns[sensor], 0);
	if (published > 0 && warm && count < SECONDS_MAX * PER_SECOND)
		latencies_ms[count++] = (double)(received - published) / 1e6;
}

static struct mosquitto *listen_to_forecasts(int port) {
	struct mosquitto *mosquitto = mosquitto_new(NULL, true, NULL);

	mosquitto_message_callback_set(mosquitto, on_forecast);
	if (mosquitto_connect(mosquitto, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS ||
		mosquitto_subscribe(mosquitto, NULL, "xlstm/forecast/#", 0) != MOSQ_ERR_SUCCESS ||
		mosquitto_loop_start(mosquitto) != MOSQ_ERR_SUCCESS) {
		fprintf(stderr, "no subscription\n");
		exit(1);
	}
	return mosquitto;
}

static void publish_reading(struct mosquitto *mosquitto, int number) {
	int sensor = number % SENSORS;
	char topic[32], payload[128];

	snprintf(topic, sizeof(topic), "bench/sensor%d", sensor);
	int length = snprintf(payload, sizeof(payload), "{\"time\":%.3f,\"value\":%.3f}",
		(double)now_ns(CLOCK_REALTIME) / 1e9, 20 + number % 97 * 0.125);
	atomic_store(&published_ns[sensor], now_ns(CLOCK_MONOTONIC));
	if (mosquitto_publish(mosquitto, NULL, topic, length, payload, 0, false) !=
		MOSQ_ERR_SUCCESS)
		exit(1);
}

static void publish(struct mosquitto *mosquitto, int seconds) {
	int64_t start = now_ns(CLOCK_MONOTONIC);

	for (int number = 0; number < seconds * PER_SECOND; number++) {
		int64_t due = start + number * (INT64_C(1000000000) / PER_SECOND);
		while (now_ns(CLOCK_MONOTONIC) < due)
			sleep_ms(1);
		publish_reading(mosquitto, number);
		mosquitto_loop(mosquitto, 0, 1);
	}
}

static int ascending(const void *a, const void *b) {
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void print_result(int expected) {
	int number = count;

	qsort(latencies_ms, (size_t)number, sizeof(latencies_ms[0]), ascending);
	printf("%d of %d readings were answered by a forecast of 24 steps, at %d a second\n",
		number, expected, PER_SECOND);
	if (number == 0)
		exit(1);
	printf("%-10s %10s %6s\n", "", "ms", "mark");
	printf("%-10s %10.2f %6.1f\n", "median", latencies_ms[number / 2], MEDIAN_MARK_MS);
	printf("%-10s %10.2f %6.1f\n", "p99", latencies_ms[number * 99 / 100], P99_MARK_MS);
	printf("%-10s %10.2f\n", "longest", latencies_ms[number - 1]);
}

int main(int argc, char **argv) {
	const struct broker_options options = { .lines = NULL };
	int seconds = argc > 2 ? atoi(argv[2]) : SECONDS;
	static struct peer peer;
	struct broker broker;
	struct daemon daemon;

	if (argc < 2 || seconds < 1 || seconds > SECONDS_MAX) {
		fprintf(stderr, "Usage: %s XLSTMD [SECONDS]\n", argv[0]);
		return 2;
	}
	if (!broker_start(&broker, &options)) {
		printf("no mosquitto here\n");
		return 77;
	}
	daemon_start(&daemon, argv[1], &broker, "[forecast]\nhorizon = 24\n",
		"[source bench]\ntopic = bench/{detector}\nformat = json\nqos = 0\nstep = 1s\n");
	peer_connect(&peer, broker.port);
	daemon_await_stats(&daemon, &peer, "messages", 0, 60000);
	struct mosquitto *listener = listen_to_forecasts(broker.port);

	publish(peer.mosquitto, WARM_SECONDS);
	sleep_ms(SETTLE_MS);
	warm = true;
	publish(peer.mosquitto, seconds);
	sleep_ms(SETTLE_MS);
	mosquitto_disconnect(listener);
	mosquitto_loop_stop(listener, false);
	mosquitto_destroy(listener);
	print_result(seconds * PER_SECOND);

	peer_disconnect(&peer);
	daemon_finish(&daemon);
	broker_finish(&broker);
	return 0;
}
