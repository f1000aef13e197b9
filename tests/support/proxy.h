/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_PROXY_H
#define SUPPORT_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum proxy_manner {
	PROXY_FORWARDS,
	PROXY_DELAYS, /* passes pieces of at most PROXY_PIECE bytes on, each after a while */
	PROXY_REFUSES, /* closes what comes, and what there is */
	PROXY_IS_SILENT, /* keeps connections open and forwards nothing */
};

#define PROXY_DELAY_MS    150
#define PROXY_PIECE       4096
#define PROXY_CONNECTIONS 8

/* One direction of a connection. */
struct proxy_pipe {
	int from, to; /* -1: not in use */
	char bytes[PROXY_PIECE];
	size_t length; /* that wait to be passed on */
	int64_t due_ms;
};

/*
 * Stands between a client and a port on loopback, and is the network that fails. Ends the test
 * program if it can't work.
 */
struct proxy {
	int port; /* where the client connects to */
	int target; /* port that connections are passed on to */
	int listener;
	pthread_t thread;
	struct proxy_pipe pipes[2 * PROXY_CONNECTIONS]; /* in pairs */
	_Atomic int manner;
	_Atomic int accepted; /* connections so far */
	_Atomic int finishing;
};

void proxy_start(struct proxy *proxy, int target);
void proxy_behave(struct proxy *proxy, enum proxy_manner manner);
void proxy_finish(struct proxy *proxy);

#endif
