/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_BROKER_H
#define SUPPORT_BROKER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A private mosquitto on a free loopback port, with a folder of its own that broker_finish removes.
 * Its life may be interrupted: stopped, killed, frozen, started again on the same port.
 */
struct broker {
	pid_t pid; /* 0 while it does not run */
	int port;
	bool tls;
	char folder[64]; /* configuration, log, certificates, passwords */
	char server[64]; /* tcp://127.0.0.1:port or ssl://localhost:port */
};

struct broker_options {
	const char *lines; /* more lines of mosquitto.conf, NULL: none */
	bool tls; /* with the files of certificates.sh in the folder */
	bool client_certificates; /* only clients that show one */
	const char *user; /* the only one allowed in, NULL: anybody */
	const char *password;
};

/* False: there is no mosquitto here, and the test should be skipped. Anything else that goes wrong
 * ends the test program with a message. */
bool broker_start(struct broker *broker, const struct broker_options *options);

/* SIGTERM, and waits. */
void broker_stop(struct broker *broker);

/* SIGKILL. */
void broker_kill(struct broker *broker);

/* Starts it again on its port; it must not run. */
void broker_restart(struct broker *broker);

/* SIGSTOP and SIGCONT: connections stay open, nobody answers. */
void broker_freeze(struct broker *broker);
void broker_thaw(struct broker *broker);

/* Stops it and removes the folder. */
void broker_finish(struct broker *broker);

/* The path of a file in the broker's folder, in a buffer that the next call but three reuses. */
const char *broker_file(const struct broker *broker, const char *name);

#endif
