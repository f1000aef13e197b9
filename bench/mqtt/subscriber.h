/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SUBSCRIBER_H
#define BENCH_SUBSCRIBER_H

#include <stdatomic.h>
#include <sys/types.h>

/* A process that subscribes to bench/# at QoS 0 and does nothing but count what comes. */
struct subscriber {
	pid_t pid;
	_Atomic int *received; /* shared with it */
};

enum subscriber_library {
	SUBSCRIBER_MOSQUITTO,
	SUBSCRIBER_PAHO, /* with the options that the daemon gives it */
};

/* Returns once the broker has accepted the subscription; ends the benchmark if it does not. */
void subscriber_start(struct subscriber *subscriber, enum subscriber_library library, int port);

void subscriber_finish(struct subscriber *subscriber);

#endif
