/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "backoff.h"
#include "now.h"

#define VERSION_3_1_1 4
#define VERSION_5     5

/* "Unacceptable protocol version" in MQTT 3.1.1 and in MQTT 5. */
#define DECLINED_3_1_1 1
#define DECLINED_5     0x84

/* Connections closed instead of answered until the other version of MQTT is tried: a broker that
 * knows only 3.1.1 may just hang up. */
#define HANG_UPS_MAX 2

int session_init(struct session *session, const struct session_options *options, int version) {
	*session = (struct session){ .options = *options, .version = version };
	random_init(&session->random, options->seed);
	session->settled = !options->auto_version;
	return monitor_init(&session->monitor);
}

void session_finish(struct session *session) {
	monitor_finish(&session->monitor);
}

void session_begin(struct session *session) {
	monitor_lock(&session->monitor);
	session->phase = PHASE_CONNECTING;
	session->due_ms = monotonic_ms() + session->options.attempt_ms;
	monitor_unlock(&session->monitor);
}

bool session_connected(struct session *session) {
	monitor_lock(&session->monitor);
	bool news = session->phase != PHASE_CONNECTED;
	if (news) {
		session->phase = PHASE_CONNECTED;
		session->connected_ms = monotonic_ms();
		session->settled = true;
		session->connections++;
	}
	news = news && !session->stopping;
	monitor_unlock(&session->monitor);
	return news;
}

/* Locked. */
static void schedule(struct session *session) {
	session->phase = PHASE_AWAY;
	session->failures++;
	session->due_ms =
		monotonic_ms() + backoff_ms(&session->random, session->options.back_off_min_ms,
					 session->options.back_off_max_ms, session->failures);
	monitor_notify(&session->monitor);
}

/* The version of the next attempt, after one that failed; locked. */
static void reconsider_version(struct session *session, int code, bool hung_up) {
	session->hang_ups = hung_up ? session->hang_ups + 1 : 0;
	if (session->settled)
		return;
	if (session->version == VERSION_5 && (code == DECLINED_3_1_1 || code == DECLINED_5)) {
		session->version = VERSION_3_1_1;
		session->settled = true;
	} else if (session->hang_ups >= HANG_UPS_MAX) {
		session->version = session->version == VERSION_5 ? VERSION_3_1_1 : VERSION_5;
		session->hang_ups = 0;
	}
}

bool session_refused(struct session *session, int code, bool hung_up) {
	monitor_lock(&session->monitor);
	bool news = session->phase == PHASE_CONNECTING;
	if (news) {
		session->refused++;
		schedule(session);
		reconsider_version(session, code, hung_up);
	}
	news = news && !session->stopping;
	monitor_unlock(&session->monitor);
	return news;
}

bool session_lost(struct session *session) {
	monitor_lock(&session->monitor);
	bool news = session->phase == PHASE_CONNECTED;
	if (news) {
		/* A connection that held is forgiven all that came before it. */
		if (monotonic_ms() - session->connected_ms > session->options.back_off_max_ms)
			session->failures = 0;
		session->lost++;
		schedule(session);
	}
	news = news && !session->stopping;
	monitor_unlock(&session->monitor);
	return news;
}

void session_stop(struct session *session) {
	monitor_lock(&session->monitor);
	session->stopping = true;
	monitor_unlock(&session->monitor);
}

void session_await_end(struct session *session, int64_t deadline_ms) {
	monitor_lock(&session->monitor);
	while (session->phase == PHASE_CONNECTED) {
		if (!monitor_wait(&session->monitor, deadline_ms))
			break;
	}
	monitor_unlock(&session->monitor);
}

struct session session_snapshot(struct session *session) {
	monitor_lock(&session->monitor);
	struct session copy = *session;
	monitor_unlock(&session->monitor);
	return copy;
}
