/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_SESSION_H
#define MQTT_SESSION_H

#include "monitor.h"
#include "random.h"

/*
 * Where the connection stands and when it is tried again: the one thing that Paho's threads and the
 * publish lane both change. Each function locks for itself and is for any thread.
 */
enum phase {
	PHASE_AWAY, /* not connected; the next attempt is due at due_ms */
	PHASE_CONNECTING, /* given up at due_ms */
	PHASE_CONNECTED,
};

struct session_options {
	bool auto_version; /* start with 5, fall back to 3.1.1 */
	unsigned attempt_ms; /* after which an attempt is given up */
	unsigned back_off_min_ms;
	unsigned back_off_max_ms;
	uint64_t seed;
};

struct session {
	struct monitor monitor;
	struct session_options options;
	enum phase phase;
	int64_t due_ms; /* monotonic */
	int64_t connected_ms;
	int version; /* of MQTT, in the next attempt or in the connection */
	bool settled; /* the broker has taken this version, or declined the other */
	bool stopping;
	unsigned failures; /* in a row, of connecting or of staying connected */
	unsigned hang_ups; /* in a row */
	uint64_t connections; /* made */
	uint64_t refused; /* attempts that failed */
	uint64_t lost;
	struct random random;
};

/* The first attempt is due at once. 0 or -errno. */
int session_init(struct session *session, const struct session_options *options, int version);
void session_finish(struct session *session);

/* An attempt begins. */
void session_begin(struct session *session);

/* What happened. True if it is news; false if the session stood elsewhere already, or is being
 * stopped. `hung_up`: the broker closed the connection instead of answering; `code` as in
 * reason.h. */
bool session_connected(struct session *session);
bool session_refused(struct session *session, int code, bool hung_up);
bool session_lost(struct session *session);

/* From now on nothing is news. */
void session_stop(struct session *session);

/* Waits until the connection has ended. */
void session_await_end(struct session *session, int64_t deadline_ms);

/* A copy of the numbers; the monitor in it is of no use. */
struct session session_snapshot(struct session *session);

#endif
