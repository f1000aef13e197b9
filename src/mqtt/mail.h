/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MQTT_MAIL_H
#define MQTT_MAIL_H

#include "span.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What passes between Paho and the loop, in either direction: a message, or news of the
 * connection. Packed one after the other into plain bytes without pointers, so that a box of mail
 * may as well be a file mapping that outlives the process: there each mail is sealed with its
 * position in the stream of all mail and a checksum, which tell it from one that was not finished
 * and from one of an earlier round.
 */
enum mail_kind {
	MAIL_MESSAGE = 1,
	MAIL_CONNECTED, /* code: MQTT version (4 for 3.1.1, 5); session: the broker knew us */
	MAIL_REFUSED, /* a connection attempt failed; code, payload: the reason */
	MAIL_LOST, /* an established connection ended; code, payload: the reason */
	MAIL_FILTER_REFUSED, /* topic: a subscription the broker declined; code, payload */
};

struct mail {
	enum mail_kind kind;
	int code; /* MQTT reason or return code, Paho's negative code, 0 */
	int64_t time_ms; /* received: Unix time of arrival; sent: not looked at */
	uint32_t expiry_s; /* message expiry (MQTT 5), 0: none */
	uint8_t qos;
	bool retained;
	bool session;
	struct span topic;
	struct span payload; /* news: a phrase for people */
	struct span response_topic; /* MQTT 5, empty if not given */
	struct span correlation; /* MQTT 5, empty if not given; goes back with the response */
};

/* Bytes that the mail takes when packed: a multiple of eight. */
size_t mail_packed_size(const struct mail *mail);

/* Packs into mail_packed_size() bytes at `to`, aligned to eight. */
void mail_pack(char *to, const struct mail *mail);

/* Reads the mail at the start of `*rest`, whose spans then point into it, and advances `*rest`
 * past it. False at the end, and where the bytes are no mail. */
bool mail_unpack(struct span *rest, struct mail *ret_mail);

/* Seals what mail_pack has made. */
void mail_seal(char *packed, uint64_t position);

/* The packed size of the mail that begins the bytes and is sealed for this position; 0: none does. */
size_t mail_sealed_size(struct span bytes, uint64_t position);

#endif
