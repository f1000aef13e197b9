/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long after a reading is published its forecast is received, and whether learning delays it:
 * 100 readings a second, each from another of 100 sensors, through a real broker and the real daemon,
 * which forecasts with the network that ships and stores everything. In half of the runs it attempts
 * to learn all the time.
 *
 *     bench_latency XLSTMD [SECONDS [ROUNDS]]
 */
#include "broker.h"
#include "daemon.h"
#include "peer.h"
#include "program.h"
#include "timing.h"

#include <mosquitto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SENSORS     100
#define PER_SECOND  100
#define SECONDS     12
#define SECONDS_MAX 3600
#define ROUNDS      2
#define ROUNDS_MAX  100

/* Readings are an hour apart by their own clock. In so many of them lessons are recorded, of up to 160
 * each. */
#define STEP_S     3600
#define FEED_TICKS 260

/* At the pace of the measurement, before it begins. */
#define WARM_SECONDS 3

/* For the last forecasts to come. */
#define SETTLE_MS 500

#define MEDIAN_MARK_MS 2.0
#define P99_MARK_MS    10.0
#define RATIO_MARK     1.2

#define SECTIONS                                                                                   \
	"[forecast]\nmodel = " MODELS "/base-2.safetensors\n"                                      \
	"[source bench]\ntopic = bench/{detector}\nformat = json\nqos = 0\n"                       \
	"step = 1h\nhorizon = 24\nseason = 24\n"

/* One attempt after the other, each of one small step: so none gains what an adoption takes, after
 * which there would be no attempt for a day of readings. */
#define BUSY "[learning]\ninterval = 1m\nsteps = 1\nrate = 1\n"

enum way { FROZEN, LEARNING, WAYS };

static const struct {
	const char *name, *learning;
} ways[] = {
	[FROZEN] = { "off", "[learning]\nenabled = off\n" },
	[LEARNING] = { "busy", BUSY },
};

struct result {
	double median_ms, p99_ms, longest_ms;
	double training; /* share of one CPU that the thread which learns has used */
	int answered, expected;
};

/* When each sensor's latest reading was published; 0 once its forecast has come. */
static _Atomic int64_t published_ns[SENSORS];

static double latencies_ms[SECONDS_MAX * PER_SECOND];
static _Atomic int count;

/* The next reading's, and the time of the first. */
static int number;
static int64_t first_s;

