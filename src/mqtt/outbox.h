/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_OUTBOX_H
#define MQTT_OUTBOX_H

#include "mail.h"
#include "text.h"

/*
 * The messages of a turn of the loop, for the publish lane. The loop fills one outbox while the
 * lane sends another; like any job, an outbox belongs to the lane from lane_start until done.
 */
struct outbox {
	struct text packed;
	size_t limit; /* bytes packed at the most */
	uint32_t count; /* messages in it */
	uint64_t shed; /* messages refused since outbox_init */
};

void outbox_init(struct outbox *outbox, size_t limit);
void outbox_finish(struct outbox *outbox);

/* Copies a message in; topic, payload, qos, retained, expiry_s, correlation (and response_topic)
 * are what is sent. 0, E_OVERFLOW (counted) or -ENOMEM. */
int outbox_add(struct outbox *outbox, const struct mail *mail);

/* The packed messages, to be read with mail_unpack(). */
struct span outbox_mail(const struct outbox *outbox);

/* Empties it; memory that it hardly ever needs is given back. */
void outbox_reset(struct outbox *outbox);

#endif
