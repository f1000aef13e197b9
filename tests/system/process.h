/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_PROCESS_H
#define SYSTEM_PROCESS_H

#include "broker.h"
#include "fault.h"
#include "peer.h"
#include "sanitizers.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * A real xlstmd with a folder of its own (configuration, database, log), seen the way a service
 * manager sees it: it is ready when it says so on the notification socket. Whatever goes wrong ends
 * the test program with a message and the daemon's log.
 */
struct process {
	pid_t pid; /* 0 while it does not run */
	char folder[64];
	struct fault_control *fault; /* what a preloaded library does to it */
	const char *preload; /* NULL: nothing */
	int notify; /* socket */
	pthread_t listener; /* always reads it, as a service manager does: a full one holds up the
	                     * daemon */
	pthread_mutex_t mutex;
	char heard[65536]; /* what came through it and has not been waited for; under mutex */
	size_t heard_length;
	bool finishing;
};

/* Generous: machines that build something else at the same time are slow. */
#define PATIENCE_MS (SANITIZED ? 120000 : 30000)

/* A private broker; where there is no mosquitto the test program ends, as skipped. */
void system_broker(struct broker *broker, const struct broker_options *options);

/* Makes the folder and writes xlstmd.conf: broker, database and short intervals, then `lines`, which
 * begin in section [daemon]. */
void process_create(struct process *process, const struct broker *broker, const char *lines);

/* Writes the configuration anew. */
void process_configure(struct process *process, const struct broker *broker, const char *lines);

/* Starts it, under the program that $RUNNER may name, with options, separated by spaces; `process_start` waits until it
 * is ready. */
void process_spawn(struct process *process);
void process_start(struct process *process);

/* Waits until the service manager hears the text, after what it has heard so far; false if it does
 * not. */
bool process_await(struct process *process, const char *text, unsigned timeout_ms);

void process_signal(struct process *process, int signal);

/* Waits for its end: exit status, or minus the number of the signal that ended it. */
int process_wait(struct process *process, unsigned timeout_ms);

/* SIGTERM; must end with status 0. */
void process_stop(struct process *process);

/* SIGKILL. */
void process_kill(struct process *process);

/* Ends it if need be, removes the folder. */
void process_finish(struct process *process);

/* What PRELOAD_x names is loaded into it at its next start and does as process->fault says. */
#define PRELOAD_SYSTEM "FAULT_SYSTEM"
#define PRELOAD_MEMORY "FAULT_MEMORY"
void process_preload(struct process *process, const char *library);

/* The path of a file in the folder, in a buffer that the next call but three reuses. */
const char *process_file(const struct process *process, const char *name);

/* How it has ended, as process_wait says; 1000 if it has not within the time. */
int process_poll(struct process *process, unsigned timeout_ms);
#define PROCESS_RUNS 1000

/* Whether the log holds the text. */
bool process_logged(const struct process *process, const char *text);

/* The result of a query, as sqlite3 -readonly prints it, without the last line end; to be freed. */
char *process_query(const struct process *process, const char *sql);

/* The result of a query that gives one number. */
double process_query_number(const struct process *process, const char *sql);

/* Waits until a query gives this text. */
void process_await_query(const struct process *process, const char *sql, const char *expected);

/* Waits for the next message on this topic and reads it as JSON; to be released with
 * json_decref. Other messages are passed over. */
json_t *await_json(struct peer *peer, const char *topic);

/* Waits for statistics in which the number at the path ("refused.late") is at least this, and
 * returns them. */
json_t *await_stats(struct peer *peer, const char *path, double at_least);

/* What statistics say of the trouble of that name; NULL if it is not there. */
const json_t *find_trouble(const json_t *stats, const char *name);

/* Waits until the daemon has subscribed: until it answers. is_subscribed asks once. */
void await_subscribed(struct peer *peer);
bool is_subscribed(struct peer *peer, unsigned timeout_ms);

/* The number at a path of names with dots; NAN if there is none. */
double json_number_at(const json_t *json, const char *path);

/* Publishes a number, QoS 1. */
void publish_number(struct peer *peer, const char *topic, double value);

/* Publishes text, QoS 1. */
void publish_text(struct peer *peer, const char *topic, const char *text);

#endif