static int64_t now_ns(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- Readings and forecasts ---- */

static void on_forecast(
	struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message) {
	int64_t received = now_ns();
	int sensor;

	(void)mosquitto;
	(void)context;
	if (sscanf(message->topic, "xlstm/forecast/sensor%d/", &sensor) != 1 || sensor < 0 ||
		sensor >= SENSORS)
		return;
	int64_t published = atomic_exchange(&published_ns[sensor], 0);
	if (published > 0 && count < SECONDS_MAX * PER_SECOND)
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

static void stop_listening(struct mosquitto *listener) {
	mosquitto_disconnect(listener);
	mosquitto_loop_stop(listener, false);
	mosquitto_destroy(listener);
}

/* Noise of up to two, the same in every run: there is little to learn in it. */
static double value_of_next(void) {
	return 20 + ((uint32_t)number * UINT32_C(2654435761) >> 16) / 32768.0;
}

/* All sensors in turn, then the next hour. */
static void publish_reading(struct mosquitto *mosquitto) {
	int sensor = number % SENSORS, hour = number / SENSORS;
	char topic[32], payload[128];

	snprintf(topic, sizeof(topic), "bench/sensor%d", sensor);
	int length = snprintf(payload, sizeof(payload), "{\"time\":%lld,\"value\":%.3f}",
		(long long)(first_s + (int64_t)hour * STEP_S), value_of_next());
	atomic_store(&published_ns[sensor], now_ns());
	if (mosquitto_publish(mosquitto, NULL, topic, length, payload, 0, false) !=
		MOSQ_ERR_SUCCESS)
		exit(1);
	number++;
}

static void publish(struct mosquitto *mosquitto, int seconds) {
	int64_t start = now_ns();

	for (int i = 0; i < seconds * PER_SECOND; i++) {
		int64_t due = start + i * (INT64_C(1000000000) / PER_SECOND);
		while (now_ns() < due)
			sleep_ms(1);
		publish_reading(mosquitto);
		mosquitto_loop(mosquitto, 0, 1);
	}
}

static bool all_are_answered(void *context) {
	(void)context;
	for (int sensor = 0; sensor < SENSORS; sensor++) {
		if (published_ns[sensor] > 0)
			return false;
	}
	return true;
}

/* As fast as forecasts come. */
static void feed(struct mosquitto *mosquitto) {
	for (int tick = 0; tick < FEED_TICKS; tick++) {
		for (int sensor = 0; sensor < SENSORS; sensor++)
			publish_reading(mosquitto);
		mosquitto_loop(mosquitto, 0, 1);
		if (!wait_until(all_are_answered, NULL, 10000)) {
			fprintf(stderr, "no forecast\n");
			exit(1);
		}
	}
}

/* ---- A run ---- */

static int ascending(const void *a, const void *b) {
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct result summarise(int expected, double training) {
	int answered = count;

	if (answered == 0) {
		fprintf(stderr, "no forecast\n");
		exit(1);
	}
	qsort(latencies_ms, (size_t)answered, sizeof(latencies_ms[0]), ascending);
	return (struct result){
		.median_ms = latencies_ms[answered / 2],
		.p99_ms = latencies_ms[answered * 99 / 100],
		.longest_ms = latencies_ms[answered - 1],
		.training = training,
		.answered = answered,
		.expected = expected,
	};
}

static struct result measure(
	const struct daemon *daemon, struct mosquitto *mosquitto, int seconds) {
	publish(mosquitto, WARM_SECONDS);
	sleep_ms(SETTLE_MS);
	count = 0;
	int64_t start = now_ns();
	uint64_t before = program_cpu_ns(daemon->pid, "train");
	publish(mosquitto, seconds);
	uint64_t after = program_cpu_ns(daemon->pid, "train");
	double training = (double)(after - before) / (double)(now_ns() - start);
	sleep_ms(SETTLE_MS);
	return summarise(seconds * PER_SECOND, training);
}

/* Its hours end with the present one, as hours that are to come are refused. */
static void begin_readings(int seconds) {
	int64_t hours = FEED_TICKS + (WARM_SECONDS + seconds) * PER_SECOND / SENSORS;

	number = 0;
	first_s = ((int64_t)time(NULL) / STEP_S - hours) * STEP_S;
}

static void await_attempt(struct daemon *daemon, struct peer *peer) {
	if (daemon_await_stats(daemon, peer, "attempts", 1, 30000) > 0)
		return;
	fprintf(stderr, "no attempt to learn\n");
	exit(1);
}

static struct result run(enum way way, const char *program, int seconds) {
	const struct broker_options options = { .lines = NULL };
	static struct peer peer;
	struct broker broker;
	struct daemon daemon;

	if (!broker_start(&broker, &options)) {
		printf("no mosquitto here\n");
		exit(77);
	}
	daemon_start(&daemon, program, &broker, ways[way].learning, SECTIONS);
	peer_connect(&peer, broker.port);
	daemon_await_stats(&daemon, &peer, "messages", 0, 60000);
	struct mosquitto *listener = listen_to_forecasts(broker.port);

	begin_readings(seconds);
	feed(peer.mosquitto);
	if (way == LEARNING)
		await_attempt(&daemon, &peer);
	struct result result = measure(&daemon, peer.mosquitto, seconds);

	stop_listening(listener);
	peer_disconnect(&peer);
	daemon_finish(&daemon);
	broker_finish(&broker);
	return result;
}

/* ---- Printing ---- */

static double median(double *values, int length) {
	qsort(values, (size_t)length, sizeof(values[0]), ascending);
	return (values[(length - 1) / 2] + values[length / 2]) / 2;
}

static void print_result(enum way way, const struct result *result) {
	printf("%-8s %9.2f %9.2f %9.2f %6.0f%% %7d of %d\n", ways[way].name, result->median_ms,
		result->p99_ms, result->longest_ms, 100 * result->training, result->answered,
		result->expected);
	fflush(stdout);
}

/* Medians over the rounds. */
static struct result middle(struct result results[][WAYS], enum way way, int rounds) {
	double medians[ROUNDS_MAX], p99s[ROUNDS_MAX];

	for (int round = 0; round < rounds; round++) {
		medians[round] = results[round][way].median_ms;
		p99s[round] = results[round][way].p99_ms;
	}
	return (struct result){
		.median_ms = median(medians, rounds),
		.p99_ms = median(p99s, rounds),
	};
}

static void print_middle(struct result results[][WAYS], int rounds) {
	struct result frozen = middle(results, FROZEN, rounds);
	struct result learning = middle(results, LEARNING, rounds);

	printf("\n%-16s %9s %9s %7s\n", "medians of runs", "median", "p99", "");
	printf("%-16s %9.2f %9.2f ms\n", "off", frozen.median_ms, frozen.p99_ms);
	printf("%-16s %9.2f %9.2f ms\n", "busy", learning.median_ms, learning.p99_ms);
	printf("%-16s %9.1f %9.1f ms\n", "mark", MEDIAN_MARK_MS, P99_MARK_MS);
	printf("%-16s %9.2f %9.2f\n", "busy over off", learning.median_ms / frozen.median_ms,
		learning.p99_ms / frozen.p99_ms);
	printf("%-16s %9s %9.2f\n", "mark", "", RATIO_MARK);
}

int main(int argc, char **argv) {
	int seconds = argc > 2 ? atoi(argv[2]) : SECONDS;
	int rounds = argc > 3 ? atoi(argv[3]) : ROUNDS;
	static struct result results[ROUNDS_MAX][WAYS];

	if (argc < 2 || seconds < 1 || seconds > SECONDS_MAX || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "Usage: %s XLSTMD [SECONDS [ROUNDS]]\n", argv[0]);
		return 2;
	}
	printf("From a reading to its forecast of 24 steps, ms, at %d a second for %d s\n",
		PER_SECOND, seconds);
	printf("%-8s %9s %9s %9s %7s %8s\n", "learning", "median", "p99", "longest", "a CPU",
		"answered");
	for (int round = 0; round < rounds; round++) {
		for (enum way way = FROZEN; way < WAYS; way++) {
			results[round][way] = run(way, argv[1], seconds);
			print_result(way, &results[round][way]);
		}
	}
	print_middle(results, rounds);
	return 0;
}
