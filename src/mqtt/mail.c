/* SPDX-License-Identifier: Apache-2.0 */
#include "mail.h"

/* In front of each packed mail; the bytes of its four spans follow, then up to seven of padding. */
struct mail_header {
	uint64_t size; /* of the whole packed mail */
	int64_t time_ms;
	uint32_t topic_length;
	uint32_t payload_length;
	uint32_t response_topic_length;
	uint32_t correlation_length;
	uint32_t expiry_s;
	int32_t code;
	uint8_t kind;
	uint8_t qos;
	uint8_t retained;
	uint8_t session;
	uint32_t unused;
};

#define ALIGNMENT 8

size_t mail_packed_size(const struct mail *mail) {
	size_t size = sizeof(struct mail_header) + mail->topic.length + mail->payload.length +
		      mail->response_topic.length + mail->correlation.length;

	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static char *pack_span(char *to, struct span bytes) {
	if (bytes.length > 0)
		memcpy(to, bytes.data, bytes.length);
	return to + bytes.length;
}

void mail_pack(char *to, const struct mail *mail) {
	size_t size = mail_packed_size(mail);
	char *end = to + size;
	const struct mail_header header = {
		.size = size,
		.time_ms = mail->time_ms,
		.topic_length = (uint32_t)mail->topic.length,
		.payload_length = (uint32_t)mail->payload.length,
		.response_topic_length = (uint32_t)mail->response_topic.length,
		.correlation_length = (uint32_t)mail->correlation.length,
		.expiry_s = mail->expiry_s,
		.code = mail->code,
		.kind = (uint8_t)mail->kind,
		.qos = mail->qos,
		.retained = mail->retained,
		.session = mail->session,
	};

	memcpy(to, &header, sizeof(header));
	to = pack_span(to + sizeof(header), mail->topic);
	to = pack_span(to, mail->payload);
	to = pack_span(to, mail->response_topic);
	to = pack_span(to, mail->correlation);
	memset(to, 0, (size_t)(end - to));
}

static struct span unpack_span(const char **at, size_t length) {
	struct span bytes = { *at, length };

	*at += length;
	return bytes;
}

bool mail_unpack(struct span *rest, struct mail *ret_mail) {
	struct mail_header header;

	if (rest->length < sizeof(header))
		return false;
	memcpy(&header, rest->data, sizeof(header));

	const char *at = rest->data + sizeof(header);
	const struct mail mail = {
		.kind = (enum mail_kind)header.kind,
		.code = header.code,
		.time_ms = header.time_ms,
		.expiry_s = header.expiry_s,
		.qos = header.qos,
		.retained = header.retained,
		.session = header.session,
		.topic = unpack_span(&at, header.topic_length),
		.payload = unpack_span(&at, header.payload_length),
		.response_topic = unpack_span(&at, header.response_topic_length),
		.correlation = unpack_span(&at, header.correlation_length),
	};
	if (header.size > rest->length || header.size != mail_packed_size(&mail))
		return false;

	rest->data += header.size;
	rest->length -= header.size;
	*ret_mail = mail;
	return true;
}
