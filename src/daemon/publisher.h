/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_PUBLISHER_H
#define DAEMON_PUBLISHER_H

#include "lane.h"
#include "mqtt.h"

#include <uv.h>

/*
 * The broker's side of the daemon: two outboxes, one that fills while the other is sent on the
 * publish lane, which also tends the connection. Nobody else calls into Paho.
 *
 * Without a connection nothing is kept for later: a forecast is soon replaced by the next one. What
 * is left out is counted.
 */
struct publish_job {
	struct mqtt *mqtt;
	struct outbox *outbox; /* NULL: nothing to send */
	bool tend;
	int64_t tend_again_ms; /* after that many, -1: not before news */
	uint64_t busy_ns;
	struct publisher *publisher;
};

struct publisher {
	struct mqtt *mqtt;
	struct outbox outboxes[2];
	unsigned filling;
	bool tend; /* is due */
	bool connected;
	bool refused; /* and the log has been told, once for a series of attempts */
	uint64_t unsent; /* messages left out: no connection, or the outbox was full */
	uint64_t busy_ns;
	struct mqtt_counters counters; /* as asked for last */
	struct publish_job job;
	struct lane lane;
	uv_timer_t timer;
	uv_loop_t *loop; /* NULL: not initialised */
};

/* Takes over the client. outbox_max: bytes of one outbox. 0 or -errno. */
int publisher_init(
	struct publisher *publisher, uv_loop_t *loop, struct mqtt *mqtt, size_t outbox_max);

/* Sends what waits, says goodbye and destroys the client; takes at most about timeout_ms. Nothing
 * more arrives afterwards, and what is added is counted as unsent. */
void publisher_stop(struct publisher *publisher, unsigned timeout_ms);

/* Stops it if need be. The loop must run once more to close the handles. Fine on a publisher that
 * was never initialised, but for its client, which is then destroyed. */
void publisher_finish(struct publisher *publisher, unsigned timeout_ms);

/* News of the connection, as it came through the inbox. */
void publisher_hear(struct publisher *publisher, const struct mail *news);

/* Copies a message in, to be sent soon; counts it if it can't be. */
void publisher_add(struct publisher *publisher, const struct mail *mail);

struct mqtt_counters publisher_counters(struct publisher *publisher);

/* Starts what is due; before the loop waits. */
void publisher_start(struct publisher *publisher);

#endif
