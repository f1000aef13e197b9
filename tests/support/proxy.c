/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy.h"

#include "loopback.h"
#include "timing.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPES   (2 * PROXY_CONNECTIONS)
#define TURN_MS 5

static void die(const char *what) {
	fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Both directions of the pipe's connection. */
static void hang_up(struct proxy *proxy, int pipe) {
	struct proxy_pipe *pair = &proxy->pipes[pipe & ~1];

	close(pair[0].from);
	close(pair[0].to);
	for (int i = 0; i < 2; i++)
		pair[i] = (struct proxy_pipe){ .from = -1, .to = -1 };
}

static void hang_up_all(struct proxy *proxy) {
	for (int i = 0; i < PIPES; i += 2) {
		if (proxy->pipes[i].from >= 0)
			hang_up(proxy, i);
	}
}

static void open_pair(struct proxy *proxy, int client) {
	struct sockaddr_in address = loopback(proxy->target);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < PIPES; i += 2) {
		if (proxy->pipes[i].from >= 0)
			continue;
		if (connect(server, (struct sockaddr *)&address, sizeof(address)) < 0)
			break;
		proxy->pipes[i].from = proxy->pipes[i + 1].to = client;
		proxy->pipes[i].to = proxy->pipes[i + 1].from = server;
		return;
	}
	close(server);
	close(client);
}

static void welcome(struct proxy *proxy) {
	int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	atomic_fetch_add(&proxy->accepted, 1);
	if (proxy->manner == PROXY_REFUSES)
		close(client);
	else
		open_pair(proxy, client);
}

static void read_piece(struct proxy *proxy, int number) {
	struct proxy_pipe *pipe = &proxy->pipes[number];
	ssize_t got = recv(pipe->from, pipe->bytes, sizeof(pipe->bytes), 0);

	if (got <= 0) {
		hang_up(proxy, number);
		return;
	}
	pipe->length = (size_t)got;
	pipe->due_ms = now_ms() + (proxy->manner == PROXY_DELAYS ? PROXY_DELAY_MS : 0);
}

static void pass_on(struct proxy *proxy, int number) {
	struct proxy_pipe *pipe = &proxy->pipes[number];

	if (pipe->length == 0 || now_ms() < pipe->due_ms)
		return;
	if (send(pipe->to, pipe->bytes, pipe->length, MSG_NOSIGNAL) != (ssize_t)pipe->length)
		hang_up(proxy, number);
	else
		pipe->length = 0;
}

/* Waits for what may happen next: a connection, or bytes where none wait already. */
static void await(struct proxy *proxy, struct pollfd *ready) {
	bool silent = proxy->manner == PROXY_IS_SILENT;

	for (int i = 0; i < PIPES; i++) {
		bool reads = !silent && proxy->pipes[i].length == 0;

		ready[i] = (struct pollfd){ reads ? proxy->pipes[i].from : -1, POLLIN, 0 };
	}
	ready[PIPES] = (struct pollfd){ proxy->listener, POLLIN, 0 };
	poll(ready, PIPES + 1, TURN_MS);
}

static void turn(struct proxy *proxy) {
	struct pollfd ready[PIPES + 1];

	await(proxy, ready);
	if (proxy->manner == PROXY_REFUSES)
		hang_up_all(proxy);
	for (int i = 0; i < PIPES && proxy->manner != PROXY_IS_SILENT; i++) {
		if (ready[i].revents && proxy->pipes[i].from == ready[i].fd)
			read_piece(proxy, i);
		pass_on(proxy, i);
	}
	if (ready[PIPES].revents)
		welcome(proxy);
}

static void *work(void *context) {
	struct proxy *proxy = context;

	while (!proxy->finishing)
		turn(proxy);
	return NULL;
}

void proxy_start(struct proxy *proxy, int target) {
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);

	*proxy = (struct proxy){ .target = target };
	for (int i = 0; i < PIPES; i++)
		proxy->pipes[i].from = proxy->pipes[i].to = -1;
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&address, length) < 0 ||
		listen(proxy->listener, PROXY_CONNECTIONS) < 0 ||
		getsockname(proxy->listener, (struct sockaddr *)&address, &length) < 0)
		die("listener");
	proxy->port = ntohs(address.sin_port);
	errno = pthread_create(&proxy->thread, NULL, work, proxy);
	if (errno != 0)
		die("thread");
}

void proxy_behave(struct proxy *proxy, enum proxy_manner manner) {
	proxy->manner = manner;
}

void proxy_finish(struct proxy *proxy) {
	proxy->finishing = 1;
	pthread_join(proxy->thread, NULL);
	hang_up_all(proxy);
	close(proxy->listener);
}
